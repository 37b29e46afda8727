package store_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/store"
)

// What only bundles have, beside the contract, where the registry lists
// referrers by itself.
func TestBundlesWithReferrersAPI(t *testing.T) {
	for says, test := range map[string]func(t *testing.T, p *place){
		"no tag is written":                             bundleNeedsNoTag,
		"a set that is refused half-way is undone":      bundleUndone,
		"a set that cannot be undone is told":           bundleNotUndone,
		"what was there is not undone":                  bundleThereBefore,
		"superseded manifests that stay are told":       bundleStale,
		"a manifest that is listed and not there":       bundleListedOnly,
		"a manifest that is replaced while it is read":  bundleReplaced,
		"more referrers than are looked at":             bundleTooMany,
		"a registry that says it lists, and has no API": bundleSaysSubject,
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			test(t, newPlace(t, registry.WithReferrersSupport(true)))
		})
	}
}

// putReferrers writes manifests that refer to the image, as another tool may do,
// and lists them under the fallback tag where the registry has no API.
func (p *place) putReferrers(t *testing.T, things ...foreign) {
	t.Helper()
	index := p.index(t)
	for _, thing := range things {
		index.Manifests = append(index.Manifests, p.putReferrer(t, thing))
	}
	if !p.hasAPI(t) {
		p.putManifest(t, p.fallbackTag(), index)
	}
}

func (p *place) putReferrer(t *testing.T, thing foreign) v1.Descriptor {
	t.Helper()
	kind, layer := attest.BundleMediaType, attest.BundleMediaType
	if thing.artifactType != "" {
		kind = thing.artifactType
	}
	if thing.layerType != "" {
		layer = thing.layerType
	}
	annotations := map[string]string{"com.example.keep": "<&>"}
	if thing.claims != "" {
		annotations["dev.sigstore.bundle.predicateType"] = thing.claims
	}
	m := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Subject: &p.image, Annotations: annotations, ArtifactType: kind,
		Config: p.blob(t, foreign{content: []byte("{}")}, "application/vnd.oci.empty.v1+json"),
		Layers: []v1.Descriptor{p.blob(t, thing, types.MediaType(layer))},
	}
	d := p.putManifest(t, nil, m)
	d.ArtifactType, d.Annotations = kind, annotations
	return d
}

func (p *place) fallbackTag() name.Tag {
	return p.subject.Digest().Context().Tag("sha256-" + p.subject.Hex())
}

// index returns what lies under the fallback tag.
func (p *place) index(t *testing.T) v1.IndexManifest {
	t.Helper()
	empty := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	got, err := remote.Get(p.fallbackTag(), p.options...)
	if err != nil && strings.Contains(err.Error(), "MANIFEST_UNKNOWN") {
		return empty
	}
	must(t, err)
	must(t, json.Unmarshal(got.Manifest, &empty))
	return empty
}

func (p *place) hasAPI(t *testing.T) bool {
	t.Helper()
	answer, err := http.Get(fmt.Sprintf("http://%s/v2/team/app/referrers/%s", p.host, p.image.Digest)) //nolint:noctx // ends with the server
	must(t, err)
	defer answer.Body.Close() //nolint:errcheck // only read from
	return answer.StatusCode == http.StatusOK
}

func (p *place) world(w way) world { return world{place: p, way: w, store: w.open(p, nil)} }

func bundleWorld(p *place) world { return p.world(ways()[1]) }

func bundleNeedsNoTag(t *testing.T, p *place) {
	w, s := bundleWorld(p), p.signer(t)
	p.answer(immutables()[0].answer)
	signed := s.signs(t, sbom, "1")
	w.attach(t, s.mine, signed)
	w.holds(t, signed)
	if n := p.count(http.MethodPut, "/manifests/sha256-"); n != 0 {
		t.Errorf("%d tags were written", n)
	}
}

// refuseThird lets the third manifest fail, after it arrived or not, and what
// happens to removals.
func refuseThird(p *place, removal int) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method == http.MethodPut && p.count(http.MethodPut, "/manifests/") > 2:
			w.WriteHeader(http.StatusForbidden)
			return true
		case r.Method == http.MethodDelete && removal != 0:
			w.WriteHeader(removal)
			return true
		}
		return false
	}
}

func bundleUndone(t *testing.T, p *place) {
	w, s := bundleWorld(p), p.signer(t)
	old := s.signs(t, sbom, "old")
	w.attach(t, s.mine, old)
	p.answer(refuseThird(p, 0))
	_, err := w.store.Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1"), s.signs(t, vuln, "1"), s.signs(t, review, "1")}, s.mine)
	refused(t, err, "attaching to "+p.subject.String(), "writing the referrers of "+p.host, "the registry refuses access (403)")
	if strings.Contains(err.Error(), "undone") {
		t.Errorf("error %q", err)
	}
	p.answer(nil)
	w.holds(t, old)
}

func bundleNotUndone(t *testing.T, p *place) {
	w, s := bundleWorld(p), p.signer(t)
	p.answer(refuseThird(p, http.StatusMethodNotAllowed))
	first, second := s.signs(t, sbom, "1"), s.signs(t, vuln, "1")
	set := []store.Signed{first, second, s.signs(t, review, "1")}
	_, err := w.store.Attach(t.Context(), p.subject, set, s.mine)
	refused(t, err, "attaching to "+p.subject.String(), "the registry refuses access (403)", "it cannot be undone: a part of the set is attached")
	if hint := fault.HintOf(err); !strings.Contains(hint, "run again to attach the whole set") {
		t.Errorf("hint %q", hint)
	}
	p.answer(nil)
	for _, e := range w.entries(t) {
		refused(t, err, e.Digest)
	}
	w.holds(t, first, second)

	w.attach(t, s.mine, set...)
	w.holds(t, set...)
}

// The very manifest that another run wrote within the same second is not ours to
// remove.
func bundleThereBefore(t *testing.T, p *place) {
	w, s := bundleWorld(p), p.signer(t)
	signed := s.signs(t, sbom, "1")
	for {
		w.attach(t, nobodys, signed)
		before := w.entries(t)
		p.answer(func(answer http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, "/manifests/") {
				return false
			}
			answer.WriteHeader(http.StatusForbidden)
			return true
		})
		_, err := w.store.Attach(t.Context(), p.subject, []store.Signed{signed}, nobodys)
		refused(t, err, "403")
		same := p.count(http.MethodDelete, "") == 0
		p.answer(nil)
		if after := w.entries(t); len(after) != 1 || after[0].Digest != before[0].Digest {
			t.Fatalf("entries %+v, were %+v", after, before)
		}
		if same {
			return // both fell into one second
		}
	}
}

func bundleStale(t *testing.T, p *place) {
	w, s := bundleWorld(p), p.signer(t)
	old, kept := s.signs(t, sbom, "old"), s.signs(t, vuln, "1")
	w.attach(t, s.mine, old)
	stale := w.entries(t)[0].Digest
	w.attach(t, s.mine, kept)
	for _, status := range []int{http.StatusMethodNotAllowed, http.StatusForbidden, http.StatusNotImplemented} {
		p.answer(func(answer http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodDelete {
				answer.WriteHeader(status)
			}
			return r.Method == http.MethodDelete
		})
		receipt, err := w.store.Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "new")}, s.mine)
		must(t, err)
		if len(receipt.Stale) == 0 || !strings.Contains(strings.Join(receipt.Stale, " "), stale) {
			t.Errorf("%d: stale %v, want %s among them", status, receipt.Stale, stale)
		}
	}
	// Once the registry lets them, all of them go.
	p.answer(nil)
	last := s.signs(t, sbom, "last")
	w.attach(t, s.mine, last)
	w.holds(t, kept, last)
}

func bundleListedOnly(t *testing.T, p *place) {
	w, s := bundleWorld(p), p.signer(t)
	w.attach(t, s.mine, s.signs(t, sbom, "1"))
	gone := w.entries(t)[0].Digest
	w.store = w.open(p, nil) // one that has not read it yet
	p.answer(func(answer http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, gone) {
			return false
		}
		answer.WriteHeader(http.StatusNotFound)
		return true
	})
	entries := w.entries(t)
	if len(entries) != 1 || !entries[0].Unread {
		t.Fatalf("entries %+v", entries)
	}
	refused(t, entries[0].Err, "reading the referrer "+gone, "it is listed, and not there")
	_, err := w.store.Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "2")}, s.mine)
	refused(t, err, "attaching to "+p.subject.String(), "it is listed, and not there")
	if hint := fault.HintOf(err); !strings.Contains(hint, "remove it from the list") {
		t.Errorf("hint %q", hint)
	}
}

func bundleTooMany(t *testing.T, p *place) {
	w := bundleWorld(p)
	ours := p.putReferrer(t, foreign{content: w.encode(t, p.signer(t).signs(t, sbom, "1").Envelope)})
	lists := func(junk int) {
		index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
		for i := range junk {
			digest, _, _ := v1.SHA256(strings.NewReader(fmt.Sprint(i)))
			index.Manifests = append(index.Manifests, v1.Descriptor{Digest: digest, ArtifactType: "application/vnd.example.junk"})
		}
		index.Manifests = append(index.Manifests, ours)
		p.answer(func(answer http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/referrers/") {
				return false
			}
			answer.Header().Set("Content-Type", string(types.OCIImageIndex))
			must(t, json.NewEncoder(answer).Encode(index))
			return true
		})
	}
	// What is said to be a bundle is looked at first, and that others were not is told.
	lists(5100)
	entries, err := w.store.List(t.Context(), p.subject)
	must(t, err)
	if entries[0].Err != nil || entries[0].Digest != ours.Digest.String() {
		t.Errorf("entry %+v", entries[0])
	}
	last := entries[len(entries)-1]
	if refused(t, last.Err, "101 referrers were not looked at: the image has over 5000"); last.Place != attest.PlaceMoreReferrer {
		t.Errorf("place %q", last.Place)
	}
	if n := p.count(http.MethodGet, "/manifests/sha256:"); n != 5000 {
		t.Errorf("%d manifests were asked for, want 5000", n)
	}
	// Of a list that is longer than is read, the end is not known.
	lists(20_100)
	entries, err = w.store.List(t.Context(), p.subject)
	must(t, err)
	if last := entries[len(entries)-1]; last.Place != attest.PlaceMoreReferrer || fault.KindOf(last.Err) != fault.Undecided {
		t.Errorf("entry %+v", last)
	}
}

// Some registries have no list before there is a referrer, and say so with a
// header afterwards.
func bundleSaysSubject(t *testing.T, p *place) {
	w, s := bundleWorld(p), p.signer(t)
	p.answer(func(answer http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.Contains(r.URL.Path, "/referrers/") && p.count(http.MethodPut, "/manifests/") == 0:
			answer.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(answer, "nothing here")
			return true
		case r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/"):
			answer.Header().Set("OCI-Subject", p.image.Digest.String())
		}
		return false
	})
	signed := s.signs(t, sbom, "1")
	w.attach(t, s.mine, signed)
	w.holds(t, signed)
	if n := p.count(http.MethodPut, "/manifests/sha256-"); n != 0 {
		t.Errorf("%d tags were written", n)
	}
}

// Between the list and the manifest another writer replaced it: what replaced it is
// read, and nothing is said to be missing.
func bundleReplaced(t *testing.T, p *place) {
	s := p.signer(t)
	bundles := settledBundles{store.NewBundles(p.access, nil)}
	must(t, failure(bundles.Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "old")}, s.mine)))
	entries, err := bundles.List(t.Context(), p.subject)
	must(t, err)
	old, replaced := entries[0].Digest, false
	bundles = settledBundles{store.NewBundles(p.access, nil)} // one that has not read it yet
	fresh := s.signs(t, sbom, "new")
	p.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if replaced || r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/manifests/"+old) {
			return false
		}
		replaced = true
		must(t, failure(bundles.Attach(t.Context(), p.subject, []store.Signed{fresh}, s.mine)))
		w.WriteHeader(http.StatusNotFound)
		return true
	})
	entries, err = bundles.List(t.Context(), p.subject)
	must(t, err)
	if len(entries) != 1 || entries[0].Err != nil || entries[0].Digest == old || !replaced {
		t.Errorf("entries %+v, replaced %v", entries, replaced)
	}
}
