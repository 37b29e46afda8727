package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"
)

const (
	bundleType  = types.MediaType("application/vnd.dev.sigstore.bundle.v0.3+json")
	ownMaterial = "io.github.hallmark-ci.hallmark/verification-material"
)

// attachedThing is something in the registry beside the image, as somebody without any
// key can read and write it.
type attachedThing struct {
	content     []byte
	annotations map[string]string
	bundle      bool
}

// remember keeps what is attached to the image that was pushed last, as somebody who
// may read the registry can.
func remember(_ *testscript.TestScript, w *world, _ []string) error {
	r, done, err := w.direct()
	if err != nil {
		return err
	}
	defer done()
	w.remembered, err = r.everything()
	return err
}

// putback WAY... attaches what was remembered again, once for each of the ways in
// which it can be changed without a key.
func putBack(_ *testscript.TestScript, w *world, ways []string) error {
	r, done, err := w.direct()
	if err != nil {
		return err
	}
	defer done()
	var layers []attachedThing
	for _, way := range ways {
		for _, thing := range w.remembered {
			changed, err := thing.changed(way)
			if err != nil {
				return err
			}
			if !changed.bundle {
				layers = append(layers, changed)
			} else if err := r.refer(changed, way); err != nil {
				return err
			}
		}
	}
	return r.addLayers(layers)
}

// junk PLACE NUMBER [BYTES] attaches so many things that say nothing: layers, or
// referrers, of which each claims to have so many bytes.
func junk(_ *testscript.TestScript, w *world, args []string) error {
	number, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	var claimed int64
	if len(args) > 2 {
		if claimed, err = strconv.ParseInt(args[2], 10, 64); err != nil {
			return err
		}
	}
	r, done, err := w.direct()
	if err != nil {
		return err
	}
	defer done()
	var layers []attachedThing
	for i := range number {
		thing := attachedThing{content: fmt.Appendf(nil, `{"junk":%d}`, i), annotations: map[string]string{}, bundle: args[0] == "referrers"}
		if !thing.bundle {
			layers = append(layers, thing)
		} else if err := r.referSized(thing, bundleType, claimed); err != nil {
			return err
		}
	}
	return r.addLayers(layers)
}

// changed returns a thing as it is after somebody without a key wrote something
// around what is signed.
func (a attachedThing) changed(way string) (attachedThing, error) {
	annotations := map[string]string{}
	for key, value := range a.annotations {
		annotations[key] = value
	}
	a.annotations = annotations
	switch way {
	case "as-it-was", "another-artifact":
		return a, nil
	case "relabelled":
		for _, key := range []string{"predicateType", "dev.sigstore.bundle.predicateType"} {
			a.annotations[key] = "https://example.com/other/v1"
		}
		return a, nil
	case "malformed-proof":
		a.annotations[ownMaterial] = "{"
		return a, nil
	case "empty-proof":
		a.annotations[ownMaterial] = "{}"
		return a, nil
	case "other-spaces":
		a.content = append(append([]byte(" "), a.content...), '\n')
		return a, nil
	case "unknown-field":
		a.content = bytes.Replace(a.content, []byte(`{`), []byte(`{"note":1,`), 1)
		return a, nil
	}
	return a.signedOtherwise(way)
}

// signedOtherwise changes the signatures of an envelope.
func (a attachedThing) signedOtherwise(way string) (attachedThing, error) {
	var document map[string]any
	if err := json.Unmarshal(a.content, &document); err != nil {
		return a, err
	}
	envelope := document
	if inner, ok := document["dsseEnvelope"].(map[string]any); ok {
		envelope = inner
	}
	own, ok := envelope["signatures"].([]any)
	if !ok || len(own) == 0 {
		return a, fmt.Errorf("it has no signatures")
	}
	nonsense := map[string]any{"keyid": "", "sig": "anVuaw=="}
	switch way {
	case "junk-signature":
		envelope["signatures"] = append(own, nonsense)
	case "junk-signature-first":
		envelope["signatures"] = append([]any{nonsense}, own...)
	case "signed-twice":
		envelope["signatures"] = append(own, own[0])
	case "many-signatures":
		for range 20 {
			own = append(own, nonsense)
		}
		envelope["signatures"] = own
	case "other-alphabet":
		first, _ := own[0].(map[string]any)
		first["sig"] = strings.NewReplacer("+", "-", "/", "_").Replace(fmt.Sprint(first["sig"]))
	default:
		return a, fmt.Errorf("no way %q", way)
	}
	var err error
	a.content, err = json.Marshal(document)
	return a, err
}

// direct reaches the registry behind the gateway's back.
func (w *world) direct() (registryOfWorld, func(), error) {
	server := httptest.NewServer(w.gateway.registry)
	repository, err := name.NewRepository(host(server) + "/" + w.subject.RepositoryStr())
	return registryOfWorld{repository, w.subject.DigestStr()}, server.Close, err
}

// registryOfWorld is where things are attached to an image.
type registryOfWorld struct {
	repository name.Repository
	digest     string
}

func (r registryOfWorld) att() name.Tag {
	return r.repository.Tag(strings.Replace(r.digest, ":", "-", 1) + ".att")
}

// everything returns the layers under the tag, and the bundles.
func (r registryOfWorld) everything() ([]attachedThing, error) {
	layers, err := r.layersOf(r.att())
	if err != nil {
		return nil, err
	}
	referrers, err := remote.Referrers(r.repository.Digest(r.digest))
	if err != nil {
		return nil, err
	}
	index, err := referrers.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, d := range index.Manifests {
		held, err := r.layersOf(r.repository.Digest(d.Digest.String()))
		if err != nil {
			return nil, err
		}
		for _, bundle := range held {
			bundle.bundle, bundle.annotations = true, d.Annotations
			layers = append(layers, bundle)
		}
	}
	return layers, nil
}

// layersOf returns the layers of a manifest; none where there is no such tag.
func (r registryOfWorld) layersOf(reference name.Reference) ([]attachedThing, error) {
	image, err := remote.Image(reference)
	if err != nil {
		if _, isTag := reference.(name.Tag); isTag && strings.Contains(err.Error(), "MANIFEST_UNKNOWN") {
			return nil, nil
		}
		return nil, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	var things []attachedThing
	for _, l := range manifest.Layers {
		layer, err := image.LayerByDigest(l.Digest)
		if err != nil {
			return nil, err
		}
		content, err := layer.Compressed()
		if err != nil {
			return nil, err
		}
		raw, err := io.ReadAll(content)
		if err != nil {
			return nil, err
		}
		things = append(things, attachedThing{content: raw, annotations: l.Annotations})
	}
	return things, nil
}

// addLayers writes layers beside those under the tag.
func (r registryOfWorld) addLayers(added []attachedThing) error {
	if len(added) == 0 {
		return nil
	}
	there, err := r.layersOf(r.att())
	if err != nil {
		return err
	}
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1}
	if manifest.Config, err = r.blob([]byte("{}"), types.OCIConfigJSON); err != nil {
		return err
	}
	for _, thing := range append(there, added...) {
		d, err := r.blob(thing.content, "application/vnd.dsse.envelope.v1+json")
		if err != nil {
			return err
		}
		d.Annotations = thing.annotations
		manifest.Layers = append(manifest.Layers, d)
	}
	return r.put(r.att(), manifest)
}

// refer writes a bundle as a referrer; as another artifact if that is the way.
func (r registryOfWorld) refer(thing attachedThing, way string) error {
	kind := bundleType
	if way == "another-artifact" {
		kind = "application/vnd.example.sbom"
	}
	return r.referSized(thing, kind, 0)
}

func (r registryOfWorld) referSized(thing attachedThing, kind types.MediaType, claimed int64) error {
	config, err := r.blob([]byte("{}"), "application/vnd.oci.empty.v1+json")
	if err != nil {
		return err
	}
	layer, err := r.blob(thing.content, bundleType)
	if err != nil {
		return err
	}
	if claimed > 0 {
		layer.Size = claimed
	}
	subject, err := remote.Head(r.repository.Digest(r.digest))
	if err != nil {
		return err
	}
	manifest := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Layers: []v1.Descriptor{layer},
		Subject: subject, Annotations: thing.annotations, ArtifactType: string(kind),
	}
	raw, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return r.put(r.repository.Digest(digest.String()), manifest)
}

func (r registryOfWorld) blob(content []byte, mediaType types.MediaType) (v1.Descriptor, error) {
	layer := static.NewLayer(content, mediaType)
	digest, err := layer.Digest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(content))}, remote.WriteLayer(r.repository, layer)
}

func (r registryOfWorld) put(where name.Reference, manifest v1.Manifest) error {
	raw, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	return remote.Put(where, rawOCIManifest(raw))
}

// rawOCIManifest is a manifest as it is written.
type rawOCIManifest []byte

// RawManifest implements remote.Taggable.
func (m rawOCIManifest) RawManifest() ([]byte, error) { return m, nil }

// MediaType returns that of an OCI manifest.
func (rawOCIManifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
