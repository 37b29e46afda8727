package cli

// Input is an input as tests see it that stand outside of the package.
type Input struct {
	Name     string
	Secret   bool
	List     bool
	Word     bool // text that may be anything
	Commands []string
}

// Inputs returns the table of inputs.
func Inputs() []Input {
	var out []Input
	for _, i := range inputs() {
		out = append(out, Input{Name: i.name, Secret: i.secret, List: i.kind == list, Word: i.kind == list || i.kind == text, Commands: i.commands})
	}
	return out
}

// HostSecrets returns the variables in which hosts give a job its secrets.
func HostSecrets() []string { return hostSecrets() }
