package attest

import "errors"

// ErrOverBounds is what the errors about something that is too large or has too
// many parts to be examined wrap. Others may read it, so it is not known to be
// no attestation.
var ErrOverBounds = errors.New("over a bound of what is examined")

// Place is where something that is attached to an image was not read.
type Place string

// The places. PlaceAttTag and PlaceReferrers are whole lists; the others are
// parts of a list that was read.
const (
	PlaceAttTag       Place = "the tag sha256-<hex>.att"
	PlaceAttLayers    Place = "the layers of a tag that has over 1,000"
	PlaceReferrers    Place = "the list of referrers"
	PlaceMoreReferrer Place = "referrers beyond those that are listed or looked at"
	PlaceManifest     Place = "the manifest of a referrer"
	PlaceLayer        Place = "a layer or a bundle"
	PlaceTooLarge     Place = "a layer or a bundle over the bound of its size, or of its parts"
	PlaceBudget       Place = "a layer or a bundle beyond what is read in all"
)

// Places returns every place.
func Places() []Place {
	return []Place{
		PlaceAttTag, PlaceAttLayers, PlaceReferrers, PlaceMoreReferrer, PlaceManifest, PlaceLayer, PlaceTooLarge, PlaceBudget,
	}
}

// NotRead is something attached that was not read: it may be an attestation of
// any type by anybody, whatever its annotations claim.
type NotRead struct {
	Place Place
	Why   error // one sentence, which names it
}
