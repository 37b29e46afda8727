package store

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// rank orders the attestations of one signer and one type that several jobs attach
// at once: what was made last goes first, by the time in the statement. Where that
// is the same, or none, the digests decide: by chance, but for everybody in the same
// way, and in every format. Without an order, each job would replace the other's
// for ever.
//
// A job replaces whatever it finds at its first write. Only when it has to write
// again somebody else is at work, and from then on the order decides. So a job that
// comes later always replaces what an earlier one has left.
type rank struct {
	predicateType string
	made          time.Time
	claim         string // digest of the predicate
	name          string // by which it is listed
}

// rankOf returns the rank of a statement that is listed under a name.
func rankOf(st attest.Statement, name string) rank {
	return rank{predicateType: st.PredicateType, made: st.ClaimedTime(), claim: sha256Of(st.Predicate).Hex, name: name}
}

func (r rank) compare(other rank) int {
	return cmp.Or(r.made.Compare(other.made), strings.Compare(r.claim, other.claim), strings.Compare(r.name, other.name))
}

func (r rank) sameType(other rank) bool { return attest.SameType(r.predicateType, other.predicateType) }

// ranks returns those of envelopes that are listed under names.
func ranks(signed []Signed, names []string) ([]rank, error) {
	out := make([]rank, len(signed))
	for i, s := range signed {
		statement, err := attest.ParseStatement(s.Envelope.Payload())
		if err != nil {
			return nil, err
		}
		out[i] = rankOf(statement, names[i])
	}
	return out, nil
}

// overtaken returns the types of one's own of which another was attached that goes
// first.
func overtaken(own, others []rank) []string {
	var types []string
	for _, r := range own {
		first := slices.MaxFunc(slices.DeleteFunc(slices.Clone(own), func(o rank) bool { return !o.sameType(r) }), rank.compare)
		beaten := slices.ContainsFunc(others, func(o rank) bool { return o.sameType(r) && o.compare(first) > 0 })
		if beaten && !slices.Contains(types, r.predicateType) {
			types = append(types, r.predicateType)
		}
	}
	return types
}

// isOf reports whether a rank is of one of the types.
func (r rank) isOf(types []string) bool {
	return slices.ContainsFunc(types, func(t string) bool { return attest.SameType(t, r.predicateType) })
}

// without returns what is added without what is of the types, of which others
// went first. The ranks go with it.
func without[T any](added []T, ranks []rank, types []string) ([]T, []rank) {
	var stay []T
	var left []rank
	for i, a := range added {
		if !ranks[i].isOf(types) {
			stay, left = append(stay, a), append(left, ranks[i])
		}
	}
	return stay, left
}
