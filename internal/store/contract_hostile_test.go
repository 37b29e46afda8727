package store_test

import (
	"net/http"
	"testing"
)

// hostilities are the clauses about what a registry, or whoever may push to it,
// says that is not so.
func hostilities() []clause {
	return []clause{
		{"more than a reader takes is not asked for", oversized},
		{"a size that is none", negativeSizes},
		{"a size that is not the true one", wrongSizes},
		{"an annotation that lies about the type", lyingType},
	}
}

func oversized(t *testing.T, w world) {
	w.put(t, w.place, foreign{content: []byte("huge"), size: 200 << 20, claims: sbom})
	w.answer(nil)
	entries := w.entries(t)
	if len(entries) != 1 || entries[0].Raw != nil || entries[0].Unread {
		t.Fatalf("entries %+v", entries)
	}
	refused(t, entries[0].Err, "it has 209715200 bytes, the limit is 134217728 (128 MiB)")
	if n := w.count(http.MethodGet, "/blobs/"); n != 0 {
		t.Errorf("the layer was asked for %d times", n)
	}
	s := w.signer(t)
	w.attach(t, s.mine, s.signs(t, sbom, "1")) // it is no attestation, and in nobody's way
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
		if e.Raw != nil || e.Unread {
			t.Errorf("entry %+v", e)
		}
	}
	if n := w.count(http.MethodGet, "/blobs/"); n != 0 {
		t.Errorf("layers were asked for %d times", n)
	}
	s := w.signer(t)
	w.attach(t, s.mine, s.signs(t, sbom, "ours"))
	if after := w.entries(t); len(after) != 3 {
		t.Errorf("%d entries, want 3", len(after))
	}
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

// The type that counts is the one that was signed.
func lyingType(t *testing.T, w world) {
	s := w.signer(t)
	saysSBOM, saysReview := s.signs(t, review, "1"), s.signs(t, sbom, "2")
	w.put(t, w.place,
		foreign{content: w.encode(t, saysSBOM.Envelope), claims: sbom},
		foreign{content: w.encode(t, saysReview.Envelope)}, // claims nothing
	)
	fresh := s.signs(t, sbom, "new")
	w.attach(t, s.mine, fresh)
	w.holds(t, saysSBOM, fresh)
}
