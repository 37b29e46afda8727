package cli

import (
	"bufio"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// stepFlag is the flag by which the action and the component tell that they start
// the program. It is an argument, which no earlier step and no variable of a project
// can set; an environment variable in its place could be forged or taken away.
const stepFlag = "host-inputs"

// host is who starts the program.
type host string

const (
	byAnybody   host = ""       // a person or a script
	byAction    host = "github" // action.yml: inputs are variables INPUT_<NAME>, all of which GitHub sets itself
	byComponent host = "gitlab" // the component: the inputs that decide are on standard input
)

// step is the step of a job that the program is run as, with what it was given.
// Whoever writes the step decides; an earlier step that writes to GITHUB_ENV, or a
// variable of a project, does not.
type step struct {
	host     host
	onGitHub bool
	inputs   map[string]string // of the component
	env      lookup
}

// readStep returns the step. What the component has on standard input is read.
func (a *app) readStep(flag string) (step, error) {
	s := step{host: host(flag), onGitHub: a.host.Host == ci.GitHub, env: a.env}
	switch s.host {
	case byAnybody, byAction:
		return s, nil
	case byComponent:
		var err error
		s.inputs, err = readInputs(a.stdio.In)
		return s, err
	}
	return step{}, fault.Usagef("%s is %q: the action and the component set it, and nobody else",
		stepFlag, plain.Line(flag, 100))
}

// alone reports whether what decides comes from the step alone.
func (s step) alone() bool { return s.host != byAnybody }

// given returns what the component says of an input.
func (s step) given(in input) []string {
	var entries []string
	for _, entry := range split(in.kind, s.inputs[in.name]) {
		if text, _ := s.expanded(entry); text != "" {
			entries = append(entries, text)
		}
	}
	return entries
}

// variables returns the variables that an input may come from, the first that is set
// before the others.
func (s step) variables(in input) []string {
	own, ofStep := ci.Variable(in.name), "INPUT_"+strings.ToUpper(in.name)
	switch {
	case in.decides && s.host == byComponent:
		return nil
	case in.decides && s.host == byAction:
		return []string{ofStep}
	case s.onGitHub || s.host == byAction:
		return []string{ofStep, own}
	}
	return []string{own, ofStep}
}

// deafTo returns the variables that would decide, and do not here.
func (s step) deafTo() []string {
	if !s.alone() {
		return nil
	}
	names := []string{"COSIGN_REPOSITORY"}
	for _, in := range inputs() {
		if in.decides {
			names = append(names, ci.Variable(in.name))
		}
	}
	return names
}

// foreign reports whether a variable decides by what a library makes of it: whom TLS
// believes, where databases and roots of trust are kept, who signs.
func (h host) foreign(name string) bool {
	if name == "SIGSTORE_ID_TOKEN" {
		return h == byAction // the component itself asks for it
	}
	named := []string{
		"SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_TLS_INSECURE_SKIP_VERIFY", "VAULT_SKIP_VERIFY", "BAO_SKIP_VERIFY",
		"XDG_CACHE_HOME", "COSIGN_REPOSITORY",
	}
	families := []string{"SIGSTORE_", "TUF_", "GRYPE_", "SYFT_"}
	ofFamily := func(f string) bool { return strings.HasPrefix(name, f) }
	return slices.Contains(named, name) || slices.ContainsFunc(families, ofFamily)
}

// withoutDeciding takes the variables that decide out of the environment of this
// process, where libraries read them, and out of env.
func withoutDeciding(env lookup, h host) lookup {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); h.foreign(name) {
			_ = os.Unsetenv(name) // fails for no name that is there
		}
	}
	return func(name string) (string, bool) {
		if h.foreign(name) {
			return "", false
		}
		return env(name)
	}
}

// Of the inputs on standard input: a line NAME=VALUE for each that decides, a list
// as a JSON array, and a last line that says that they are all.
const (
	lastInput = "end of inputs"
	maxInputs = 1 << 20 // bytes
)

// readInputs reads the inputs of the component. Whatever a value holds, it can
// neither set another input nor leave one out: each is there once.
func readInputs(from io.Reader) (map[string]string, error) {
	refused := func(what string) (map[string]string, error) {
		return nil, fault.WithHint(fault.Usagef("reading the component's inputs: %s", what),
			"the value of an input is one line; the component's template and the program are to be of one version")
	}
	if from == nil {
		return refused("there is no standard input")
	}
	var known []string
	for _, in := range inputs() {
		if in.decides {
			known = append(known, in.name)
		}
	}
	found := map[string]string{}
	lines := bufio.NewScanner(io.LimitReader(from, maxInputs))
	lines.Buffer(nil, maxInputs)
	for lines.Scan() {
		if lines.Text() == lastInput {
			return found, nil
		}
		if strings.HasPrefix(lines.Text(), "# ") {
			continue
		}
		name, value, ok := strings.Cut(lines.Text(), "=")
		if !ok || !slices.Contains(known, name) {
			return refused("a line is no input that decides")
		}
		if _, twice := found[name]; twice {
			return refused(name + " is there twice")
		}
		found[name] = strings.TrimSpace(value)
	}
	if err := lines.Err(); err != nil {
		return refused(err.Error())
	}
	return refused("they do not end")
}

// expanded puts the variables of the job into a value of the component, as GitLab
// does with values of variables: $NAME and ${NAME}, and $$ for a dollar sign. What a
// variable holds is not looked at again. It returns those that are not set, too.
func (s step) expanded(value string) (text string, unset []string) {
	names := regexp.MustCompile(`\$(\$|[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})`)
	return names.ReplaceAllStringFunc(value, func(found string) string {
		name := strings.Trim(found[1:], "{}")
		if name == "$" {
			return name
		}
		value, ok := s.env(name)
		if !ok {
			unset = append(unset, name)
		}
		return value
	}), unset
}

// check refuses values of the component that name a variable which is not set: a
// policy that is named by nothing would be a policy less.
func (s step) check(taken []input) error {
	for _, in := range taken {
		for _, entry := range split(in.kind, s.inputs[in.name]) {
			if _, unset := s.expanded(entry); len(unset) > 0 {
				return fault.WithHint(fault.Usagef("%s names $%s, which is not set", in.name, unset[0]),
					"a dollar sign that is meant as one is written $$")
			}
		}
	}
	return nil
}
