package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/strict"
)

// inputCommand is the action's own input: which command to run.
const inputCommand = "command"

// checkNames refuses a variable that is set for Hallmark and means nothing to
// it: a cutoff that is misspelt would be a cutoff that nobody wanted. A name of
// the family HALLMARK_ that is like none of ours is left alone; that it is there
// is told.
func (a *app) checkNames(s step) error {
	ours, inputs, deaf := ownVariables(), actionInputs(), s.deafTo()
	var foreign []string
	for _, entry := range a.environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.TrimSpace(value) == "" {
			continue
		}
		if rest, ok := strings.CutPrefix(name, "INPUT_"); ok && (s.host == byAction || a.inAction()) && !slices.Contains(inputs, rest) {
			return misspelt("input", strings.ToLower(rest), lower(inputs))
		}
		if slices.Contains(deaf, name) {
			a.complain("note", name+" is not believed: here, what decides comes from the step's own inputs", "")
		}
		if !strings.HasPrefix(name, "HALLMARK_") || slices.Contains(ours, name) {
			continue
		}
		if near, distance := strict.Nearest(name, ours); distance <= maxTypos(near) {
			return misspelt("variable", name, ours)
		}
		foreign = append(foreign, plain.Line(name, 100))
	}
	slices.Sort(foreign)
	for _, name := range foreign {
		a.complain("note", name+" is set, and no input of Hallmark's", "")
	}
	return nil
}

// inAction reports whether this is a step of GitHub's that names inputs for
// Hallmark: elsewhere INPUT_ variables may be those of somebody else.
func (a *app) inAction() bool {
	_, image := a.env("INPUT_IMAGE")
	_, command := a.env("INPUT_" + strings.ToUpper(inputCommand))
	return a.host.Host == ci.GitHub && (image || command)
}

// ownVariables returns the variables HALLMARK_ that mean something: the inputs,
// and the outputs that an earlier job of GitLab's left.
func ownVariables() []string {
	var names []string
	for _, i := range inputs() {
		names = append(names, ci.Variable(i.name))
	}
	for _, output := range ci.Outputs() {
		names = append(names, ci.Variable(output))
	}
	return names
}

// actionInputs returns the inputs of a step as GitHub spells them in variables;
// the last two are GitHub's own, for images that are used without an action.
func actionInputs() []string {
	names := []string{strings.ToUpper(inputCommand), "ARGS", "ENTRYPOINT"}
	for _, i := range inputs() {
		names = append(names, strings.ToUpper(i.name))
	}
	return names
}

func misspelt(what, name string, known []string) error {
	near, distance := strict.Nearest(name, known)
	err := fault.Usagef("unknown %s %q", what, plain.Line(name, 100))
	if distance > maxTypos(near) {
		return fault.WithHint(err, "the README lists the inputs")
	}
	return fault.WithHint(err, "did you mean %s?", near)
}

// maxTypos is how many letters may be wrong in a name that is still meant.
func maxTypos(name string) int { return strict.Typos(strings.TrimPrefix(name, "HALLMARK_")) }

// flagHint says which flag was meant by one that there is not, or where they are
// listed.
func flagHint(c *cobra.Command, err error) string {
	list := c.CommandPath() + " --help lists the flags"
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok || unknown.GetSpecifiedShortnames() != "" {
		return list
	}
	var known []string
	c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	near, distance := strict.Nearest(unknown.GetSpecifiedName(), known)
	if distance > maxTypos(near) {
		return list
	}
	return "did you mean --" + near + "? " + list
}

func lower(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, strings.ToLower(n))
	}
	return out
}
