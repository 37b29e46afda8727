package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
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
	ClaimedType string       // the predicate type that the annotation claims: for display, never to decide by
	Raw         []byte       // nil if Err is set
	Err         error        // why there is no Raw
	Unread      bool         // it was not read, so nobody knows what it is
	Place       attest.Place // where it was not read; set if Unread is

	vouching map[string]string // annotations beside the signature
}

// notRead returns the entry as one that was not read, and why.
func (e Entry) notRead(place attest.Place, why error) Entry {
	e.Raw, e.Err, e.Unread, e.Place = nil, why, true, place
	return e
}

// overBounds returns the error about what a bound keeps from being read. Whether it
// is there is known; what it says is not, so nothing can be decided by it.
func overBounds(format string, args ...any) error {
	return fault.WithHint(fault.Undecidedf(format, args...),
		"hallmark inspect names what is attached; remove what is not needed from the registry, and run again")
}

// Envelope returns the envelope in the entry with what vouches for it. If that is
// malformed, the envelope has a proof that says so.
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
	if err != nil {
		proof = attest.MalformedProof(err)
	}
	return envelope.WithProof(proof), nil
}

// Readings returns the envelope in the ways that readers may take the entry: with
// what our own annotation says beside its signature, and with what cosign's say.
// Whoever may push can change either.
func (e Entry) Readings() ([]attest.Envelope, error) {
	envelope, err := e.Envelope()
	if err != nil {
		return nil, err
	}
	readings := []attest.Envelope{envelope}
	if _, both := e.vouching[materialAnnotation]; both {
		cosigns := maps.Clone(e.vouching)
		delete(cosigns, materialAnnotation)
		if proof, err := proofOf(cosigns); err == nil {
			readings = append(readings, envelope.WithProof(proof))
		}
	}
	return readings, nil
}

// Replaces returns whether an entry gives way to what is signed now: it is mine,
// and one of the signed is of its predicate type.
func Replaces(signed []Signed, mine func(attest.Envelope) bool) func(Entry) bool {
	j := newJudge(signed, mine)
	return func(e Entry) bool {
		_, gives, err := j.replaces(e)
		return gives && err == nil
	}
}

func ofTypes(signed []Signed, predicateType string) bool {
	return slices.ContainsFunc(signed, func(s Signed) bool { return attest.SameType(s.PredicateType, predicateType) })
}

// judging decides which entries give way to what is written now, and of what rank
// those are. An entry that cannot be judged is an error.
type judging interface {
	worthReading(e Entry) bool
	givesWay(e Entry) (rank, bool, error)
}

// judge decides which entries give way to what is signed now, each once: an
// entry does not change under its digest. It goes by what is signed: the predicate
// type in the payload that this signer's signature covers, whatever the
// annotations claim.
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
func (j judge) replaces(e Entry) (rank, bool, error) {
	readings, err := e.Readings()
	if errors.Is(err, attest.ErrOverBounds) {
		return rank{}, false, overBounds("%s was not examined: %w", e.Digest, err)
	}
	ours := slices.ContainsFunc(readings, j.mine) || len(readings) > 0 && j.same != nil && j.same(e)
	if !ours { // among them what is no attestation
		return rank{}, false, nil
	}
	statement, err := attest.ParseStatement(readings[0].Payload())
	return rankOf(statement, e.Digest), err == nil && ofTypes(j.signed, statement.PredicateType), nil
}

// worthReading reports whether an entry must be read to be judged: it was not
// judged before. Any may be an attestation of a type that is signed now.
func (j judge) worthReading(e Entry) bool {
	_, known := j.known[e.key()]
	return !known && e.Err == nil
}

// givesWay returns the verdict about an entry that was read, or that was known.
func (j judge) givesWay(e Entry) (rank, bool, error) {
	v, known := j.known[e.key()]
	if known || e.Raw == nil {
		return v.rank, v.gives, nil
	}
	var err error
	if v.rank, v.gives, err = j.replaces(e); err != nil {
		return rank{}, false, err
	}
	j.known[e.key()] = v
	return v.rank, v.gives, nil
}

// judged returns what a judge says of each entry that gives way, by its index. An
// entry that was not read or cannot be judged is an error: nobody knows whether it
// would have to give way. repair says in the hint what helps.
func judged(entries []Entry, by judging, repair string) (map[int]rank, error) {
	giving := map[int]rank{}
	for i, e := range entries {
		var r rank
		gives, err := false, e.Err
		if !e.Unread {
			r, gives, err = by.givesWay(e)
		}
		if err != nil {
			return nil, fault.WithHint(err, "it may be an earlier attestation of this signer, to be replaced; run again, "+
				"and if it stays so, %s: the others are evidence, too", repair)
		}
		if gives {
			giving[i] = r
		}
	}
	return giving, nil
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

// fill reads the entries that are wanted, a few at a time and up to maxTotal. The
// smallest come first: a few that are large cannot keep many from being read.
func fill(ctx context.Context, entries []Entry, wanted func(Entry) bool, open source) {
	var group errgroup.Group
	group.SetLimit(4)
	var total int64
	for _, i := range bySize(entries) {
		e := &entries[i]
		if e.Err != nil || !wanted(*e) {
			continue
		}
		if total += e.Size; total > maxTotal {
			*e = e.notRead(attest.PlaceBudget, overBounds("%s of %d bytes was not read: what is attached has over %d bytes (512 MiB) in all", e.Digest, e.Size, maxTotal))
			continue
		}
		group.Go(func() error {
			e.read(ctx, i, open)
			return nil
		})
	}
	_ = group.Wait() // errors are the entries' own
}

// bySize returns the indexes of entries, those of the smallest first.
func bySize(entries []Entry) []int {
	order := make([]int, len(entries))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(entries[a].Size, entries[b].Size) })
	return order
}

// read reads the entry's bytes; the registry client checks their digest when
// they end.
func (e *Entry) read(ctx context.Context, i int, open source) {
	raw, err := readAll(ctx, i, e.Size, open)
	if err != nil {
		*e = e.notRead(attest.PlaceLayer, fmt.Errorf("reading the layer %s: %w", e.Digest, explain(ctx, err)))
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
		e = e.notRead(attest.PlaceTooLarge, overBounds("%s was not read: it has %d bytes by its manifest", e.Digest, e.Size))
	case e.Size > attest.MaxSize:
		e = e.notRead(attest.PlaceTooLarge, overBounds("%s was not read: it has %d bytes, the limit is %d (128 MiB)", e.Digest, e.Size, attest.MaxSize))
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
