package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/image"
)

// lookup looks up an environment variable, as os.LookupEnv does.
type lookup func(name string) (string, bool)

// values answers what an input is set to: by its flag; else by what the step of a
// host says; else, unless only the step may say it, by a variable; else by its
// default. Empty variables are unset.
type values struct {
	flags  *pflag.FlagSet
	env    lookup
	inputs []input
	step   step
	login  image.Login // that the user gives, for the one host that it is for
}

// switchValue is a flag that is true or false. What it holds is checked where it
// is used, as that of a variable is.
type switchValue string

// Set implements pflag.Value.
func (s *switchValue) Set(word string) error {
	*s = switchValue(word)
	return nil
}

// String implements pflag.Value.
func (s *switchValue) String() string { return string(*s) }

// Type implements pflag.Value; flags of this type are shown without a value.
func (s *switchValue) Type() string { return "bool" }

// define adds the flags of a command's inputs.
func define(flags *pflag.FlagSet, inputs []input) {
	for _, i := range inputs {
		usage := i.usage
		if i.preset != "" {
			usage += " (default: " + i.preset + ")"
		}
		switch i.kind {
		case list:
			flags.StringArray(i.name, nil, usage)
		case boolean:
			flags.Var(new(switchValue), i.name, usage)
			flags.Lookup(i.name).NoOptDefVal = "true"
		case text, span:
			flags.StringP(i.name, i.short, "", usage)
		}
	}
}

// checkFlags refuses flags that are given without a value, which is what a
// script's unset variable makes of them. A cutoff that is not there must not be
// taken for one that nobody wanted.
func (v values) checkFlags() error {
	var err error
	v.flags.Visit(func(f *pflag.Flag) {
		given := []string{f.Value.String()}
		if many, ok := f.Value.(pflag.SliceValue); ok {
			given = many.GetSlice()
		}
		if slices.ContainsFunc(given, func(s string) bool { return strings.TrimSpace(s) == "" }) {
			err = fault.WithHint(fault.Usagef("--%s is empty", f.Name), "give it a value, or leave it out")
		}
	})
	return err
}

// text returns the value of an input that is one string.
func (v values) text(name string) string {
	entries := v.entries(name)
	if len(entries) == 0 {
		return ""
	}
	return entries[0]
}

// list returns the values of an input that is a list.
func (v values) list(name string) []string { return v.entries(name) }

// boolean returns the value of an input that is true or false.
func (v values) boolean(name string) (bool, error) {
	switch s := strings.ToLower(v.text(name)); s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, fault.Usagef("%s is %q: use true or false", name, v.text(name))
	}
}

// duration returns the value of an input that is a duration of at least zero.
func (v values) duration(name string) (time.Duration, error) {
	d, err := time.ParseDuration(v.text(name))
	if err != nil || d < 0 {
		return 0, fault.WithHint(fault.Usagef("%s is %q, which is not a duration", name, v.text(name)),
			"write it like 90s, 10m or 120h")
	}
	return d, nil
}

// oneOf returns the value of an input that must be one of the given words.
func (v values) oneOf(name string, words ...string) (string, error) {
	value := v.text(name)
	if !slices.Contains(words, value) {
		last := len(words) - 1
		return "", fault.Usagef("%s is %q: use %s or %s", name, value, strings.Join(words[:last], ", "), words[last])
	}
	return value, nil
}

func (v values) entries(name string) []string {
	i := slices.IndexFunc(v.inputs, func(i input) bool { return i.name == name })
	if i < 0 {
		return nil // not an input of this command
	}
	return v.resolve(v.inputs[i])
}

func (v values) resolve(in input) []string {
	if flag := v.flags.Lookup(in.name); flag != nil && flag.Changed {
		if many, ok := flag.Value.(pflag.SliceValue); ok {
			return many.GetSlice()
		}
		return []string{flag.Value.String()}
	}
	if entries := v.step.given(in); len(entries) > 0 {
		return entries
	}
	for _, name := range v.step.variables(in) {
		value, _ := v.env(name)
		if entries := split(in.kind, value); len(entries) > 0 {
			return entries
		}
	}
	if in.preset == "" {
		return nil
	}
	return []string{in.preset}
}

// split returns the entries of an environment variable: for a list its lines, or
// the strings of a JSON array, which is what GitLab makes of a component's list;
// itself otherwise.
func split(k kind, value string) []string {
	value = strings.TrimSpace(value)
	switch {
	case value == "":
		return nil
	case k != list:
		return []string{value}
	}
	var entries, array []string
	if json.Unmarshal([]byte(value), &array) == nil {
		value = strings.Join(array, "\n")
	}
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); line != "" {
			entries = append(entries, line)
		}
	}
	return entries
}
