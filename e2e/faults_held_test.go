package e2e_test

import (
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

const typeVerdict = "https://slsa.dev/verification_summary/v1"

// state is what a store holds of what one step of a run attaches.
type state string

const (
	old     state = "the old set"
	renewed state = "the new set"
	beside  state = "the new set beside what is left of the old one"
	half    state = "a part of a set"
)

// held is what is attached, by store. It is read without the product.
func (f *faulty) held() map[string][]world.Attestation {
	f.t.Helper()
	all, err := world.Attached(f.t.Context(), f.image)
	if err != nil {
		f.t.Fatal(err)
	}
	out := map[string][]world.Attestation{}
	for _, a := range all {
		out[a.Store] = append(out[a.Store], a)
	}
	return out
}

// stores returns those that the format writes.
func (f *faulty) stores() []string {
	if f.format == "both" {
		return []string{"att", "bundle"}
	}
	return []string{f.format}
}

// whole checks that no store holds a half of what a step attaches, and that none
// holds a later step without an earlier one. Where the referrers API shows each
// bundle as it comes, the new set may stand beside what of the old one is not yet
// removed.
func (f *faulty) whole(fault string, got outcome, before, now map[string][]world.Attestation) {
	f.t.Helper()
	behind := false
	for _, types := range f.steps {
		missing := false
		for _, store := range f.stores() {
			is := f.state(before[store], now[store], types)
			if !is.allowed(store, got.code == 0) || behind && is != old {
				f.t.Errorf("%s: exit %d, and %s holds %s of %v:%s\n%s", fault, got.code, store, is, types, listed(now[store]), got.stderr)
			}
			missing = missing || is == old
		}
		behind = behind || missing
	}
	for _, store := range f.stores() {
		if len(before[store]) == 0 {
			f.t.Errorf("%s: nothing was attached before in %s", fault, store)
		}
	}
}

// allowed reports whether a store may hold it after a run.
func (s state) allowed(store string, succeeded bool) bool {
	switch s {
	case renewed:
		return true
	case old:
		return !succeeded
	case beside:
		return !succeeded && store == "bundle"
	default:
		return false
	}
}

// state compares what a store holds of these types with what it held. The SBOM is
// that of before, as the image is.
func (f *faulty) state(before, now []world.Attestation, types []string) state {
	f.t.Helper()
	before, now = of(before, types), of(now, types)
	was := digests(before)
	if slices.Equal(was, digests(now)) {
		return old
	}
	var fresh []string
	for _, a := range now {
		if a.PredicateType != typeCycloneDX && slices.Contains(was, a.Digest) {
			continue
		}
		if a.PredicateType == typeA && f.editionOf(a) != f.edition {
			return half
		}
		fresh = append(fresh, a.PredicateType)
	}
	if !slices.Equal(sorted(fresh), sorted(types)) {
		return half
	}
	if len(fresh) == len(now) {
		return renewed
	}
	return beside // the old ones are removed one after the other
}

func (f *faulty) editionOf(a world.Attestation) int {
	f.t.Helper()
	var body struct{ Edition int }
	decode(f.t, a.Predicate, &body)
	return body.Edition
}

func of(all []world.Attestation, types []string) []world.Attestation {
	var out []world.Attestation
	for _, a := range all {
		if slices.Contains(types, a.PredicateType) {
			out = append(out, a)
		}
	}
	return out
}

func digests(all []world.Attestation) []string {
	var out []string
	for _, a := range all {
		out = append(out, a.Digest)
	}
	return sorted(out)
}

func listed(all []world.Attestation) string {
	var out strings.Builder
	for _, a := range all {
		out.WriteString("\n\t" + a.PredicateType + " " + a.Digest)
	}
	return out.String()
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

// verified lets hallmark verify straight at the registry.
func (f *faulty) verified(fault string) {
	f.t.Helper()
	var found []struct {
		Statement struct {
			PredicateType string
			Predicate     struct{ Edition int }
		}
	}
	decode(f.t, []byte(f.must("hallmark", "verify", f.image, "--key", "cosign.pub", "--output", "json")), &found)
	for _, v := range found {
		if v.Statement.PredicateType == typeA && v.Statement.Predicate.Edition != f.edition {
			f.t.Errorf("%s: hallmark verifies edition %d, want %d", fault, v.Statement.Predicate.Edition, f.edition)
		}
	}
	if want := len(slices.Concat(f.steps...)); len(found) != want { // what both stores hold is counted once
		f.t.Errorf("%s: hallmark verifies %d attestations, want %d", fault, len(found), want)
	}
}

// lastLine returns what a program said last, but for the hint.
func lastLine(s string) string {
	said, _, _ := strings.Cut(strings.TrimSpace(s), "\n    hint: ")
	lines := strings.Split(said, "\n")
	return lines[len(lines)-1]
}
