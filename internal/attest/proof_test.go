package attest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"google.golang.org/protobuf/proto"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

const wholeBundle = `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",` +
	`"verificationMaterial":{"certificate":{"rawBytes":"AQI="},"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"AwQ="}]}},` +
	`"dsseEnvelope":{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AA=="}]}}`

func TestParseBundleRefusesWhatIsNoBundle(t *testing.T) {
	replace := func(this, by string) string { return strings.Replace(wholeBundle, this, by, 1) }
	tests := []struct{ name, raw, says string }{
		{"nothing", "", "decoding the bundle"},
		{"text", "hello", "decoding the bundle"},
		{"a list", "[" + wholeBundle + "]", "decoding the bundle"},
		{"cut short", wholeBundle[:len(wholeBundle)-1], "decoding the bundle"},
		{"something behind it", wholeBundle + "{}", "decoding the bundle"},
		{"two envelopes", strings.TrimSuffix(wholeBundle, "}") + `,"dsseEnvelope":{}}`, "decoding the bundle"},
		{"an envelope and the signature of a blob", strings.TrimSuffix(wholeBundle, "}") + `,"messageSignature":{}}`, "decoding the bundle"},
		{"a payload that is not base64", replace("e30=", "{}"), "decoding the bundle"},
		{"another payload type", replace("in-toto+json", "in-toto"), `payload type "application/vnd.in-toto" is not`},
		{"no payload", replace("e30=", ""), "no payload"},
		{"no signature", replace(`{"sig":"AA=="}`, ""), "no signature"},
		{"one signature too many", replace(`{"sig":"AA=="}`, `{"sig":"AA=="}`+strings.Repeat(",{}", 16)), "more than 16 signatures"},
		{"a hostile field", replace("mediaType", `\u001b[31m\u202e`+strings.Repeat("x", 1<<20)+`":"","mediaType`)[1:], "decoding the bundle"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := attest.ParseBundle([]byte(test.raw))
			refused(t, err, test.says)
			if errors.Is(err, attest.ErrNoEnvelope) {
				t.Error("it passes for the signature of a blob")
			}
		})
	}
}

// cosign signs blobs, and images as v3 does, with bundles of another content.
func TestABundleWithoutAnEnvelopeAttestsNothing(t *testing.T) {
	for _, raw := range []string{
		"{}",
		`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}`,
		`{"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"AA=="},"signature":"AA=="}}`,
	} {
		if _, err := attest.ParseBundle([]byte(raw)); !errors.Is(err, attest.ErrNoEnvelope) {
			t.Errorf("%s: error %v", raw, err)
		}
	}
}

// Millions of values are refused before room is made for them.
func TestALargeBundleOfSmallValuesTakesNoRoom(t *testing.T) {
	for _, list := range []string{`"dsseEnvelope":{"signatures":[{}`, `"verificationMaterial":{"tlogEntries":[{}`, `"verificationMaterial":{"x":[""`} {
		raw := []byte(`{` + list + strings.Repeat(`,{}`, 1<<22) + `]}}`)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := attest.ParseBundle(raw)
		runtime.ReadMemStats(&after)
		refused(t, err, "bundle has more than 10000 values")
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<20 {
			t.Errorf("%d bytes were allocated", allocated)
		}
	}
	_, err := attest.ParseBundle(make([]byte, attest.MaxSize+1))
	refused(t, err, "134217729 bytes", "128 MiB")
}

func TestParseBundle(t *testing.T) {
	e, err := attest.ParseBundle([]byte(strings.Replace(wholeBundle, "{", `{"fieldToCome":[1],`, 1)))
	must(t, err)
	if string(e.Payload()) != "{}" || e.Signatures() != 1 {
		t.Errorf("payload %q, %d signatures", e.Payload(), e.Signatures())
	}
	if want := `{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":"","sig":"AA=="}]}`; string(e.Raw()) != want {
		t.Errorf("envelope %s, want cosign's form %s", e.Raw(), want)
	}
	if p := e.Proof(); !p.HasCertificate() || string(p.Certificate()) != "\x01\x02" || len(p.Material().GetTimestampVerificationData().GetRfc3161Timestamps()) != 1 {
		t.Errorf("proof %v", p.Material())
	}
	encoded, err := e.EncodeBundle()
	must(t, err)
	if again, err := e.EncodeBundle(); err != nil || !bytes.Equal(again, encoded) {
		t.Errorf("encoded once as %s and once as %s: %v", encoded, again, err)
	}
	var got, want any
	must(t, json.Unmarshal(encoded, &got))
	must(t, json.Unmarshal([]byte(wholeBundle), &want))
	if a, b := toJSON(t, got), toJSON(t, want); a != b {
		t.Errorf("encoded as %s, want %s", a, b)
	}
}

func TestProof(t *testing.T) {
	certificate := &protocommon.X509Certificate{RawBytes: []byte("leaf")}
	chain := &protocommon.X509CertificateChain{Certificates: []*protocommon.X509Certificate{certificate, {RawBytes: []byte("issuer")}}}
	tests := []struct {
		name     string
		material *protobundle.VerificationMaterial
		want     string
	}{
		{"none", nil, ""},
		{"empty", &protobundle.VerificationMaterial{}, ""},
		{"a key", &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_PublicKey{PublicKey: &protocommon.PublicKeyIdentifier{Hint: "h"}}}, ""},
		{"a certificate", &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_Certificate{Certificate: certificate}}, "leaf"},
		{"a chain", &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_X509CertificateChain{X509CertificateChain: chain}}, "leaf"},
		{"an empty certificate", &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{}}}, ""},
		{"an empty chain", &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_X509CertificateChain{X509CertificateChain: &protocommon.X509CertificateChain{}}}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := attest.NewProof(test.material)
			if p.HasCertificate() != (test.want != "") || string(p.Certificate()) != test.want {
				t.Errorf("certificate %q, %v", p.Certificate(), p.HasCertificate())
			}
		})
	}
}

// A bare signature goes into a bundle as one of a key that is not named, and the
// proof of the envelope stays as it was.
func TestBundleOfABareSignature(t *testing.T) {
	stamped := &protobundle.VerificationMaterial{TimestampVerificationData: &protobundle.TimestampVerificationData{}}
	before := proto.CloneOf(stamped)
	for _, proof := range []attest.Proof{{}, attest.NewProof(stamped)} {
		e, err := attest.NewEnvelope([]byte("{}"), []byte{0}, proof)
		must(t, err)
		encoded, err := e.EncodeBundle()
		must(t, err)
		back, err := attest.ParseBundle(encoded)
		must(t, err)
		if key := back.Proof().Material().GetPublicKey(); key == nil || key.GetHint() != "" || back.Proof().HasCertificate() {
			t.Errorf("bundle %s", encoded)
		}
		if !bytes.Equal(back.Raw(), e.Raw()) {
			t.Errorf("envelope %s became %s", e.Raw(), back.Raw())
		}
	}
	if !proto.Equal(before, stamped) {
		t.Errorf("the proof was changed: %v", stamped)
	}
}

func TestNewEnvelopeNeedsAPayload(t *testing.T) {
	_, err := attest.NewEnvelope(nil, []byte{0}, attest.Proof{})
	refused(t, err, "envelope has no payload")
}

// The hint is cosign's: what it writes finds our keys, and the other way round.
func TestKeyHint(t *testing.T) {
	hint, err := base64.StdEncoding.DecodeString(attest.KeyHint([]byte("key")))
	must(t, err)
	if want := "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"; hex.EncodeToString(hint) != want {
		t.Errorf("hint %x, want %s", hint, want)
	}
}

func TestSaysTheSame(t *testing.T) {
	custom := func(data, at string) string { return `{"Data":` + data + `,"Timestamp":"` + at + `"}` }
	tests := []struct {
		name, kind, a, b string
		want             bool
	}{
		{"the same", attest.TypeVuln, `{"a":[1,2]}`, `{"a":[1,2]}`, true},
		{"other white space", attest.TypeVuln, `{"a":[1,2]}`, "{ \"a\" : [ 1,\n2 ] }", true},
		{"other white space in a string", attest.TypeVuln, `{"a":"1 2"}`, `{"a":"12"}`, false},
		{"another number", attest.TypeVuln, `{"a":1}`, `{"a":1.0}`, false},
		{"other escapes", attest.TypeVuln, `{"a":"<"}`, `{"a":"\u003c"}`, false}, // signed anew rather than guessed at
		{"no JSON", attest.TypeVuln, `{"a":1}`, `{"a":1`, false},
		{"nothing twice", attest.TypeVuln, ``, ``, false},
		{"the time of the call", attest.TypeCustom, custom(`"x"`, "2026-01-01T00:00:00Z"), custom(`"x"`, "2026-01-02T00:00:00Z"), true},
		{"other data", attest.TypeCustom, custom(`"x"`, "t"), custom(`"y"`, "t"), false},
		{"no data", attest.TypeCustom, custom(`"x"`, "t"), `{"Timestamp":"t"}`, false},
		{"no data twice", attest.TypeCustom, `{}`, `{}`, false},
		{"data that is no text", attest.TypeCustom, custom(`"x"`, "t"), custom(`{"x":1}`, "t"), false},
		{"a custom predicate that is no object", attest.TypeCustom, custom(`"x"`, "t"), `"x"`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := attest.Predicate{Type: test.kind, Body: json.RawMessage(test.a)}
			if got := p.SaysTheSame(json.RawMessage(test.b)); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

// What is said to be the same is the same JSON.
func FuzzSaysTheSame(f *testing.F) {
	f.Add([]byte(`{"a":[1,2]}`), []byte("{ \"a\":[1,2] }"))
	f.Add([]byte(`"\u2028"`), []byte("\"\u2028\""))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		if !(attest.Predicate{Type: attest.TypeVuln, Body: a}).SaysTheSame(b) {
			return
		}
		var x, y any
		must(t, json.Unmarshal(a, &x))
		must(t, json.Unmarshal(b, &y))
		if toJSON(t, x) != toJSON(t, y) {
			t.Errorf("%s is taken for %s", b, a)
		}
	})
}

// A bundle that is taken keeps its payload and its proof through encoding.
func FuzzParseBundle(f *testing.F) {
	f.Add([]byte(wholeBundle))
	f.Add([]byte(strings.Replace(wholeBundle, `{"certificate":{"rawBytes":"AQI="}`, `{"x509CertificateChain":{"certificates":[{},{}]}`, 1)))
	f.Add([]byte(strings.Replace(wholeBundle, `{"certificate"`, `{"tlogEntries":[{"inclusionProof":{"hashes":["AA=="]}}],"certificate"`, 1)))
	f.Add([]byte(`{"dsseEnvelope":{"payload":"e30","payloadType":"application/vnd.in-toto+json","signatures":[{}]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := attest.ParseBundle(raw)
		if err != nil {
			return
		}
		encoded, err := e.EncodeBundle()
		must(t, err)
		back, err := attest.ParseBundle(encoded)
		must(t, err)
		if !bytes.Equal(back.Payload(), e.Payload()) || !bytes.Equal(back.Raw(), e.Raw()) || !bytes.Equal(back.Proof().Certificate(), e.Proof().Certificate()) {
			t.Errorf("%q became %q", raw, encoded)
		}
	})
}

func toJSON(t *testing.T, value any) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	must(t, err)
	return string(encoded)
}
