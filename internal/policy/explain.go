package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Bounds of an explanation: steps of one policy, and bytes of a value in one.
const (
	maxSteps = 60
	maxValue = 120
)

// explanation says in words how a policy came to its answer: which rules hold,
// which lines do not, and with what values. It implements topdown.QueryTracer.
type explanation struct {
	sources map[string][]string // lines of each file
	rules   []string            // whose holding is worth telling
	steps   []string
	more    int
}

// explain returns an explanation to be filled, nil if nobody asked for one.
func (r Rules) explain(p Policy) *explanation {
	if !r.Explain || p.compiler == nil {
		return nil
	}
	x := &explanation{sources: map[string][]string{}, rules: p.rules}
	x.sources[p.File.Name] = strings.Split(p.source(), "\n")
	for _, f := range p.imported {
		x.sources[f.Name] = strings.Split(f.source(), "\n")
	}
	return x
}

// options returns what makes an evaluation tell its steps. Without shortcuts, for
// a rule that is passed over tells nothing.
func (x *explanation) options() []rego.EvalOption {
	if x == nil {
		return nil
	}
	return []rego.EvalOption{rego.EvalQueryTracer(x), rego.EvalRuleIndexing(false), rego.EvalEarlyExit(false)}
}

// fresh returns an explanation for one evaluation, to be merged when that has ended.
func (x *explanation) fresh() *explanation {
	if x == nil {
		return nil
	}
	return &explanation{sources: x.sources, rules: x.rules}
}

// merge takes the steps of another explanation.
func (x *explanation) merge(other *explanation) {
	if x == nil {
		return
	}
	for _, step := range other.steps {
		x.take(step)
	}
	x.more += other.more
}

// list returns the steps, and how many are left out.
func (x *explanation) list() []string {
	if x == nil || len(x.steps) == 0 {
		return nil
	}
	if x.more == 0 {
		return x.steps
	}
	return append(slices.Clone(x.steps), fmt.Sprintf("and %d more", x.more))
}

// Enabled implements topdown.QueryTracer.
func (x *explanation) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (x *explanation) Config() topdown.TraceConfig { return topdown.TraceConfig{PlugLocalVars: true} }

// TraceEvent implements topdown.QueryTracer.
func (x *explanation) TraceEvent(e topdown.Event) {
	switch node := e.Node.(type) {
	case *ast.Expr:
		if e.Op == topdown.FailOp && node.Negated == x.negated(e) {
			x.add(e, "does not hold")
		}
	case *ast.Rule:
		if e.Op == topdown.ExitOp && slices.Contains(x.rules, ruleName(node)) {
			x.add(e, "holds")
		}
	}
}

// negated reports whether the line of an event is a negation. What fails inside of
// one makes it hold.
func (x *explanation) negated(e topdown.Event) bool {
	return strings.HasPrefix(x.line(e), "not ")
}

// line returns the text of an event's line, or nothing for what is in no file.
func (x *explanation) line(e topdown.Event) string {
	if lines := x.sources[e.Location.File]; e.Location.Row >= 1 && e.Location.Row <= len(lines) {
		return strings.TrimSpace(lines[e.Location.Row-1])
	}
	return ""
}

// add tells a step by the line of the file, which is what its author knows, and
// the values of what has a name on it.
func (x *explanation) add(e topdown.Event, what string) {
	line := x.line(e)
	if line == "" {
		return // of the query
	}
	line = strings.TrimSuffix(strings.TrimSpace(strings.TrimSuffix(line, "{")), " if")
	step := fmt.Sprintf("%s:%d: %s %s", e.Location.File, e.Location.Row, line, what)
	if values := values(e, line); len(values) > 0 {
		step += ", where " + strings.Join(values, ", ")
	}
	x.take(clean(step))
}

// take keeps a step once, up to the limit.
func (x *explanation) take(step string) {
	switch {
	case slices.Contains(x.steps, step):
	case len(x.steps) >= maxSteps:
		x.more++
	default:
		x.steps = append(x.steps, step)
	}
}

// values returns the named values of an event that its line mentions, sorted.
func values(e topdown.Event, line string) []string {
	var out []string
	for v, meta := range withoutGenerated(e.LocalMetadata) {
		name := string(meta.Name)
		if value := e.Locals.Get(v); value != nil && strings.Contains(line, name) {
			text := value.String()
			if len(text) > maxValue {
				text = text[:maxValue] + "…"
			}
			out = append(out, name+" = "+strings.ToValidUTF8(text, ""))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// withoutGenerated leaves out the names that the compiler made up.
func withoutGenerated(all map[ast.Var]topdown.VarMetadata) map[ast.Var]topdown.VarMetadata {
	out := map[ast.Var]topdown.VarMetadata{}
	for v, meta := range all {
		if !meta.Name.IsGenerated() && !meta.Name.IsWildcard() {
			out[v] = meta
		}
	}
	return out
}
