// Package store keeps envelopes beside the image that they are about, in its
// registry, and gives back what is there. There are two ways, and a contract that
// both keep.
//
// Att follows cosign: an image manifest under the tag sha256-<hex>.att whose
// layers are DSSE envelopes
// (https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md). Bundles
// writes Sigstore bundles as OCI referrers of the image
// (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers),
// through the registry's referrers API or, where there is none, its fallback tag.
//
// What a run attaches becomes visible with one manifest write: all of it or
// nothing. Only the referrers API shows each bundle as it comes; there, what was
// written is removed again if the rest cannot be. What other signers attached is
// carried over as it is.
//
// A registry offers no compare-and-swap on a tag, so writers who come at once may
// overwrite each other. Everything slow is done first; then the tag is looked at
// once more and written in the next request, unless another writer was faster.
// It is watched for as long as those who looked before may take to overwrite it,
// and longer where others are seen to write. What was overwritten is merged and
// written again. docs/storage.md says what remains.
package store
