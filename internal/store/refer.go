package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

// Attach writes envelopes as bundles that refer to a subject. mine tells whether
// a bundle that is already there may be replaced by one of the same predicate
// type; all others are kept. Whether what it attached stays there, the end of the
// watch tells. mine may be called until then.
func (b Bundles) Attach(ctx context.Context, s attest.Subject, signed []Signed, mine func(attest.Envelope) bool) (*Watched, error) {
	if len(signed) == 0 {
		return Settled(Receipt{}), nil
	}
	watched, err := b.attach(ctx, s, signed, mine)
	if err != nil {
		return nil, fmt.Errorf("attaching to %s: %w", s, err)
	}
	return watched, nil
}

func (b Bundles) attach(ctx context.Context, s attest.Subject, signed []Signed, mine func(attest.Envelope) bool) (*Watched, error) {
	r, err := b.open(ctx, s, transport.PushScope)
	if err != nil {
		return nil, err
	}
	w := newReferrerWriter(r, b, signed, mine)
	if err := w.stage(ctx, signed); err != nil {
		return nil, explainWrite(ctx, FormatBundle, b.Location(s), err)
	}
	if w.ranks, err = ranks(signed, w.digests()); err != nil {
		return nil, err
	}
	before, err := w.list(ctx)
	if err != nil {
		return nil, explain(ctx, err)
	}
	if before.shadowed {
		return nil, w.noPlace()
	}
	old, err := w.giving(ctx, before)
	if err != nil {
		return nil, err
	}
	listed, err := w.putAll(ctx, digestsIn(before.descriptors))
	if err != nil {
		return nil, err
	}
	if before.api || listed {
		receipt, err := w.finish(ctx, old)
		return Settled(receipt), err
	}
	return settle(ctx, s, w, b.own, func() []string { return w.lost })
}

// referrerWriter writes the same bundles about one subject.
type referrerWriter struct {
	referring
	store Bundles
	judge judge
	added []staged
	ranks []rank // of what is added

	replacing
	lost []string // types of which another job's was newer
}

// newReferrerWriter lets a bundle that is added give way to itself, too: it may be
// there in a manifest of another time. That is for the judge to say, who remembers
// it for when the list is read again.
func newReferrerWriter(r referring, b Bundles, signed []Signed, mine func(attest.Envelope) bool) *referrerWriter {
	w := &referrerWriter{referring: r, store: b, judge: newJudge(signed, mine)}
	w.judge.same = w.adds
	return w
}

// giving returns the bundles that give way.
func (w *referrerWriter) giving(ctx context.Context, listed referrerList) ([]rank, error) {
	entries, err := w.readListed(ctx, listed, w.judge.worthReading)
	if err != nil {
		return nil, explain(ctx, err)
	}
	ranks, err := judged(entries, w.judge, "repair this referrer or remove it from the list")
	if err != nil {
		return nil, err
	}
	var old []rank
	for i, r := range ranks {
		if !slices.Contains(w.digests(), entries[i].Digest) {
			old = append(old, r)
		}
	}
	return old, nil
}

// yield leaves out of what is added what others attached a newer one of, and returns
// the digests of what gives way to the rest, and of what is left out.
func (w *referrerWriter) yield(old []rank) (giving, left []string) {
	if w.wrote {
		lost, before := overtaken(w.ranks, old), w.digests()
		w.lost = append(w.lost, lost...)
		w.added, w.ranks = without(w.added, w.ranks, lost)
		old = slices.DeleteFunc(old, func(r rank) bool { return r.isOf(w.lost) })
		left = slices.DeleteFunc(before, func(d string) bool { return slices.Contains(w.digests(), d) })
	}
	for _, r := range old {
		giving = append(giving, r.name)
	}
	return giving, left
}

// adds reports whether an entry is one of the bundles that are added, in a
// manifest of another time.
func (w *referrerWriter) adds(e Entry) bool {
	return slices.ContainsFunc(w.added, func(m staged) bool { return m.bundle == sha256Of(e.Raw) })
}

// putAll writes the manifests by their digests, and reports whether the registry
// lists them as referrers by itself. If one cannot be written, those that were
// not there before are removed.
func (w *referrerWriter) putAll(ctx context.Context, before []string) (listed bool, err error) {
	for i, m := range w.added {
		listed, err = w.put(ctx, m.descriptor.Digest.String(), types.OCIManifestSchema1, m.raw)
		if err == nil {
			continue
		}
		err = explainWrite(ctx, FormatBundle, w.store.Location(w.subject), err)
		// The last may have arrived, whatever was heard of it.
		fresh := slices.DeleteFunc(w.digests()[:i+1], func(d string) bool { return slices.Contains(before, d) })
		if left := w.undo(ctx, fresh); len(left) > 0 {
			return false, fault.WithHint(fmt.Errorf("%w; it cannot be undone: a part of the set is attached, %s", err, strings.Join(left, ", ")),
				"run again to attach the whole set, or remove that part from the registry")
		}
		return false, err
	}
	return listed, nil
}

// undo removes manifests and returns those that are still there, or may be. It
// has some time of its own: the job's may be over.
func (w *referrerWriter) undo(ctx context.Context, digests []string) []string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleMost)
	defer cancel()
	return slices.DeleteFunc(w.removeAll(ctx, digests), func(d string) bool {
		raw, err := w.get(ctx, d)
		return raw == nil && err == nil
	})
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
func (w *referrerWriter) write(ctx context.Context) (*writing, error) {
	current, err := w.fallback(ctx)
	if err != nil {
		return nil, explain(ctx, err)
	}
	w.found(current.digest)
	old, err := w.giving(ctx, current)
	if err != nil {
		return nil, err
	}
	gone, left := w.yield(old)
	if len(w.added) == 0 {
		return nothingLeft(nil)
	}
	index := w.merge(current.index, append(gone, left...))
	raw, err := json.Marshal(index)
	if err != nil {
		return nil, err
	}
	looked := time.Now()
	if now, err := w.fallback(ctx); err != nil || now.digest != current.digest {
		return nil, explain(ctx, err)
	}
	w.over = &current.digest
	w.store.own.add(sha256Of(raw)) // before anybody can see it
	if _, err := w.put(ctx, w.fallbackTag(), types.OCIImageIndex, raw); err != nil {
		return nil, passing(err, explainWrite(ctx, FormatBundle, w.repo.Tag(w.fallbackTag()).String(), err))
	}
	w.wrote = true
	return &writing{digest: sha256Of(raw), wanted: digestsIn(index.Manifests), added: w.digests(), took: time.Since(looked)}, nil
}

// merge returns the list with what is added and without what gives way to it.
func (w *referrerWriter) merge(current v1.IndexManifest, old []string) v1.IndexManifest {
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Annotations: current.Annotations}
	for _, d := range current.Manifests {
		if digest := d.Digest.String(); !slices.Contains(old, digest) && !slices.Contains(w.digests(), digest) {
			index.Manifests = append(index.Manifests, d)
		}
	}
	for _, m := range w.added {
		index.Manifests = append(index.Manifests, m.descriptor)
	}
	return index
}

// look implements contended.
func (w *referrerWriter) look(ctx context.Context) (v1.Hash, []string, error) {
	current, err := w.fallback(ctx)
	if err == nil && current.shadowed {
		err = w.noPlace()
	}
	return current.digest, digestsIn(current.index.Manifests), explain(ctx, err)
}

// noPlace is the error where bundles cannot be listed in any way.
func (w *referrerWriter) noPlace() error {
	return fault.WithHint(fmt.Errorf("the registry has no referrers API, and resolves the tag %s to the image itself", w.fallbackTag()),
		"it cannot keep bundles; use attestation-format att")
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
