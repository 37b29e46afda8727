package store_test

import (
	"crypto"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/cosign/v2/pkg/cosign"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/store"
)

// What only the tag sha256-<hex>.att has, beside the contract.
func TestAtt(t *testing.T) {
	for says, test := range map[string]func(t *testing.T, p *place){
		"the layers are the envelopes, in order, with one write": attLayers,
		"a layer stays as it is, even twice":                     attOthers,
		"the manifest's annotations stay":                        attAnnotations,
		"two sizes of one layer":                                 attTwoSizes,
		"no more layers than readers take":                       attTooMany,
		"a tag that must not change":                             attImmutable,
		"another repository":                                     attElsewhere,
		"cosign reads it":                                        attCosign,
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			test(t, newPlace(t))
		})
	}
}

func attLayers(t *testing.T, p *place) {
	s := p.signer(t)
	signed := []store.Signed{s.signs(t, sbom, "1"), s.signs(t, vuln, "2"), s.signs(t, review, "3"), s.signs(t, review, "4")}
	p.answer(nil)
	must(t, failure(p.att().Attach(t.Context(), p.subject, signed, s.mine)))
	if n := p.count(http.MethodPut, "/manifests/"); n != 1 {
		t.Errorf("%d manifests were written, want 1", n)
	}
	entries, err := p.att().List(t.Context(), p.subject)
	must(t, err)
	if len(entries) != len(signed) {
		t.Fatalf("%d entries, want %d", len(entries), len(signed))
	}
	for i, e := range entries {
		want := store.Entry{
			Format: store.FormatAtt, Digest: signed[i].Envelope.Digest(), Size: int64(len(signed[i].Envelope.Raw())),
			MediaType: string(dsseMediaType), ClaimedType: signed[i].PredicateType, Raw: signed[i].Envelope.Raw(),
		}
		if !reflect.DeepEqual(e, want) {
			t.Errorf("entry %d: %+v, want %+v", i, e, want)
		}
	}
}

func attOthers(t *testing.T, p *place) {
	s, other := p.signer(t), p.signer(t)
	theirs, lied := other.signs(t, sbom, "theirs"), other.signs(t, review, "says sbom")
	cosigns := map[string]string{"dev.cosignproject.cosign/signature": "", "predicateType": sbom, "dev.sigstore.cosign/bundle": `{"a":1}`}
	p.putLayers(t, nil,
		foreign{content: []byte("garbage"), annotations: map[string]string{"predicateType": sbom}},
		foreign{content: theirs.Envelope.Raw(), annotations: cosigns},
		foreign{content: theirs.Envelope.Raw(), annotations: cosigns}, // cosign writes the same twice
		foreign{content: []byte("small")},
		foreign{content: lied.Envelope.Raw(), annotations: map[string]string{"predicateType": sbom, "note": "kept"}},
		foreign{content: []byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"sig":""}]}`)},
	)
	before, _ := p.manifest(t)
	entries, err := p.att().List(t.Context(), p.subject)
	must(t, err)
	for i, e := range entries {
		must(t, e.Err)
		if e.Unread {
			t.Errorf("entry %d was not read", i)
		}
	}

	signed := s.signs(t, sbom, "ours")
	must(t, failure(p.att().Attach(t.Context(), p.subject, []store.Signed{signed}, s.mine)))
	after, _ := p.manifest(t)
	if len(after) != len(before)+1 {
		t.Fatalf("%d layers, want %d", len(after), len(before)+1)
	}
	for i := range before {
		if !reflect.DeepEqual(after[i], before[i]) {
			t.Errorf("layer %d became %+v, was %+v", i, after[i], before[i])
		}
	}
	if after[len(before)].Digest.String() != signed.Envelope.Digest() {
		t.Errorf("the last layer is %s", after[len(before)].Digest)
	}
}

func attAnnotations(t *testing.T, p *place) {
	s := p.signer(t)
	theirs := map[string]string{"org.opencontainers.image.created": "2026-11-22T12:00:00Z", "com.example.keep": "<&>"}
	p.putLayers(t, theirs, foreign{content: []byte("theirs")})
	for _, says := range []string{"first", "second, which replaces it"} {
		must(t, failure(p.att().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, says)}, s.mine)))
		m, _ := p.whole(t)
		if !maps.Equal(m.Annotations, theirs) || len(m.Layers) != 2 {
			t.Errorf("%s: annotations %v and %d layers, want %v and 2", says, m.Annotations, len(m.Layers), theirs)
		}
	}
}

// Readers refuse the whole tag where it has over 1,000 layers.
func attTooMany(t *testing.T, p *place) {
	s := p.signer(t)
	own := s.signs(t, review, "old")
	layers := slices.Repeat([]foreign{{content: []byte("theirs")}}, 998)
	p.putLayers(t, nil, append(layers, foreign{content: own.Envelope.Raw()})...)
	_, before := p.manifest(t)

	p.answer(nil)
	_, err := p.att().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1"), s.signs(t, vuln, "1")}, s.mine)
	refused(t, err, "attaching to "+p.subject.String()+": "+p.host, "would have 1001 attestations, and readers take 1000")
	if !strings.Contains(fault.HintOf(err), "hallmark inspect") {
		t.Errorf("hint %q", fault.HintOf(err))
	}
	if _, after := p.manifest(t); after != before {
		t.Errorf("the tag changed from %s to %s", before, after)
	}

	// One of them gives way, so there is room.
	must(t, failure(p.att().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1"), s.signs(t, review, "new")}, s.mine)))
	if after, _ := p.manifest(t); len(after) != 1000 {
		t.Errorf("%d layers, want 1000", len(after))
	}

	// More than that nobody reads, so nobody knows what it says.
	p.putLayers(t, nil, slices.Repeat([]foreign{{content: []byte("theirs")}}, 1001)...)
	entries, err := p.att().List(t.Context(), p.subject)
	must(t, err)
	if len(entries) != 1 || entries[0].Place != attest.PlaceAttLayers {
		t.Fatalf("%d entries", len(entries))
	}
	_, err = p.att().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1")}, s.mine)
	for _, err := range []error{entries[0].Err, err} {
		if refused(t, err, "number of layers (1001) exceeded the limit (1000)"); fault.KindOf(err) != fault.Undecided {
			t.Errorf("kind %v", fault.KindOf(err))
		}
	}
}

func attCosign(t *testing.T, p *place) {
	s := p.signer(t)
	signed := []store.Signed{s.signs(t, sbom, "1"), s.signs(t, vuln, "2")}
	must(t, failure(p.att().Attach(t.Context(), p.subject, signed, s.mine)))

	verifier, err := signature.LoadVerifier(s.key.Public(), crypto.SHA256)
	must(t, err)
	found, _, err := cosign.VerifyImageAttestations(t.Context(), p.subject.Digest(), &cosign.CheckOpts{
		SigVerifier: verifier, IgnoreTlog: true, ClaimVerifier: cosign.IntotoSubjectClaimVerifier,
		RegistryClientOpts: []ociremote.Option{ociremote.WithRemoteOptions(p.options...)},
	})
	must(t, err)
	if len(found) != len(signed) {
		t.Fatalf("cosign verified %d attestations, want %d", len(found), len(signed))
	}
	for i, f := range found {
		payload, err := f.Payload()
		must(t, err)
		annotations, err := f.Annotations()
		must(t, err)
		if string(payload) != string(signed[i].Envelope.Raw()) || annotations["predicateType"] != signed[i].PredicateType {
			t.Errorf("cosign read %s with %v", payload, annotations)
		}
	}
}

// The client takes the size that it met first, so the check is ours.
func attTwoSizes(t *testing.T, p *place) {
	theirs := p.signer(t).signs(t, sbom, "theirs").Envelope.Raw()
	p.putLayers(t, nil, foreign{content: theirs}, foreign{content: theirs, size: 10})
	entries, err := p.att().List(t.Context(), p.subject)
	must(t, err)
	refused(t, entries[1].Err, "it has other than 10 bytes")
	if entries[0].Err != nil || entries[1].Raw != nil {
		t.Errorf("entries %+v", entries)
	}
}

func attImmutable(t *testing.T, p *place) {
	s := p.signer(t)
	must(t, failure(p.att().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1")}, s.mine)))
	_, before := p.manifest(t)
	for _, r := range immutables() {
		p.answer(r.answer)
		_, err := p.att().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, vuln, "1")}, s.mine)
		refused(t, err, "attaching to "+p.subject.String(), "writing "+p.host, r.says)
		if hint := fault.HintOf(err); !strings.Contains(hint, "sha256-*") || !strings.Contains(hint, "attestation-format bundle, which needs no tag") {
			t.Errorf("%s: hint %q", r.says, hint)
		}
	}
	p.answer(nil)
	if _, after := p.manifest(t); after != before {
		t.Errorf("the tag changed from %s to %s", before, after)
	}
}

func attElsewhere(t *testing.T, p *place) {
	target, err := name.NewRepository(p.host + "/marks")
	must(t, err)
	tag, err := store.NewAtt(p.options, &target).Location(p.subject)
	must(t, err)
	if want := p.host + "/marks:sha256-" + p.subject.Hex() + ".att"; tag.String() != want {
		t.Errorf("attached to %s, want %s", tag, want)
	}
}
