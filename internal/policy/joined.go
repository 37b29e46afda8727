package policy

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// decideJoined evaluates a policy of the project's own dialect on all that was
// verified: once, or, where it reads the configuration of an index's images, once
// for each of them.
//
// What it denies it denies, also when something that it reads is missing, or when
// it says itself that it could not decide. But then it cannot pass.
func (r Rules) decideJoined(ctx context.Context, p Policy, together *joined) Result {
	result := p.blank()
	var unknown, denied, warned reasons
	explain := r.explain(p)
	unknown.addSentences(p.problems...)
	switch {
	case len(p.problems) > 0:
	case p.compiler == nil:
		unknown.add("the policy was not loaded")
	default:
		result.Considered = together.count(p.reads)
		unknown.addSentences(p.lacks(together)...)
		choices, ties := together.choices(p.reads)
		unknown.addSentences(ties...)
		unknown.addAll(together.notRead(p.reads))
		for _, q := range questions(together.images(p), choices) {
			said, err := r.askJoined(ctx, p, together, q, explain)
			if err != nil {
				unknown.add(err.Error())
			}
			denied.addAll(said["deny"])
			warned.addAll(said["warn"])
			unknown.addAll(said["undecided"])
			if isStuck(err) {
				break
			}
		}
	}
	denied, result.Waived = r.waive(p.Name(), denied)
	result.Warnings = p.complete(warned.list())
	switch {
	case denied.some():
		result.Outcome = Deny
		result.Reasons = append(p.complete(denied.list()), unknown.list()...)
	case unknown.some():
		result.Reasons = unknown.list()
	default:
		result.Outcome, result.Until = Pass, together.ends.of(result.Waived, p.reads.wants)
	}
	if result.Outcome != Pass {
		result.Trace = explain.list()
	}
	return result
}

// lacks returns what has to be there for a policy to pass, and is not.
func (p Policy) lacks(together *joined) []string {
	var out []string
	for _, name := range p.unset() {
		out = append(out, fmt.Sprintf("the parameter %s has no value: set it with policy-data", name))
	}
	for _, n := range p.required() {
		if !together.has(n) {
			out = append(out, n.missing())
		}
	}
	return out
}

// complete gives reasons that say no severity or fix those of the METADATA.
func (p Policy) complete(all []Reason) []Reason {
	for i := range all {
		all[i].Severity = cmp.Or(all[i].Severity, p.meta.severity)
		all[i].Fix = cmp.Or(all[i].Fix, p.meta.fix)
	}
	return all
}

// askJoined evaluates deny, warn and undecided about one image.
func (r Rules) askJoined(ctx context.Context, p Policy, together *joined, q question, explain *explanation) (map[string]reasons, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("the evaluation was stopped: %w", ctx.Err())
	}
	image := q.image
	input, err := together.input(p.reads, q)
	if err != nil {
		return nil, err
	}
	query, err := p.prepareJoined(ctx)
	if err != nil {
		return nil, fmt.Errorf("the policy could not be prepared: %w", err)
	}
	e := evaluation{query: query, limit: cmp.Or(r.Limit, defaultLimit), now: together.evidence.Now, dialect: Hallmark, explain: explain, strays: p.strays}
	found, err := e.eval(ctx, input, "what was verified")
	if err != nil {
		return nil, err
	}
	said := map[string]reasons{}
	for _, rule := range []string{"deny", "warn", "undecided"} {
		elements, ok := found[rule].([]any)
		if !ok {
			return nil, fmt.Errorf("%s is undefined for what was verified", rule)
		}
		all, err := decodeReasons(elements)
		if err != nil {
			return nil, fmt.Errorf("%s holds something else than texts and {msg, id, severity, fix, resource}: %w", rule, err)
		}
		if image.Platform != "" && together.evidence.Image.Platform == "" {
			all.about(image.Platform)
		}
		said[rule] = all
	}
	return said, nil
}

// prepareJoined makes a policy of the project's own dialect ready, with its
// parameters.
func (p Policy) prepareJoined(ctx context.Context) (rego.PreparedEvalQuery, error) {
	data, err := ast.JSON(ast.NewObject([2]*ast.Term{ast.StringTerm("params"), ast.NewTerm(p.params)}))
	if err != nil {
		return rego.PreparedEvalQuery{}, fmt.Errorf("the parameters cannot be used: %w", err)
	}
	documents, _ := data.(map[string]any)
	path := p.module.Package.Path.String()
	return rego.New(
		rego.Compiler(p.compiler),
		rego.SetRegoVersion(ast.RegoV0), // of the query
		rego.Query(fmt.Sprintf("deny = [d | d = %[1]s.deny[_]]; warn = [w | w = %[1]s.warn[_]]; undecided = [u | u = %[1]s.undecided[_]]", path)),
		rego.Store(inmem.NewFromObject(documents)),
		rego.StrictBuiltinErrors(true),
	).PrepareForEval(ctx)
}

// joined is all that was verified, as one input. Each attestation is decoded once,
// when the first policy wants it.
type joined struct {
	evidence Evidence
	unread   *unread
	sorted   []verify.Verified
	decoded  map[string]*ast.Term // by the envelope's digest
	ends     *scanEnds
}

// images returns what a policy is asked about: the image, or each of an index's
// images if the policy reads their configuration.
func (j *joined) images(p Policy) []Image {
	image := j.evidence.Image
	if len(image.Platforms) > 0 && slices.Contains(p.reads.needs, needConfig) {
		return image.Platforms
	}
	return []Image{image}
}

func (j *joined) has(n need) bool {
	switch n {
	case needConfig:
		image := j.evidence.Image
		unknown := slices.ContainsFunc(image.Platforms, func(p Image) bool { return p.Config == nil })
		return image.Config != nil || len(image.Platforms) > 0 && !unknown
	case needCI:
		return j.evidence.CI != nil
	case needSBOM, needScan, needProvenance:
	}
	return slices.ContainsFunc(j.evidence.Verified, func(v verify.Verified) bool {
		return slices.ContainsFunc(n.types(), func(uri string) bool { return attest.SameType(uri, v.PredicateType()) })
	})
}

// count returns how many attestations a policy is shown.
func (j *joined) count(reads reading) int {
	n := 0
	for _, v := range j.evidence.Verified {
		if reads.wants(v.PredicateType()) {
			n++
		}
	}
	return n
}

// input returns what a policy sees: only the attestations that it may read, since
// decoding an SBOM takes time and memory.
func (j *joined) input(reads reading, q question) (ast.Value, error) {
	input := ast.NewObject()
	set := func(key string, value *ast.Term) { input.Insert(ast.StringTerm(key), value) }
	image, err := ast.InterfaceToValue(q.image)
	if err != nil {
		return nil, fmt.Errorf("what is known of the image could not be decoded: %w", err)
	}
	set("image", ast.NewTerm(image))
	set("now", ast.StringTerm(j.evidence.Now.UTC().Format(time.RFC3339)))
	if j.evidence.CI != nil {
		ci, err := ast.ValueFromReader(bytes.NewReader(j.evidence.CI))
		if err != nil {
			return nil, fmt.Errorf("what the CI job says could not be decoded: %w", err)
		}
		set("ci", ast.NewTerm(ci))
	}
	byType := map[string][]*ast.Term{}
	for _, v := range j.newest() {
		if !reads.wants(v.PredicateType()) {
			continue
		}
		entry, err := j.entry(v)
		if err != nil {
			return nil, err
		}
		word := attest.ShortType(v.PredicateType())
		byType[word] = append(byType[word], entry)
	}
	attestations := ast.NewObject()
	for word, entries := range byType {
		attestations.Insert(ast.StringTerm(word), ast.ArrayTerm(entries...))
	}
	set("attestations", ast.NewTerm(attestations))
	return input, j.shorten(input, q.choice)
}

// notRead returns why a policy that reads what an image holds cannot pass: something
// that it is shown, or the scan to decide on, says that not all was read.
func (j *joined) notRead(reads reading) reasons {
	if !reads.content() {
		return reasons{}
	}
	var shown []verify.Verified
	for _, v := range j.newest() {
		if reads.wants(v.PredicateType()) {
			shown = append(shown, v)
		}
	}
	return j.unread.objection(shown...)
}

// shorten adds the shorthands: the predicates of the attestations that were chosen.
func (j *joined) shorten(input ast.Object, chosen choice) error {
	for n, v := range chosen {
		entry, err := j.entry(v)
		if err != nil {
			return err
		}
		object, _ := entry.Value.(ast.Object)
		input.Insert(ast.StringTerm(string(n)), object.Get(ast.StringTerm("predicate")))
	}
	return nil
}

func isOf(v verify.Verified, n need) bool {
	return slices.ContainsFunc(n.types(), func(uri string) bool { return attest.SameType(uri, v.PredicateType()) })
}

// entry returns an attestation with its signer and time.
func (j *joined) entry(v verify.Verified) (*ast.Term, error) {
	digest := v.Envelope().Digest()
	if entry, ok := j.decoded[digest]; ok {
		return entry, nil
	}
	statement, err := statementAt(v, j.evidence.Now)
	if err != nil {
		return nil, fmt.Errorf("%s could not be decoded: %w", describe(v), err)
	}
	entry := ast.NewObject(
		[2]*ast.Term{ast.StringTerm("digest"), ast.StringTerm(digest)},
		[2]*ast.Term{ast.StringTerm("signer"), ast.StringTerm(v.Signer())},
	)
	if made := v.Time(); !made.IsZero() {
		entry.Insert(ast.StringTerm("time"), ast.StringTerm(made.UTC().Format(time.RFC3339)))
	}
	if source := sourceTerm(v.Source()); source != nil {
		entry.Insert(ast.StringTerm("source"), source)
	}
	object, _ := statement.(ast.Object)
	for _, key := range []string{"_type", "predicateType", "subject", "predicate"} { // no other, which could pass for a signer
		if value := object.Get(ast.StringTerm(key)); value != nil {
			entry.Insert(ast.StringTerm(key), value)
		}
	}
	if j.decoded == nil {
		j.decoded = map[string]*ast.Term{}
	}
	j.decoded[digest] = ast.NewTerm(entry)
	return j.decoded[digest], nil
}

// sourceTerm returns what a certificate says of its job, nil for what says nothing.
func sourceTerm(s verify.Source) *ast.Term {
	object := ast.NewObject()
	for key, text := range map[string]string{"repository": s.Repository, "ref": s.Ref, "caller": s.Caller} {
		if text != "" {
			object.Insert(ast.StringTerm(key), ast.StringTerm(text))
		}
	}
	if object.Len() == 0 {
		return nil
	}
	return ast.NewTerm(object)
}
