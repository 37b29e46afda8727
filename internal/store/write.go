package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/cosign/v2/pkg/oci"
	ociempty "github.com/sigstore/cosign/v2/pkg/oci/empty"
	ocimutate "github.com/sigstore/cosign/v2/pkg/oci/mutate"
	"golang.org/x/sync/errgroup"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

// maxLayers is the number of layers under one tag that cosign's readers take.
const maxLayers = 1000

// writer writes the same attestations, as often as it needs, under one tag.
type writer struct {
	Att
	subject attest.Subject
	tag     name.Tag
	added   []oci.Signature
	ranks   []rank         // of what is added
	puller  *remote.Puller // keeps its login, so that a look is one request
	pusher  *remote.Pusher // as a write is
	judge   judging

	replacing
	superseded []string // types of which another job's was newer
}

// newWriter uploads the layers of what is added. Nobody sees them before the
// tag names them.
func (a Att) newWriter(ctx context.Context, s attest.Subject, added []oci.Signature) (*writer, error) {
	tag, err := a.Location(s)
	if err != nil {
		return nil, err
	}
	puller, err := remote.NewPuller(a.remote...)
	if err != nil {
		return nil, err
	}
	pusher, err := remote.NewPusher(a.remote...)
	if err != nil {
		return nil, err
	}
	w := &writer{Att: a, subject: s, tag: tag, added: added, puller: puller, pusher: pusher}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for _, layer := range added {
		group.Go(func() error { return pusher.Upload(groupCtx, tag.Context(), layer) })
	}
	if err := group.Wait(); err != nil {
		return nil, explainWrite(ctx, FormatAtt, tag.String(), err)
	}
	return w, nil
}

// write implements contended.
func (w *writer) write(ctx context.Context) (*writing, error) {
	current, err := w.read(ctx, w.subject)
	if err != nil {
		return nil, err
	}
	w.found(current.digest)
	staying, err := w.keep(ctx, current)
	if err != nil || len(w.added) == 0 {
		return nothingLeft(err)
	}
	all, err := w.merge(current, staying)
	if err != nil {
		return nil, err
	}
	config, err := partial.ConfigLayer(all)
	if err != nil {
		return nil, err
	}
	if err := w.pusher.Upload(ctx, w.tag.Context(), config); err != nil {
		return nil, explainWrite(ctx, FormatAtt, w.tag.String(), err)
	}
	digest, err := all.Digest()
	if err != nil {
		return nil, err
	}
	looked := time.Now()
	if now, err := w.digest(ctx); err != nil || now != current.digest {
		return nil, err
	}
	w.over = &current.digest
	w.own.add(digest) // before anybody can see it
	if err := w.pusher.Put(ctx, w.tag, all); err != nil {
		return nil, passing(err, explainWrite(ctx, FormatAtt, w.tag.String(), err))
	}
	w.wrote = true
	return &writing{digest: digest, wanted: layerNames(slices.Concat(staying, w.added)), added: layerNames(w.added), took: time.Since(looked)}, nil
}

// look implements contended.
func (w *writer) look(ctx context.Context) (v1.Hash, []string, error) {
	current, err := w.read(ctx, w.subject)
	return current.digest, layerNames(current.layers), err
}

// merge returns the manifest with what stays and what is added, and with the
// annotations of the one before it, which may be of other writers.
func (w *writer) merge(current content, staying []oci.Signature) (v1.Image, error) {
	if n := len(staying) + len(w.added); n > maxLayers {
		return nil, fault.WithHint(fmt.Errorf("%s would have %d attestations, and readers take %d", w.tag, n, maxLayers),
			"remove what nobody needs any more from the tag; hallmark inspect lists what is there")
	}
	all, err := ocimutate.AppendSignatures(ociempty.Signatures(), false, slices.Concat(staying, w.added)...)
	if err != nil || len(current.manifest.Annotations) == 0 {
		return all, err
	}
	annotated, ok := mutate.Annotations(all, current.manifest.Annotations).(v1.Image)
	if !ok {
		return nil, fmt.Errorf("carrying over the annotations of %s: not an image", w.tag)
	}
	return annotated, nil
}

// keep returns the layers that stay: all but those that give way to what is
// added, and what is added itself. What is newer than that is not replaced: then
// less is added.
func (w *writer) keep(ctx context.Context, current content) ([]oci.Signature, error) {
	fresh := layerNames(w.added)
	entries := w.entries(ctx, current, w.judge.worthReading)
	rivals, err := judged(entries, w.judge, "repair or remove this layer of "+w.tag.String())
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(rivals, func(i int, _ rank) bool { return slices.Contains(fresh, entries[i].layerName()) })
	if w.wrote {
		lost := overtaken(w.ranks, slices.Collect(maps.Values(rivals)))
		w.superseded = append(w.superseded, lost...)
		w.added, w.ranks = without(w.added, w.ranks, lost)
		maps.DeleteFunc(rivals, func(_ int, r rank) bool { return r.isOf(w.superseded) })
		fresh = layerNames(w.added)
	}
	var kept []oci.Signature
	for i, e := range entries {
		if _, gives := rivals[i]; !gives && !slices.Contains(fresh, e.layerName()) {
			kept = append(kept, keptLayer{current.layers[i], current.manifest.Layers[i]})
		}
	}
	return kept, nil
}

// digest returns that of the manifest under the tag now.
func (w *writer) digest(ctx context.Context) (v1.Hash, error) {
	descriptor, err := w.puller.Get(ctx, w.tag)
	var status *transport.Error
	switch {
	case errors.As(err, &status) && status.StatusCode == http.StatusNotFound:
		return ociempty.Signatures().Digest()
	case err != nil:
		return v1.Hash{}, fmt.Errorf("reading %s: %w", w.tag, explain(ctx, err))
	}
	return descriptor.Digest, nil
}

// keptLayer is a layer of another writer, as its manifest describes it.
type keptLayer struct {
	envelopeLayer
	described v1.Descriptor
}

// envelopeLayer is oci.Signature under a name that is none of its methods'.
type envelopeLayer = oci.Signature

// Size returns the number of bytes that the manifest says.
func (l keptLayer) Size() (int64, error) { return l.described.Size, nil }

// MediaType returns the type that the manifest says.
func (l keptLayer) MediaType() (types.MediaType, error) { return l.described.MediaType, nil }

// DiffID returns the digest of the layer: the config that it came with may not
// list it, and envelopes are not compressed.
func (l keptLayer) DiffID() (v1.Hash, error) { return l.described.Digest, nil }
