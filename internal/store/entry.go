package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Format is a way of keeping attestations beside an image.
type Format string

// The formats.
const (
	FormatAtt    Format = "att"    // layers of the tag sha256-<hex>.att
	FormatBundle Format = "bundle" // Sigstore bundles as OCI referrers
)

// Signed is an envelope to be attached.
type Signed struct {
	PredicateType string
	Envelope      attest.Envelope
}

// Entry is one attached thing as the registry gave it. Nothing of it is
// verified.
type Entry struct {
	Format      Format
	Digest      string // of the layer, sha256:…
	Size        int64  // bytes
	MediaType   string
	ClaimedType string // the predicate type that the annotation claims
	Raw         []byte // nil if Err is set
	Err         error  // why there is no Raw
	Unread      bool   // reading failed; the same entry may be readable later

	vouching map[string]string // annotations beside the signature
}

// Envelope returns the envelope in the entry with what vouches for it.
func (e Entry) Envelope() (attest.Envelope, error) {
	if e.Err != nil {
		return attest.Envelope{}, e.Err
	}
	switch e.Format {
	case FormatBundle:
		return attest.ParseBundle(e.Raw)
	case FormatSig:
		return attest.Envelope{}, errors.New("it is the signature of the image, not an attestation")
	case FormatAtt:
	}
	envelope, err := attest.ParseEnvelope(e.Raw)
	if err != nil {
		return attest.Envelope{}, err
	}
	proof, err := proofOf(e.vouching)
	return envelope.WithProof(proof), err
}

// Replaces returns whether an entry gives way to what is signed now: it is mine,
// and one of the signed is of its predicate type.
func Replaces(signed []Signed, mine func(attest.Envelope) bool) func(Entry) bool {
	j := newJudge(signed, mine)
	return func(e Entry) bool {
		_, gives := j.replaces(e)
		return gives
	}
}

func ofTypes(signed []Signed, predicateType string) bool {
	return slices.ContainsFunc(signed, func(s Signed) bool { return attest.SameType(s.PredicateType, predicateType) })
}

// judging decides which entries give way to what is written now, and of what rank
// those are.
type judging interface {
	worthReading(e Entry) bool
	givesWay(e Entry) (rank, bool)
}

// judge decides which entries give way to what is signed now, each once: an
// entry does not change under its digest.
type judge struct {
	signed []Signed
	mine   func(attest.Envelope) bool
	same   func(Entry) bool // what is signed now, in other words; nil: nothing is
	known  map[string]verdict
}

// verdict is what was decided about an entry.
type verdict struct {
	rank  rank
	gives bool
}

func newJudge(signed []Signed, mine func(attest.Envelope) bool) judge {
	return judge{signed: signed, mine: mine, known: map[string]verdict{}}
}

// replaces judges an entry that was read.
func (j judge) replaces(e Entry) (rank, bool) {
	envelope, err := e.Envelope()
	if err != nil || !j.mine(envelope) && (j.same == nil || !j.same(e)) {
		return rank{}, false
	}
	statement, err := attest.ParseStatement(envelope.Payload())
	return rankOf(statement, e.Digest), err == nil && ofTypes(j.signed, statement.PredicateType)
}

// worthReading reports whether an entry must be read to be judged: it claims a
// type that is signed now, or none.
func (j judge) worthReading(e Entry) bool {
	_, known := j.known[e.key()]
	return !known && e.Err == nil && (e.ClaimedType == "" || ofTypes(j.signed, e.ClaimedType))
}

// givesWay returns the verdict about an entry; one that was not worth reading
// stays.
func (j judge) givesWay(e Entry) (rank, bool) {
	v, known := j.known[e.key()]
	if known || e.Raw == nil {
		return v.rank, v.gives
	}
	v.rank, v.gives = j.replaces(e)
	j.known[e.key()] = v
	return v.rank, v.gives
}

func (e Entry) layerName() string { return layerName(e.Digest, e.vouching[signatureAnnotation]) }

// key tells entries apart: the same layer may come with another proof.
func (e Entry) key() string { return fmt.Sprint(e.Digest, e.vouching) }

// Identity returns a digest of all that an entry says: its bytes, and what vouches
// for them. Entries with the same are verified alike.
func (e Entry) Identity() string {
	return fmt.Sprintf("%s %s %q", e.Format, sha256Of(e.Raw), e.vouching)
}

// maxTotal bounds what one listing holds in memory, in bytes: 512 MiB.
const maxTotal = 512 << 20

// source opens the bytes of the entry at an index.
type source func(ctx context.Context, i int) (io.ReadCloser, error)

// fill reads the entries that are wanted, a few at a time and in their order up
// to maxTotal.
func fill(ctx context.Context, entries []Entry, wanted func(Entry) bool, open source) {
	var group errgroup.Group
	group.SetLimit(4)
	var total int64
	for i := range entries {
		e := &entries[i]
		if e.Err != nil || !wanted(*e) {
			continue
		}
		if total += e.Size; total > maxTotal {
			e.Err = fmt.Errorf("with it and those before it, the attestations have over %d bytes (512 MiB)", maxTotal)
			continue
		}
		group.Go(func() error {
			e.read(ctx, i, open)
			return nil
		})
	}
	_ = group.Wait() // errors are the entries' own
}

// read reads the entry's bytes; the registry client checks their digest when
// they end.
func (e *Entry) read(ctx context.Context, i int, open source) {
	raw, err := readAll(ctx, i, e.Size, open)
	if err != nil {
		e.Err = fmt.Errorf("reading the layer %s: %w", e.Digest, explain(ctx, err))
		e.Unread = true
		return
	}
	e.Raw = raw
}

func readAll(ctx context.Context, i int, size int64, open source) ([]byte, error) {
	r, err := open(ctx, i)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read from

	raw, err := io.ReadAll(io.LimitReader(r, size+1))
	if err == nil && int64(len(raw)) != size {
		err = fmt.Errorf("it has other than %d bytes", size)
	}
	return raw, err
}

// describe returns what a manifest says of a layer.
func describe(format Format, layer v1.Descriptor, claimedType string) Entry {
	e := Entry{
		Format: format, Digest: layer.Digest.String(), Size: layer.Size,
		MediaType: string(layer.MediaType), ClaimedType: claimedType,
	}
	switch {
	case e.Size < 0: // with it the registry client reads without end
		e.Err = fmt.Errorf("it has %d bytes by its manifest", e.Size)
	case e.Size > attest.MaxSize:
		e.Err = fmt.Errorf("it has %d bytes, the limit is %d (128 MiB)", e.Size, attest.MaxSize)
	}
	return e
}

// Receipt is what a person should know of a write that succeeded.
type Receipt struct {
	Stale      []string // digests of manifests that gave way and that the registry would not remove
	Superseded []string // predicate types of which a newer one of this signer, attached meanwhile, is there instead
}

// EntryOf returns what a listing in a format would show of an envelope that was
// attached.
func EntryOf(format Format, s Signed) (Entry, error) {
	e := Entry{Format: format, Digest: s.Envelope.Digest(), MediaType: string(envelopeMediaType), ClaimedType: s.PredicateType, Raw: s.Envelope.Raw()}
	if format == FormatBundle {
		content, err := s.Envelope.EncodeBundle()
		if err != nil {
			return Entry{}, err
		}
		e.Raw, e.MediaType, e.Digest = content, attest.BundleMediaType, sha256Of(content).String()
	} else {
		annotations, err := annotate(s.Envelope.Proof())
		if err != nil {
			return Entry{}, err
		}
		e.vouching = vouching(annotations)
	}
	e.Size = int64(len(e.Raw))
	return e, nil
}
