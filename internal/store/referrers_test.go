package store_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/store"
)

// pages answers for the referrers API: one referrer a page, and a link to the
// next as link has it.
func (p *place) pages(t *testing.T, all []v1.Descriptor, link func(page int) string) {
	t.Helper()
	p.answer(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/referrers/") {
			return false
		}
		page := 0
		_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
		index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{all[page%len(all)]}}
		w.Header().Set("Content-Type", string(types.OCIImageIndex)+"; charset=utf-8")
		if next := link(page); next != "" {
			w.Header().Set("Link", next)
		}
		must(t, json.NewEncoder(w).Encode(index))
		return true
	})
}

func TestReferrersOverPages(t *testing.T) {
	p := newPlace(t, registry.WithReferrersSupport(true))
	var all []v1.Descriptor
	var signed []store.Signed
	w := bundleWorld(p)
	for i := range 3 {
		one := p.signer(t).signs(t, sbom, fmt.Sprint(i))
		signed = append(signed, one)
		all = append(all, p.putReferrer(t, foreign{content: w.encode(t, one.Envelope), claims: sbom}))
	}
	path := "/v2/team/app/referrers/" + p.image.Digest.String()
	for _, form := range []string{"<%s?page=%d>; rel=\"next\"", "<%s?page=%d>; title=\"more\"; rel=next", "<http://" + p.host + "%s?page=%d>; rel=\"next\""} {
		p.pages(t, all, func(page int) string {
			if page == len(all)-1 {
				return ""
			}
			return fmt.Sprintf(form, path, page+1)
		})
		w.holds(t, signed...)
		if n := p.count(http.MethodGet, "/referrers/"); n != 3 {
			t.Errorf("%s: %d pages were asked for, want 3", form, n)
		}
	}
}

func TestReferrersOverHostilePages(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host was asked for %s with %v", r.URL, r.Header)
	}))
	defer elsewhere.Close()
	p := newPlace(t, registry.WithReferrersSupport(true))
	w, s := bundleWorld(p), p.signer(t)
	all := []v1.Descriptor{p.putReferrer(t, foreign{content: []byte("theirs"), claims: sbom})}
	for link, says := range map[string]string{
		"<" + elsewhere.URL + "/v2/x>; rel=\"next\"":  "its list of referrers goes on elsewhere",
		"<//example.com/v2/x>; rel=\"next\"":          "its list of referrers goes on elsewhere",
		"<https://" + p.host + "/v2/x>; rel=\"next\"": "its list of referrers goes on elsewhere",
		"<?page=0>; rel=\"prev\"":                     "goes on in a way that is not understood",
		"page 2":                                      "goes on in a way that is not understood",
		"<::>; rel=\"next\"":                          "goes on elsewhere",
	} {
		p.pages(t, all, func(int) string { return link })
		entries, err := w.store.List(t.Context(), p.subject)
		refused(t, err, "reading the referrers of "+p.host, says)
		if entries != nil {
			t.Errorf("%s: %d entries beside the error", link, len(entries))
		}
		_, err = w.store.Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1")}, s.mine)
		refused(t, err, "attaching to "+p.subject.String(), says)
		if n := p.count(http.MethodPut, "/manifests/"); n != 0 {
			t.Errorf("%s: %d manifests were written", link, n)
		}
	}
}

// A list without an end is read for a while, and what it may go on with is in the way.
func TestReferrersOverEndlessPages(t *testing.T) {
	p := newPlace(t, registry.WithReferrersSupport(true))
	w, s := bundleWorld(p), p.signer(t)
	theirs := p.signer(t).signs(t, sbom, "theirs")
	all := []v1.Descriptor{p.putReferrer(t, foreign{content: w.encode(t, theirs.Envelope), claims: sbom})}
	p.pages(t, all, func(int) string { return "<?page=0>; rel=\"next\"" })
	entries, err := w.store.List(t.Context(), p.subject)
	must(t, err)
	if len(entries) != 2 || entries[0].Err != nil || entries[1].Place != attest.PlaceMoreReferrer {
		t.Fatalf("entries %+v", entries)
	}
	if n := p.count(http.MethodGet, "/referrers/"); n != 256 {
		t.Errorf("%d pages were asked for, want 256", n)
	}
	_, err = w.store.Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1")}, s.mine)
	refused(t, err, "attaching to "+p.subject.String(), "not all referrers were looked at: the list has over 256 pages")
	if n := p.count(http.MethodPut, "/manifests/"); n != 0 || fault.KindOf(err) != fault.Undecided {
		t.Errorf("%d manifests were written, kind %v", n, fault.KindOf(err))
	}
}

// An answer that is no list is no list of nothing.
func TestReferrersThatAreNoList(t *testing.T) {
	p := newPlace(t, registry.WithReferrersSupport(true))
	w := bundleWorld(p)
	for body, says := range map[string]string{
		"<html>":           "its list of referrers cannot be read",
		"":                 "its list of referrers cannot be read",
		`{"manifests":{}}`: "its list of referrers cannot be read",
		`{"manifests":[{"digest":"sha256:../../x"}]}`: "its list of referrers cannot be read",
		strings.Repeat(" ", 5<<20):                    "its list of referrers: it has over 4194304 bytes (4 MiB)",
	} {
		p.answer(func(answer http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/referrers/") {
				return false
			}
			answer.Header().Set("Content-Type", string(types.OCIImageIndex))
			_, _ = answer.Write([]byte(body))
			return true
		})
		_, err := w.store.List(t.Context(), p.subject)
		refused(t, err, "reading the referrers of "+p.host, says)
	}
}

// A registry without the API answers in one of these ways.
func TestReferrersWithoutAPI(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusBadRequest, http.StatusNotAcceptable, http.StatusMethodNotAllowed, http.StatusOK} {
		p := newPlace(t)
		w, s := bundleWorld(p), p.signer(t)
		p.answer(func(answer http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/referrers/") {
				return false
			}
			answer.Header().Set("Content-Type", "text/html") // a page to log in, for example
			answer.WriteHeader(status)
			return true
		})
		signed := s.signs(t, sbom, "1")
		w.attach(t, s.mine, signed)
		w.holds(t, signed)
		if n := p.count(http.MethodPut, "/manifests/sha256-"); n != 1 {
			t.Errorf("%d: %d tags were written, want 1", status, n)
		}
	}
}

// Other artifacts share the fallback tag.
func TestFallbackTagKeepsOtherArtifacts(t *testing.T) {
	p := newPlace(t)
	w, s := bundleWorld(p), p.signer(t)
	p.putReferrers(t,
		foreign{content: []byte("an SBOM"), artifactType: "application/vnd.example.sbom", layerType: "text/plain"},
		foreign{content: []byte("a signature"), artifactType: "application/vnd.example.signature", layerType: "text/plain"},
	)
	index := p.index(t)
	index.Annotations = map[string]string{"com.example.keep": "<&>"}
	p.putManifest(t, p.fallbackTag(), index)
	for _, says := range []string{"first", "second, which replaces it"} {
		signed := s.signs(t, sbom, says)
		w.attach(t, s.mine, signed)
		w.holds(t, signed)
		now := p.index(t)
		if len(now.Manifests) != 3 {
			t.Fatalf("%d manifests, want 3", len(now.Manifests))
		}
		now.Manifests = now.Manifests[:2]
		if got, want := mustJSON(t, now), mustJSON(t, index); got != want {
			t.Errorf("the others became %s, were %s", got, want)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	must(t, err)
	return string(raw)
}

// GitLab.com resolves the fallback tag to the image itself.
func TestFallbackTagThatIsTheImage(t *testing.T) {
	p := newPlace(t)
	w, s := bundleWorld(p), p.signer(t)
	p.answer(func(answer http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/manifests/sha256-"+p.subject.Hex()) || r.Method != http.MethodGet {
			return false
		}
		http.Redirect(answer, r, "/v2/team/app/manifests/"+p.image.Digest.String(), http.StatusTemporaryRedirect)
		return true
	})
	w.holds(t)
	_, err := w.store.Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1")}, s.mine)
	refused(t, err, "attaching to "+p.subject.String(), "the registry has no referrers API", "resolves the tag sha256-"+p.subject.Hex()+" to the image itself")
	if hint := fault.HintOf(err); !strings.Contains(hint, "attestation-format att") {
		t.Errorf("hint %q", hint)
	}
	if n := p.count(http.MethodPut, "/manifests/"); n != 0 {
		t.Errorf("%d manifests were written", n)
	}
	att := p.world(ways()[0])
	signed := s.signs(t, sbom, "1")
	att.attach(t, s.mine, signed)
	att.holds(t, signed)
}

func TestFallbackTagThatMustNotChange(t *testing.T) {
	p := newPlace(t)
	w, s := bundleWorld(p), p.signer(t)
	first := s.signs(t, sbom, "1")
	w.attach(t, s.mine, first)
	for _, r := range immutables() {
		p.answer(r.answer)
		_, err := w.store.Attach(t.Context(), p.subject, []store.Signed{s.signs(t, vuln, "1")}, s.mine)
		refused(t, err, "attaching to "+p.subject.String(), "writing "+p.host, r.says)
		if hint := fault.HintOf(err); !strings.Contains(hint, "sha256-*") || strings.Contains(hint, "attestation-format") {
			t.Errorf("%s: hint %q", r.says, hint)
		}
	}
	p.answer(nil)
	w.holds(t, first)
}

// What lies under the fallback tag and is no list is not overwritten.
func TestFallbackTagThatIsNoList(t *testing.T) {
	p := newPlace(t)
	w, s := bundleWorld(p), p.signer(t)
	p.putManifest(t, p.fallbackTag(), v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: p.blob(t, foreign{content: []byte("{}")}, types.OCIConfigJSON)})
	_, err := w.store.List(t.Context(), p.subject)
	refused(t, err, "reading the referrers of "+p.host, "is of type \"application/vnd.oci.image.manifest.v1+json\", not a list of referrers")
	_, err = w.store.Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1")}, s.mine)
	refused(t, err, "attaching to "+p.subject.String(), "not a list of referrers")
	if n := p.count(http.MethodPut, "/manifests/sha256:"); n != 0 {
		t.Errorf("%d manifests were written", n)
	}
}

// Whatever a list says, an entry is what its manifest is.
func TestReferrersThatAreNoBundles(t *testing.T) {
	for says, options := range map[string][]registry.Option{
		"lists as the tools wrote them":          nil,
		"lists the type of the config, not this": {registry.WithReferrersSupport(true)},
	} {
		p := newPlace(t, options...)
		w, s := bundleWorld(p), p.signer(t)
		theirs := p.signer(t).signs(t, sbom, "theirs")
		p.putReferrers(t,
			foreign{content: []byte(`{"bomFormat":"CycloneDX"}`), layerType: "application/vnd.cyclonedx+json", claims: sbom},
			foreign{content: w.encode(t, theirs.Envelope), claims: sbom},
		)
		var rest []store.Entry
		for _, e := range w.entries(t) {
			if e.Err == nil {
				rest = append(rest, e)
				continue
			}
			if refused(t, e.Err, "it is listed as a bundle, and its manifest holds none"); e.Unread || options != nil {
				t.Errorf("%s: entry %+v", says, e)
			}
		}
		if len(rest) != 1 || string(rest[0].Raw) != string(w.encode(t, theirs.Envelope)) {
			t.Errorf("%s: bundles %+v", says, rest)
		}
		w.attach(t, s.mine, s.signs(t, sbom, "1")) // none of it is in the way
	}
}
