package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

const (
	emptyMediaType    = types.MediaType("application/vnd.oci.empty.v1+json")
	createdAnnotation = "org.opencontainers.image.created"
	contentAnnotation = "dev.sigstore.bundle.content"
)

// Attach writes envelopes as bundles that refer to a subject. mine tells whether
// a bundle that is already there may be replaced by one of the same predicate
// type; all others are kept. When it returns without error, everything it
// attached was read back from the registry.
func (b Bundles) Attach(ctx context.Context, s attest.Subject, signed []Signed, mine func(attest.Envelope) bool) (Receipt, error) {
	if len(signed) == 0 {
		return Receipt{}, nil
	}
	receipt, err := b.attach(ctx, s, signed, mine)
	if err != nil {
		return Receipt{}, fmt.Errorf("attaching to %s: %w", s, err)
	}
	return receipt, nil
}

func (b Bundles) attach(ctx context.Context, s attest.Subject, signed []Signed, mine func(attest.Envelope) bool) (Receipt, error) {
	r, err := b.open(ctx, s, transport.PushScope)
	if err != nil {
		return Receipt{}, err
	}
	w := &referrerWriter{referring: r, store: b, judge: newJudge(signed, mine)}
	if err := w.stage(ctx, signed); err != nil {
		return Receipt{}, explainWrite(ctx, b.Location(s), err)
	}
	before, err := w.list(ctx)
	if err != nil {
		return Receipt{}, explain(ctx, err)
	}
	old, err := w.superseded(ctx, before.descriptors)
	if err != nil {
		return Receipt{}, err
	}
	listed, err := w.putAll(ctx)
	if err != nil {
		return Receipt{}, err
	}
	if before.api || listed {
		return w.finish(ctx, old)
	}
	return Receipt{}, settle(ctx, s, w)
}

// referrerWriter writes the same bundles about one subject.
type referrerWriter struct {
	referring
	store Bundles
	judge judge
	added []staged
}

// staged is a manifest whose blobs are in the registry already.
type staged struct {
	raw        []byte
	descriptor v1.Descriptor
}

// manifest is v1.Manifest with the artifact type that it lacks.
type manifest struct {
	v1.Manifest
	ArtifactType string `json:"artifactType"`
}

// stage uploads the bundles and makes their manifests. Nobody sees them before
// the manifests are there.
func (w *referrerWriter) stage(ctx context.Context, signed []Signed) error {
	subject, err := remote.Head(w.subject.Digest(), w.remote...)
	if err != nil {
		return err
	}
	pusher, err := remote.NewPusher(w.remote...)
	if err != nil {
		return err
	}
	w.added = make([]staged, len(signed))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	config := static.NewLayer([]byte("{}"), emptyMediaType)
	group.Go(func() error { return pusher.Upload(groupCtx, w.repo, config) })
	for i, s := range signed {
		content, err := s.Envelope.EncodeBundle()
		if err != nil {
			return err
		}
		if len(content) > attest.MaxSize {
			return fmt.Errorf("the bundle of type %s has %d bytes, the limit is %d (128 MiB)", attest.ShortType(s.PredicateType), len(content), attest.MaxSize)
		}
		layer := static.NewLayer(content, attest.BundleMediaType)
		if w.added[i], err = newStaged(subject, config, layer, s.PredicateType); err != nil {
			return err
		}
		group.Go(func() error { return pusher.Upload(groupCtx, w.repo, layer) })
	}
	return group.Wait()
}

// newStaged makes the manifest of a bundle as cosign makes it.
func newStaged(subject *v1.Descriptor, config, layer v1.Layer, predicateType string) (staged, error) {
	annotations := map[string]string{
		createdAnnotation:         time.Now().UTC().Format(time.RFC3339),
		contentAnnotation:         "dsse-envelope",
		bundlePredicateAnnotation: predicateType,
	}
	parts := make([]v1.Descriptor, 2)
	for i, l := range []v1.Layer{config, layer} {
		d, err := descriptorOf(l)
		if err != nil {
			return staged{}, err
		}
		parts[i] = d
	}
	raw, err := json.Marshal(manifest{ArtifactType: attest.BundleMediaType, Manifest: v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config:        parts[0],
		Layers:        parts[1:],
		Subject:       &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
		Annotations:   annotations,
	}})
	if err != nil {
		return staged{}, err
	}
	return staged{raw: raw, descriptor: v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Digest: sha256Of(raw), Size: int64(len(raw)),
		ArtifactType: attest.BundleMediaType, Annotations: annotations,
	}}, nil
}

func descriptorOf(l v1.Layer) (v1.Descriptor, error) {
	digest, err := l.Digest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	size, err := l.Size()
	if err != nil {
		return v1.Descriptor{}, err
	}
	mediaType, err := l.MediaType()
	return v1.Descriptor{MediaType: mediaType, Digest: digest, Size: size}, err
}

// superseded returns the digests of the bundles that give way.
func (w *referrerWriter) superseded(ctx context.Context, descriptors []v1.Descriptor) ([]string, error) {
	var old []string
	for _, e := range w.entries(ctx, descriptors, w.judge.worthReading) {
		if e.Unread {
			return nil, fault.WithHint(e.Err, "it may be an earlier attestation of this signer, to be replaced; run again, "+
				"and if it stays so, repair or remove this manifest: the others are evidence, too")
		}
		if w.judge.givesWay(e) && !slices.Contains(w.digests(), e.Digest) {
			old = append(old, e.Digest)
		}
	}
	return old, nil
}

// putAll writes the manifests by their digests, and reports whether the registry
// lists them as referrers by itself. If one cannot be written, those before it are
// removed.
func (w *referrerWriter) putAll(ctx context.Context) (listed bool, err error) {
	for i, m := range w.added {
		listed, err = w.put(ctx, m.descriptor.Digest.String(), types.OCIManifestSchema1, m.raw)
		if err == nil {
			continue
		}
		err = explainWrite(ctx, w.store.Location(w.subject), err)
		undone, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleMost)
		defer cancel()
		if stale := w.removeAll(undone, w.digests()[:i]); len(stale) > 0 {
			return false, fmt.Errorf("%w; of the set, %v are attached already and cannot be removed", err, stale)
		}
		return false, err
	}
	return listed, nil
}

// finish waits until the registry lists what was written, and removes what gives
// way to it.
func (w *referrerWriter) finish(ctx context.Context, old []string) (Receipt, error) {
	for attempt := range attempts {
		list, err := w.list(ctx)
		if err != nil {
			return Receipt{}, explain(ctx, err)
		}
		if containsAll(digestsIn(list.descriptors), w.digests()) {
			return Receipt{Stale: w.removeAll(ctx, old)}, nil
		}
		if err := pause(ctx, attempt); err != nil {
			return Receipt{}, err
		}
	}
	return Receipt{}, errors.New("the registry took the bundles, but does not list them as referrers")
}

// removeAll removes manifests and returns those that the registry keeps.
func (w *referrerWriter) removeAll(ctx context.Context, digests []string) []string {
	if len(digests) == 0 {
		return nil
	}
	client, err := w.store.access.Client(ctx, w.repo, transport.DeleteScope)
	if err != nil {
		return digests
	}
	remover := manifests{http: client, repo: w.repo}
	return slices.DeleteFunc(slices.Clone(digests), func(d string) bool { return remover.remove(ctx, d) == nil })
}

// write implements contended, for the fallback tag.
func (w *referrerWriter) write(ctx context.Context) (wanted []string, looked time.Time, written bool, err error) {
	current, err := w.fallback(ctx)
	if err != nil {
		return nil, looked, false, explain(ctx, err)
	}
	old, err := w.superseded(ctx, current.descriptors)
	if err != nil {
		return nil, looked, false, err
	}
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Annotations: current.index.Annotations}
	for _, d := range current.index.Manifests {
		if digest := d.Digest.String(); !slices.Contains(old, digest) && !slices.Contains(w.digests(), digest) {
			index.Manifests = append(index.Manifests, d)
		}
	}
	for _, m := range w.added {
		index.Manifests = append(index.Manifests, m.descriptor)
	}
	raw, err := json.Marshal(index)
	if err != nil {
		return nil, looked, false, err
	}
	looked = time.Now()
	if now, err := w.fallback(ctx); err != nil || now.digest != current.digest {
		return nil, looked, false, explain(ctx, err)
	}
	if _, err := w.put(ctx, w.fallbackTag(), types.OCIImageIndex, raw); err != nil {
		return nil, looked, false, passing(err, explainWrite(ctx, w.repo.Tag(w.fallbackTag()).String(), err))
	}
	return digestsIn(index.Manifests), looked, true, nil
}

// look implements contended.
func (w *referrerWriter) look(ctx context.Context) (v1.Hash, []string, error) {
	current, err := w.fallback(ctx)
	if err == nil && current.shadowed {
		err = fault.WithHint(fmt.Errorf("the registry resolves the tag %s to the image itself", w.fallbackTag()),
			"it cannot keep bundles; use attestation-format att")
	}
	return current.digest, digestsIn(current.index.Manifests), explain(ctx, err)
}

func (w *referrerWriter) digests() []string {
	out := make([]string, len(w.added))
	for i, m := range w.added {
		out[i] = m.descriptor.Digest.String()
	}
	return out
}

func digestsIn(descriptors []v1.Descriptor) []string {
	out := make([]string, len(descriptors))
	for i, d := range descriptors {
		out[i] = d.Digest.String()
	}
	return out
}

func containsAll(present, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(present, w) })
}
