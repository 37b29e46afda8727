package verify_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Whatever a registry gives back, nothing is believed that a trusted signer did
// not sign, and nothing ends the program.
func FuzzVerify(f *testing.F) {
	d, key := sigstoretest.New(f), privateKey(f)
	root := trustedRoot(f, d, sigstoretest.Root{})
	keys, err := verify.TrustKeys(key.Public())
	must(f, err)
	loggedKeys, err := verify.TrustLoggedKeys(root, key.Public())
	must(f, err)
	public, err := verify.LoadRoot(filepath.Join(cosignsFolder(f), "trusted_root_pgi.json"))
	must(f, err)
	trusts := []verify.Trust{
		keys, loggedKeys, trustIdentity(f, root), trustIdentity(f, root.WithoutLog()),
		trustIdentity(f, public, verify.Identity{SubjectRegexp: ".*", IssuerRegexp: ".*"}),
	}
	digest, err := name.NewDigest("127.0.0.1:60943/repo@sha256:732112270d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4")
	must(f, err)
	elsewhere, err := attest.NewSubject(digest, digest.String())
	must(f, err)

	raw := cosignsData(f, "oci-attestation.sigstore.json")
	cosigns, err := attest.ParseBundle(raw)
	must(f, err)
	honest := []attest.Envelope{keyless(f, d), byKey(f, d, key), cosigns}
	f.Add(byte(2), byte(0), uint16(0), []byte("{}"), raw)
	for _, holes := range []string{
		`"x509CertificateChain":{"certificates":[null]}`, `"x509CertificateChain":{"certificates":[{},{}]}`, `"x509CertificateChain":null`,
		`"certificate":{"rawBytes":"AA=="},"tlogEntries":[null]`, `"certificate":{"rawBytes":"AA=="},"tlogEntries":[{"inclusionProof":{}}]`,
		`"publicKey":{},"timestampVerificationData":{"rfc3161Timestamps":[null,{}]}`, `"publicKey":null`,
	} {
		f.Add(byte(0), byte(0), uint16(0), []byte(nil), []byte(`{"verificationMaterial":{`+holes+`},"dsseEnvelope":{"payload":"e30=","payloadType":"`+
			attest.PayloadType+`","signatures":[{"sig":"AA=="}]}}`))
	}
	for which := range honest {
		for field := range 16 {
			f.Add(byte(which), byte(field), uint16(7), []byte{0xff}, []byte(nil))
			f.Add(byte(which), byte(field), uint16(1<<15), []byte(nil), []byte(nil))
		}
	}

	f.Fuzz(func(t *testing.T, which, field byte, at uint16, by, raw []byte) {
		e, err := attest.ParseBundle(raw)
		if err != nil {
			e, err = attest.ParseBundle(forge(t, honest[int(which)%len(honest)], int(field), int(at), by))
		}
		if err != nil {
			return
		}
		for _, trust := range trusts {
			for _, about := range []attest.Subject{subject(t), elsewhere} {
				checkBelief(t, e, about, trust, honest)
			}
		}
	})
}

// checkBelief checks that what is believed was signed, and that nothing else is
// handed out.
func checkBelief(t *testing.T, e attest.Envelope, about attest.Subject, trust verify.Trust, honest []attest.Envelope) {
	t.Helper()
	v, err := verify.Verify(e, about, trust)
	signed := slices.ContainsFunc(honest, func(h attest.Envelope) bool { return bytes.Equal(h.Payload(), v.Payload()) })
	if err == nil && !signed {
		t.Errorf("%s is believed, signed by %s", v.Payload(), v.Signer())
	}
	if err != nil && (v.Payload() != nil || v.Signer() != "") {
		t.Errorf("refused, and handed out: %s", v.Payload())
	}
}

// forge returns a bundle of which one field of bytes or text was written over.
func forge(t *testing.T, e attest.Envelope, field, at int, by []byte) []byte {
	t.Helper()
	b := proto.CloneOf(e.Bundle())
	var fields []func()
	walk(b.ProtoReflect(), func(m protoreflect.Message, f protoreflect.FieldDescriptor) {
		fields = append(fields, func() {
			if f.Kind() == protoreflect.BytesKind {
				m.Set(f, protoreflect.ValueOfBytes(overwrite(m.Get(f).Bytes(), at, by)))
			} else {
				m.Set(f, protoreflect.ValueOfString(strings.ToValidUTF8(string(overwrite([]byte(m.Get(f).String()), at, by)), "?")))
			}
		})
	})
	fields[field%len(fields)]()
	raw, err := protojson.Marshal(b)
	must(t, err)
	return raw
}

// walk calls visit for each field of bytes or text, in the order of their numbers.
func walk(m protoreflect.Message, visit func(protoreflect.Message, protoreflect.FieldDescriptor)) {
	for i := range m.Descriptor().Fields().Len() {
		f := m.Descriptor().Fields().Get(i)
		switch {
		case !m.Has(f):
		case f.IsList() && f.Kind() == protoreflect.MessageKind:
			for j := range m.Get(f).List().Len() {
				walk(m.Get(f).List().Get(j).Message(), visit)
			}
		case f.IsList():
		case f.Kind() == protoreflect.MessageKind:
			walk(m.Get(f).Message(), visit)
		case f.Kind() == protoreflect.BytesKind, f.Kind() == protoreflect.StringKind:
			visit(m, f)
		}
	}
}

// overwrite returns text with something written over it at an offset, or, where
// there is no such offset, in its place.
func overwrite(text []byte, at int, by []byte) []byte {
	if at >= len(text) {
		return by
	}
	return slices.Concat(text[:at], by, text[min(len(text), at+len(by)):])
}
