package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"

	"github.com/hallmark-ci/hallmark/internal/store"
)

const (
	certificate = "dev.sigstore.cosign/certificate"
	promise     = "dev.sigstore.cosign/bundle"
	timestamp   = "dev.sigstore.cosign/rfc3161timestamp"
	material    = "io.github.hallmark-ci.hallmark/verification-material"
)

// materials are what may vouch for a signature.
func materials() map[string]*protobundle.VerificationMaterial {
	certificate := &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: []byte("a certificate")}}
	stamps := func(all ...string) *protobundle.TimestampVerificationData {
		d := &protobundle.TimestampVerificationData{}
		for _, s := range all {
			d.Rfc3161Timestamps = append(d.Rfc3161Timestamps, &protocommon.RFC3161SignedTimestamp{SignedTimestamp: []byte(s)})
		}
		return d
	}
	entry := func() *protorekor.TransparencyLogEntry {
		return &protorekor.TransparencyLogEntry{
			LogIndex: 7, LogId: &protocommon.LogId{KeyId: []byte("a log")}, IntegratedTime: 1_790_000_000,
			KindVersion:       &protorekor.KindVersion{Kind: "dsse", Version: "0.0.1"},
			CanonicalizedBody: []byte(`{"kind":"dsse","apiVersion":"0.0.1"}`),
		}
	}
	promised, proven := entry(), entry()
	promised.InclusionPromise = &protorekor.InclusionPromise{SignedEntryTimestamp: []byte("a promise")}
	proven.InclusionProof = &protorekor.InclusionProof{LogIndex: 7, TreeSize: 8, RootHash: []byte("root"), Hashes: [][]byte{[]byte("one")}}
	return map[string]*protobundle.VerificationMaterial{
		"a bare key":                   nil,
		"a certificate":                {Content: certificate},
		"a timestamp":                  {TimestampVerificationData: stamps("one")},
		"a certificate and its time":   {Content: certificate, TimestampVerificationData: stamps("one")},
		"two timestamps":               {Content: certificate, TimestampVerificationData: stamps("one", "two")},
		"the promise of a log":         {Content: certificate, TlogEntries: []*protorekor.TransparencyLogEntry{promised}},
		"the proof of a log":           {Content: certificate, TlogEntries: []*protorekor.TransparencyLogEntry{proven}},
		"two logs, and a time":         {Content: certificate, TlogEntries: []*protorekor.TransparencyLogEntry{proven, promised}, TimestampVerificationData: stamps("one")},
		"a key in a log, and its time": {TlogEntries: []*protorekor.TransparencyLogEntry{proven}, TimestampVerificationData: stamps("one")},
	}
}

func TestProofAsCosignAnnotatesIt(t *testing.T) {
	body := "eyJraW5kIjoiZHNzZSIsImFwaVZlcnNpb24iOiIwLjAuMSJ9" // {"kind":"dsse","apiVersion":"0.0.1"}
	for says, c := range map[string]struct {
		annotations map[string]string
		want, err   string
	}{
		"none":                       {nil, "", ""},
		"cosign's for a key":         {map[string]string{"dev.cosignproject.cosign/signature": "", promise: "null"}, "", ""},
		"a certificate":              {map[string]string{certificate: "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n"}, `certificate:{raw_bytes:"a"}`, ""},
		"a timestamp":                {map[string]string{timestamp: `{"SignedRFC3161Timestamp":"YQ=="}`}, `signed_timestamp:"a"`, ""},
		"a promise":                  {map[string]string{promise: `{"SignedEntryTimestamp":"YQ==","Payload":{"body":"` + body + `","integratedTime":5,"logIndex":7,"logID":"61"}}`}, `kind:"dsse"`, ""},
		"a certificate that is none": {map[string]string{certificate: "YQ=="}, "", "its certificate is not in PEM"},
		"a key for a certificate":    {map[string]string{certificate: "-----BEGIN PUBLIC KEY-----\nYQ==\n-----END PUBLIC KEY-----\n"}, "", "its certificate is not in PEM"},
		"a timestamp that is none":   {map[string]string{timestamp: `{}`}, "", "its timestamp is malformed"},
		"a promise without a body":   {map[string]string{promise: `{"Payload":{"logID":"61"}}`}, "", "its log entry is malformed"},
		"a promise in base32":        {map[string]string{promise: `{"Payload":{"body":"!"}}`}, "", "its log entry is malformed"},
		"a promise of log xyz":       {map[string]string{promise: `{"Payload":{"body":"` + body + `","logID":"xyz"}}`}, "", "its log entry is malformed"},
		"a promise of no form":       {map[string]string{promise: `[]`}, "", "its log entry is malformed"},
		"material that is none":      {map[string]string{material: `{"tlogEntries":7}`}, "", "its annotation " + material + " is malformed"},
		"more than anybody gives":    {map[string]string{timestamp: strings.Repeat(" ", 300<<10)}, "", "has 307200 bytes, the limit is 262144"},
	} {
		got, err := store.ProofOf(c.annotations)
		got = strings.Join(strings.Fields(got), "")
		switch {
		case c.err != "":
			refused(t, err, c.err)
		case err != nil:
			t.Errorf("%s: %v", says, err)
		case !strings.Contains(got, c.want) || c.want == "" && got != "" && got != "<nil>":
			t.Errorf("%s: proof %q, want %q in it", says, got, c.want)
		}
	}
}

// Our own annotation goes before cosign's, and whoever may push can write either. So
// whose attestation it is, is asked of both.
func TestOurAnnotationHidesNothingOfCosigns(t *testing.T) {
	const pem = "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n"
	for says, ours := range map[string]string{"empty": "{}", "malformed": "{", "another's": `{"certificate":{"rawBytes":"Yg=="}}`} {
		p := newPlace(t)
		signed := p.signer(t).signs(t, sbom, "1")
		p.putLayers(t, nil, foreign{content: signed.Envelope.Raw(), annotations: map[string]string{certificate: pem, material: ours}})
		entries, err := p.att().List(t.Context(), p.subject)
		must(t, err)
		readings, err := entries[0].Readings()
		must(t, err)
		if len(readings) != 2 || string(readings[1].Proof().Certificate()) != "a" || (readings[0].Proof().Malformed() != nil) != (says == "malformed") {
			t.Errorf("%s: readings %+v", says, readings)
		}
	}
}

// FuzzProof: no annotation of another writer can do more than be refused.
func FuzzProof(f *testing.F) {
	f.Add(certificate, "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n")
	f.Add(timestamp, `{"SignedRFC3161Timestamp":"YQ=="}`)
	f.Add(promise, `{"SignedEntryTimestamp":"YQ==","Payload":{"body":"e30=","integratedTime":5,"logIndex":7,"logID":"61"}}`)
	f.Add(material, `{"certificate":{"rawBytes":"YQ=="},"tlogEntries":[{"logIndex":"7"}]}`)
	f.Fuzz(func(t *testing.T, key, value string) {
		got, err := store.ProofOf(map[string]string{key: value})
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("error %q is not one plain line", err)
		}
		again, errAgain := store.ProofOf(map[string]string{key: value})
		if (err == nil) != (errAgain == nil) || len(got) != len(again) && err == nil && strings.Join(strings.Fields(got), "") != strings.Join(strings.Fields(again), "") {
			t.Errorf("%q, then %q", got, again)
		}
	})
}

// FuzzFallback: whatever lies under the fallback tag is a list that names each
// manifest once, the image itself, or refused.
func FuzzFallback(f *testing.F) {
	digest := "sha256:" + strings.Repeat("a", 64)
	f.Add([]byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`))
	f.Add([]byte(`{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"digest":"` + digest + `","size":-1},{"digest":"` + digest + `"}]}`))
	f.Add([]byte(`{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}`))
	f.Add([]byte(`{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"artifactType":"text/plain","digest":"` + digest + `"}]}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		sum := sha256.Sum256(raw)
		if found, shadowed, err := store.ParseFallback(raw, hex.EncodeToString(sum[:])); err != nil || !shadowed || len(found) != 0 {
			t.Errorf("the image itself: %v, %v, %v", found, shadowed, err)
		}
		found, shadowed, err := store.ParseFallback(raw, strings.Repeat("0", 64))
		if err != nil && (len(found) > 0 || strings.ContainsAny(err.Error(), "\n\x1b")) {
			t.Errorf("%v with the error %q", found, err)
		}
		if shadowed || err == nil && !json.Valid(raw) {
			t.Errorf("shadowed %v, error %v", shadowed, err)
		}
		slices.SortFunc(found, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.String(), b.Digest.String()) })
		if n := len(found); len(slices.CompactFunc(found, func(a, b v1.Descriptor) bool { return a.Digest == b.Digest })) != n {
			t.Errorf("a manifest is named twice in %s", raw)
		}
	})
}
