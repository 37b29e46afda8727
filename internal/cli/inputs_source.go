package cli

// sourceInputs say, beside the identity of a family of inputs, for which job the
// certificate has to be: a reusable workflow's certificate names that workflow,
// whoever calls it.
func sourceInputs(family, what string, commands []string) []input {
	one := func(name, usage string) input {
		return input{name: family + "-" + name, usage: usage, commands: commands, decides: true}
	}
	return []input{
		one("source-repository", "accept "+what+" of jobs of this repository only, https://github.com/team/shop, whatever workflow they call"),
		one("source-repository-regexp", "a regular expression for that repository; anchor it"),
		one("source-ref", "accept "+what+" of jobs for this ref only, refs/heads/main"),
		one("source-ref-regexp", "a regular expression for that ref; anchor it"),
		one("caller-workflow", "accept "+what+" of jobs that begin with this workflow only, https://github.com/team/shop/.github/workflows/ci.yml@refs/heads/main"),
		one("caller-workflow-regexp", "a regular expression for that workflow; anchor it"),
	}
}
