package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

const (
	bundlePrefix              = "application/vnd.dev.sigstore.bundle" // of every version
	bundlePredicateAnnotation = "dev.sigstore.bundle.predicateType"
)

// maxReferrers bounds how many referrers of one image are looked at. Each takes a
// request or two.
const maxReferrers = 5000

// Access reaches registries.
type Access interface {
	RemoteOptions() []remote.Option
	// Client returns a client that is logged in to a repository for the actions.
	Client(ctx context.Context, repository name.Repository, actions string) (*http.Client, error)
}

// Bundles is the store of Sigstore bundles as OCI referrers.
type Bundles struct {
	access Access
	target *name.Repository
	known  *memory // manifests and bundles that were read already
	own    *writes
}

// NewBundles returns the store. Bundles lie in target, or beside the image if
// target is nil.
func NewBundles(access Access, target *name.Repository) Bundles {
	return Bundles{access: access, target: target, known: &memory{}, own: &writes{}}
}

// Format returns bundle.
func (b Bundles) Format() Format { return FormatBundle }

// StatementType returns the version of in-toto statements that this store's
// readers expect: v1.
func (b Bundles) StatementType() string { return attest.StatementV1 }

// Location names the referrers of a subject.
func (b Bundles) Location(s attest.Subject) string {
	return "the referrers of " + b.repository(s).Digest(s.Digest().DigestStr()).String()
}

func (b Bundles) repository(s attest.Subject) name.Repository {
	if b.target != nil {
		return *b.target
	}
	return s.Digest().Context()
}

// List returns the bundles that refer to a subject, in the order of the registry.
// What cannot be read is an entry with its error, not the end of the list.
func (b Bundles) List(ctx context.Context, s attest.Subject) ([]Entry, error) {
	r, err := b.open(ctx, s, "pull")
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", b.Location(s), err)
	}
	found, err := r.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", b.Location(s), explain(ctx, err))
	}
	entries, err := r.readListed(ctx, found, func(Entry) bool { return true })
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", b.Location(s), explain(ctx, err))
	}
	return entries, nil
}

// relists bounds how often a list is read that changes while it is read.
const relists = 4

// maxMeeting is how many manifests may be gone because writers met.
const maxMeeting = 32

// readListed reads what was listed. A manifest that was replaced after it was listed is
// not there to be read, and what replaced it was not listed yet; one that another
// writer removed may be on its way back. Then the list is read again, unless more
// is gone than writers who meet can have removed.
func (r referring) readListed(ctx context.Context, listed referrerList, wanted func(Entry) bool) ([]Entry, error) {
	for attempt := 0; ; attempt++ {
		entries := r.entries(ctx, listed, wanted)
		gone := 0
		for _, e := range entries {
			if errors.Is(e.Err, errNotThere) {
				gone++
			}
		}
		if gone == 0 || gone > maxMeeting || attempt == relists {
			return entries, nil
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
		var err error
		if listed, err = r.list(ctx); err != nil {
			return nil, err
		}
	}
}

// referring is what refers to one subject, in one repository.
type referring struct {
	manifests
	subject attest.Subject
	remote  []remote.Option
	known   *memory
}

func (b Bundles) open(ctx context.Context, s attest.Subject, actions string) (referring, error) {
	repository := b.repository(s)
	client, err := b.access.Client(ctx, repository, actions)
	if err != nil {
		return referring{}, explain(ctx, err)
	}
	options := append(b.access.RemoteOptions(), remote.WithContext(ctx))
	return referring{manifests: manifests{http: client, repo: repository}, subject: s, remote: options, known: b.known}, nil
}

// referrerList is what a registry lists, by its API or under the fallback tag.
type referrerList struct {
	api         bool
	shadowed    bool    // the fallback tag names the subject itself
	digest      v1.Hash // of the index under the fallback tag; zero where there is none
	index       v1.IndexManifest
	descriptors []v1.Descriptor // each once; what is said to be a bundle first
	unlisted    error           // why there may be more; nil: there are no more
}

// list asks the referrers API, and reads the fallback tag where there is none.
func (r referring) list(ctx context.Context) (referrerList, error) {
	all, err := r.referrers(ctx, r.subject.Digest().DigestStr())
	cut, more := errors.AsType[cutError](err)
	if err == nil || more {
		return referrerList{api: true, descriptors: likelyFirst(all), unlisted: cut.error}, nil
	}
	if !errors.Is(err, errNoReferrersAPI) {
		return referrerList{}, err
	}
	return r.fallback(ctx)
}

// fallbackTag is the tag of the referrers of a subject, as the distribution
// specification has it.
func (r referring) fallbackTag() string { return "sha256-" + r.subject.Hex() }

// fallback reads the fallback tag. Some registries resolve that very name to the
// subject itself, which is no list of referrers even where it is an index.
func (r referring) fallback(ctx context.Context) (referrerList, error) {
	raw, err := r.get(ctx, r.fallbackTag())
	if err != nil || raw == nil {
		return referrerList{}, err
	}
	list, err := parseFallback(raw, r.subject.Hex())
	if err != nil {
		return referrerList{}, fmt.Errorf("its tag %s %w", r.fallbackTag(), err)
	}
	return list, nil
}

// parseFallback reads what lies under the fallback tag of a subject.
func parseFallback(raw []byte, subject string) (referrerList, error) {
	list := referrerList{digest: sha256Of(raw)}
	if list.digest.Hex == subject {
		return referrerList{shadowed: true}, nil
	}
	if json.Unmarshal(raw, &list.index) != nil {
		return referrerList{}, errors.New("is not a list of referrers")
	}
	if list.index.MediaType != types.OCIImageIndex {
		return referrerList{}, fmt.Errorf("is of type %q, not a list of referrers", list.index.MediaType)
	}
	list.descriptors = likelyFirst(list.index.Manifests)
	return list, nil
}

// claimsBundle reports whether a list says that a manifest holds a bundle.
func claimsBundle(d v1.Descriptor) bool { return strings.HasPrefix(d.ArtifactType, bundlePrefix) }

// likelyFirst returns each manifest once, and first those that a list says to hold
// a bundle, or of which it says nothing. The others are looked at, too: what a list
// says is not signed, and cosign goes by the layer.
func likelyFirst(all []v1.Descriptor) []v1.Descriptor {
	var likely, others []v1.Descriptor
	seen := map[v1.Hash]bool{}
	for _, d := range all {
		if seen[d.Digest] {
			continue
		}
		seen[d.Digest] = true
		if d.ArtifactType == "" || d.ArtifactType == string(emptyMediaType) || claimsBundle(d) {
			likely = append(likely, d)
		} else {
			others = append(others, d)
		}
	}
	return append(likely, others...)
}

// entries reads the bundles, and the bytes of those that are wanted. Whatever the
// list says, an entry is what its manifest is. If there are more referrers than are
// looked at, the last entry says so.
func (r referring) entries(ctx context.Context, list referrerList, wanted func(Entry) bool) []Entry {
	descriptors, more := list.descriptors, list.unlisted
	if n := len(descriptors) - maxReferrers; n > 0 {
		descriptors = descriptors[:maxReferrers]
		more = overBounds("%d referrers were not looked at: the image has over %d", n, maxReferrers)
	}
	all := make([]referrer, len(descriptors))
	var group errgroup.Group
	group.SetLimit(8)
	for i, d := range descriptors {
		all[i].Entry = Entry{Format: FormatBundle, Digest: d.Digest.String(), ClaimedType: d.Annotations[bundlePredicateAnnotation]}
		if wanted(all[i].Entry) {
			group.Go(func() error {
				r.resolve(ctx, &all[i])
				return nil
			})
		}
	}
	_ = group.Wait() // errors are the entries' own
	var out []Entry
	var layers []v1.Hash
	for i, one := range all {
		if !one.other || claimsBundle(descriptors[i]) {
			out, layers = append(out, one.Entry), append(layers, one.layer)
		}
	}
	digest := func(i int) v1.Hash { return layers[i] }
	fill(ctx, out, wanted, r.known.reading(digest, func(_ context.Context, i int) (io.ReadCloser, error) {
		layer, err := remote.Layer(r.repo.Digest(layers[i].String()), r.remote...)
		if err != nil {
			return nil, err
		}
		return layer.Compressed()
	}))
	for i, e := range out {
		r.known.keep(digest(i), e.Raw)
	}
	if more != nil {
		out = append(out, Entry{Format: FormatBundle}.notRead(attest.PlaceMoreReferrer, more))
	}
	return out
}

// referrer is an entry as its manifest has it.
type referrer struct {
	Entry
	layer v1.Hash // that holds the bundle
	other bool    // it holds none
}

// errNotThere is said of a manifest that a list names and the registry does not have.
var errNotThere = errors.New("it is listed, and not there")

// resolve reads the manifest of an entry.
func (r referring) resolve(ctx context.Context, e *referrer) {
	raw, err := r.manifestOf(ctx, e.Digest)
	if err != nil {
		e.Entry = e.notRead(attest.PlaceManifest, fmt.Errorf("reading the referrer %s: %w", e.Digest, explain(ctx, err)))
		return
	}
	var manifest v1.Manifest
	if json.Unmarshal(raw, &manifest) != nil || len(manifest.Layers) != 1 || !strings.HasPrefix(string(manifest.Layers[0].MediaType), bundlePrefix) {
		e.Err, e.other = errors.New("it is listed as a bundle, and its manifest holds none"), true
		return
	}
	digest := e.Digest
	e.Entry = describe(FormatBundle, manifest.Layers[0], manifest.Annotations[bundlePredicateAnnotation])
	e.Digest = digest // of the manifest: that is what is attached
	e.layer = manifest.Layers[0].Digest
}

// manifestOf returns the manifest with a digest, or errNotThere.
func (r referring) manifestOf(ctx context.Context, digest string) ([]byte, error) {
	hash, err := v1.NewHash(digest)
	if err != nil {
		return nil, err
	}
	if known, ok := r.known.get(hash); ok {
		return known, nil
	}
	raw, err := r.get(ctx, digest)
	switch {
	case err != nil:
		return nil, err
	case raw == nil:
		return nil, errNotThere
	case sha256Of(raw) != hash:
		return nil, errors.New("it has another digest")
	}
	r.known.keep(hash, raw)
	return raw, nil
}

func sha256Of(raw []byte) v1.Hash {
	sum := sha256.Sum256(raw)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}
