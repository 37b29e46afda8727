package store_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/store"
)

// hostilities are the clauses about what a registry, or whoever may push to it,
// says that is not so.
func hostilities() []clause {
	return []clause{
		{"more than a reader takes is not asked for", oversized},
		{"a size that is none", negativeSizes},
		{"a size that is not the true one", wrongSizes},
		{"an annotation that lies about the type", lyingType},
		{"more signatures than are tried", tooManySignatures},
	}
}

func oversized(t *testing.T, w world) {
	w.put(t, w.place, foreign{content: []byte("huge"), size: 200 << 20, claims: sbom})
	w.answer(nil)
	entries := w.entries(t)
	if len(entries) != 1 || entries[0].Raw != nil || entries[0].Place != attest.PlaceTooLarge {
		t.Fatalf("entries %+v", entries)
	}
	refused(t, entries[0].Err, "it has 209715200 bytes, the limit is 134217728 (128 MiB)")
	if n := w.count(http.MethodGet, "/blobs/"); n != 0 {
		t.Errorf("the layer was asked for %d times", n)
	}
	w.refusesToAttach(t, "it has 209715200 bytes")
}

// refusesToAttach fails the test unless nothing is written beside what was not read:
// it may be an earlier attestation of this signer, of any type.
func (w world) refusesToAttach(t *testing.T, says string) {
	t.Helper()
	before := len(w.entries(t))
	s := w.signer(t)
	_, err := w.store.Attach(t.Context(), w.subject, []store.Signed{s.signs(t, review, "1")}, s.mine)
	refused(t, err, "attaching to "+w.subject.String(), says)
	if fault.KindOf(err) != fault.Undecided || !strings.Contains(fault.HintOf(err), "remove") {
		t.Errorf("kind %v, hint %q", fault.KindOf(err), fault.HintOf(err))
	}
	if after := len(w.entries(t)); after != before {
		t.Errorf("%d entries, were %d", after, before)
	}
}

// A size of -1 turns the checks of the registry client off.
func negativeSizes(t *testing.T, w world) {
	theirs := w.encode(t, w.signer(t).signs(t, sbom, "theirs").Envelope)
	w.put(t, w.place, foreign{content: theirs, size: -1, claims: sbom}, foreign{content: []byte("other"), size: -1 << 40})
	w.answer(nil)
	entries := w.entries(t)
	if len(entries) != 2 {
		t.Fatalf("entries %+v", entries)
	}
	for _, e := range entries {
		refused(t, e.Err, "it has -", "bytes by its manifest")
		if e.Raw != nil || e.Place != attest.PlaceTooLarge {
			t.Errorf("entry %+v", e)
		}
	}
	if n := w.count(http.MethodGet, "/blobs/"); n != 0 {
		t.Errorf("layers were asked for %d times", n)
	}
	w.refusesToAttach(t, "bytes by its manifest")
}

func wrongSizes(t *testing.T, w world) {
	theirs := w.encode(t, w.signer(t).signs(t, sbom, "theirs").Envelope)
	w.put(t, w.place, foreign{content: theirs, size: 10}, foreign{content: append(theirs, ' '), size: 1 << 20})
	for _, e := range w.entries(t) {
		refused(t, e.Err, "reading the layer sha256:")
		if e.Raw != nil {
			t.Errorf("entry %+v", e)
		}
	}
}

// The type that counts is the one that was signed, and what is signed stays the same
// whatever is written around it.
func lyingType(t *testing.T, w world) {
	s := w.signer(t)
	saysSBOM, hidden, claimsNothing := s.signs(t, review, "1"), s.signs(t, sbom, "2"), s.signs(t, sbom, "3")
	w.put(t, w.place,
		foreign{content: w.encode(t, saysSBOM.Envelope), claims: sbom},
		foreign{content: w.encode(t, hidden.Envelope), claims: review},
		foreign{content: w.encode(t, claimsNothing.Envelope)},
		foreign{content: append(w.encode(t, hidden.Envelope), "  \n"...), claims: vuln},
		foreign{content: w.encode(t, hidden.Envelope), claims: "x", artifactType: "application/vnd.example.sbom"},
	)
	fresh := s.signs(t, sbom, "new")
	w.attach(t, s.mine, fresh)
	w.holds(t, saysSBOM, fresh)
}

// More signatures than are tried may hide one that others find.
func tooManySignatures(t *testing.T, w world) {
	s := w.signer(t)
	var parts struct {
		PayloadType string           `json:"payloadType"`
		Payload     string           `json:"payload"`
		Signatures  []map[string]any `json:"signatures"`
	}
	must(t, json.Unmarshal(s.signs(t, sbom, "old").Envelope.Raw(), &parts))
	for range 16 {
		parts.Signatures = append(parts.Signatures, map[string]any{"sig": "AAAA"})
	}
	content := mustJSON(t, parts)
	if w.store.Format() == store.FormatBundle {
		content = mustJSON(t, map[string]any{"mediaType": attest.BundleMediaType, "dsseEnvelope": parts})
	}
	w.put(t, w.place, foreign{content: []byte(content), claims: review})
	w.refusesToAttach(t, "it has more than 16 signatures")
}
