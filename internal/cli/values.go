package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// lookup looks up an environment variable, as os.LookupEnv does.
type lookup func(name string) (string, bool)

// values answers what an input is set to: by its flag, else by HALLMARK_<NAME>,
// else by INPUT_<NAME> as GitHub sets it, else by the host's own variables,
// else by its default. Empty environment variables are unset.
type values struct {
	flags  *pflag.FlagSet
	env    lookup
	inputs []input
}

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
			flags.String(i.name, "", usage)
			flags.Lookup(i.name).NoOptDefVal = "true"
		case text, span:
			flags.String(i.name, "", usage)
		}
	}
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
	upper := strings.ToUpper(in.name)
	names := append([]string{"HALLMARK_" + strings.ReplaceAll(upper, "-", "_"), "INPUT_" + upper}, in.host...)
	for _, name := range names {
		if value, ok := v.env(name); ok && strings.TrimSpace(value) != "" {
			return split(in.kind, value)
		}
	}
	if in.preset == "" {
		return nil
	}
	return []string{in.preset}
}

// split returns the entries of an environment variable: its lines for a list,
// itself otherwise.
func split(k kind, value string) []string {
	if k != list {
		return []string{strings.TrimSpace(value)}
	}
	var entries []string
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); line != "" {
			entries = append(entries, line)
		}
	}
	return entries
}
