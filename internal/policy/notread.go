package policy

import (
	"fmt"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Need is what a decision needs of what is attached to an image.
type Need string

// The needs.
const (
	NeedNothing Need = "nothing that is attached"
	NeedOwn     Need = "what this very run made, read back"
	NeedAny     Need = "any one that satisfies"
	NeedEvery   Need = "every one of a type"
	NeedNewest  Need = "the newest of a type"
)

// Needs returns every need.
func Needs() []Need { return []Need{NeedNothing, NeedOwn, NeedAny, NeedEvery, NeedNewest} }

// Effect is what it means for a decision that something was not read.
type Effect string

// The effects. What stands may pass; what is undecided or fails may not.
const (
	Stands        Effect = "stands"
	LeftUndecided Effect = "undecided (4)"
	Fails         Effect = "fails (1)"
	unknownEffect        = LeftUndecided
)

// EffectOf returns what it means for a need that something in a place was not read.
// The table is docs/storage.md's.
//
// What was not read may be an attestation of any type: what its annotations claim
// is not signed. So it may be the newest, or the one of a type that does not
// satisfy. It cannot take back that another one satisfies where one is enough. A
// list that the registry does not give at all ends the job: that is a matter of the
// registry or of the login, and passes.
func EffectOf(need Need, place attest.Place) Effect {
	if need == NeedNothing {
		return Stands
	}
	row, ok := notReadTable()[place]
	if !ok {
		return unknownEffect
	}
	return row[need]
}

// effects is a row of the table.
type effects map[Need]Effect

func notReadTable() map[attest.Place]effects {
	list := effects{NeedOwn: Fails, NeedAny: Fails, NeedEvery: Fails, NeedNewest: Fails}
	part := effects{NeedOwn: Stands, NeedAny: Stands, NeedEvery: LeftUndecided, NeedNewest: LeftUndecided}
	return map[attest.Place]effects{
		attest.PlaceAttTag:       list,
		attest.PlaceReferrers:    list,
		attest.PlaceAttLayers:    part,
		attest.PlaceMoreReferrer: part,
		attest.PlaceManifest:     part,
		attest.PlaceLayer:        part,
		attest.PlaceTooLarge:     part,
		attest.PlaceBudget:       part,
	}
}

// need returns what a policy needs of what is attached.
func (p Policy) need(e Evidence) Need {
	switch p.dialect {
	case Sigstore:
		return NeedAny
	case Cosign:
		return NeedEvery
	case Compliance:
		return NeedNewest
	case Hallmark:
	}
	attested := slices.DeleteFunc(slices.Clone(p.reads.needs), func(n need) bool { return len(n.types()) == 0 })
	onlyScan := !slices.ContainsFunc(attested, func(n need) bool { return n != needScan })
	switch {
	case len(attested) == 0 && !p.reads.all && !p.reads.entries:
		return NeedNothing
	case onlyScan && !p.reads.all && !p.reads.entries:
		return e.scanNeed()
	}
	return NeedNewest
}

// scanNeed returns what the built-in rules need: the scan of this run where it made
// one, else the newest.
func (e Evidence) scanNeed() Need {
	if len(scansOf(e.Own)) > 0 {
		return NeedOwn
	}
	return NeedNewest
}

// withNotRead returns a result as it is in view of what was not read. It denies what
// it denied, but it does not pass if what it needs may be there unread.
func (e Evidence) withNotRead(need Need, r Result) Result {
	hidden := slices.DeleteFunc(slices.Clone(e.NotRead), func(n attest.NotRead) bool { return EffectOf(need, n.Place) == Stands })
	if r.Outcome != Pass && need == NeedAny {
		hidden = e.NotRead // one of them may satisfy it
	}
	if len(hidden) == 0 || r.Outcome == Deny {
		return r
	}
	why := hidden[0].Why.Error()
	if more := len(hidden) - 1; more > 0 {
		why += fmt.Sprintf(", and %d more were not read", more)
	}
	r.Outcome = Undecided
	r.Reasons = append(slices.Clone(r.Reasons), Reason{Message: clean("something attached was not read, and may be what is needed (" + string(need) + "): " + why)})
	return r
}
