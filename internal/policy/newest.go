package policy

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// choice is which attestation each of the shorthands input.sbom, input.scan and
// input.provenance stands for.
type choice map[need]verify.Verified

// question is what a policy is asked: about an image, with a choice.
type question struct {
	image  Image
	choice choice
}

func questions(images []Image, choices []choice) []question {
	var all []question
	for _, image := range images {
		for _, c := range choices {
			all = append(all, question{image, c})
		}
	}
	return all
}

// newest returns what was verified, the newest first. What does not say when it
// was made comes last. The order of what is of one time means nothing.
func (j *joined) newest() []verify.Verified {
	if j.sorted == nil {
		j.sorted = slices.Clone(j.evidence.Verified)
		slices.SortStableFunc(j.sorted, func(a, b verify.Verified) int {
			return cmp.Or(b.Time().Compare(a.Time()), strings.Compare(a.Envelope().Digest(), b.Envelope().Digest()))
		})
	}
	return j.sorted
}

// choices returns what the shorthands can stand for, and why that is not known. Two
// different attestations of a need of which either may be the newest leave a policy
// that reads the newest undecided: nothing but their digests would tell them apart,
// and whoever signs can choose these. An SBOM in each format is no such tie; a policy
// that reads either has to pass with both.
func (j *joined) choices(reads reading) (choices []choice, ties []string) {
	choices = []choice{{}}
	for _, n := range []need{needSBOM, needScan, needProvenance} {
		candidates, tie := j.candidates(reads, n)
		if tie != "" && (reads.whole || slices.Contains(reads.newest, n)) {
			ties = append(ties, tie)
		}
		if len(candidates) > 0 {
			choices = eachWith(choices, n, candidates)
		}
	}
	for _, n := range reads.newest {
		if n == needSBOM || n == needScan || n == needProvenance {
			continue
		}
		if _, tie := tied(n, j.newest()); tie != "" {
			ties = append(ties, tie)
		}
	}
	if len(ties) > 0 {
		return nil, ties
	}
	return choices, nil
}

// eachWith returns every choice with each of a need's candidates.
func eachWith(choices []choice, n need, candidates []verify.Verified) []choice {
	var all []choice
	for _, c := range choices {
		for _, v := range candidates {
			one := maps.Clone(c)
			one[n] = v
			all = append(all, one)
		}
	}
	return all
}

// candidates returns the attestations of which one is the newest of a need: one, or
// for an SBOM one of each format. The scan of this very run comes before others, as
// for the built-in rules.
func (j *joined) candidates(reads reading, n need) (candidates []verify.Verified, tie string) {
	all := j.newest()
	if n == needScan {
		own := j.evidence.scans()
		all = slices.DeleteFunc(slices.Clone(all), func(v verify.Verified) bool {
			return !slices.ContainsFunc(own, func(o verify.Verified) bool { return o.Envelope().Digest() == v.Envelope().Digest() })
		})
	}
	wanted := reads.narrowed(n)
	all = slices.DeleteFunc(slices.Clone(all), func(v verify.Verified) bool {
		return !reads.wants(v.PredicateType()) || !isOf(v, wanted)
	})
	if !wanted.isSBOM() {
		return tied(n, all)
	}
	newest := maybeNewest(all)
	for _, uri := range needSBOM.types() {
		of := slices.DeleteFunc(slices.Clone(newest),
			func(v verify.Verified) bool { return !attest.SameType(v.PredicateType(), uri) })
		one, found := distinct(n, of)
		candidates, tie = append(candidates, one...), cmp.Or(tie, found)
	}
	return candidates, tie
}

// tied returns the newest attestation of a need; if different ones may be it, why
// none is.
func tied(n need, all []verify.Verified) ([]verify.Verified, string) {
	of := slices.DeleteFunc(slices.Clone(all), func(v verify.Verified) bool { return !isOf(v, n) })
	return distinct(n, maybeNewest(of))
}

// maybeNewest returns those of attestations, the newest first, of which any may be
// the newest: those of the last time, and those of which no time is known.
func maybeNewest(sorted []verify.Verified) []verify.Verified {
	return slices.DeleteFunc(slices.Clone(sorted), func(v verify.Verified) bool {
		return !v.Time().IsZero() && v.Time().Before(sorted[0].Time())
	})
}

// distinct returns one of attestations that all say the same, or why none of them
// can be taken.
func distinct(n need, all []verify.Verified) ([]verify.Verified, string) {
	for i := 1; i < len(all); i++ {
		if !bytes.Equal(all[i].Statement().Predicate, all[0].Statement().Predicate) {
			return all[:1], fmt.Sprintf("%s and %s differ, and nothing says which is the newest (%s): "+
				"accept the signer of one of them only, or remove the other", describe(all[0]), describe(all[i]), n)
		}
	}
	return all[:min(1, len(all))], ""
}
