package verify_test

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

func TestASignatureThatIsForged(t *testing.T) {
	ours, theirs := newKey(t), newKey(t)
	honest := signsImage(t, ours, subject(t))
	moved := signsImage(t, ours, another(t))
	trust := trustIn(t, ours)
	tests := []struct {
		name   string
		forged attest.Signature
		says   string
	}{
		{"by another key", signsImage(t, theirs, subject(t)), "not signed by a trusted signer"},
		{"nothing", attest.Signature{}, "not signed by a trusted signer"},
		{"of other bytes", attest.Signature{Payload: append(honest.Payload, ' '), Signature: honest.Signature}, "not signed by a trusted signer"},
		{"of another image", moved, "it signs another image, not sha256:" + subject(t).Hex()},
		{"of something else", signsBytes(t, ours, `{"critical":{"type":"something else"}}`), "its payload is not that of an image's signature"},
		{"of text", signsBytes(t, ours, `hello`), "its payload is not that of a signature"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			signer, at, err := verify.Signature(test.forged, subject(t), trust)
			if err == nil || !strings.HasPrefix(err.Error(), test.says) {
				t.Errorf("error %v, want %q", err, test.says)
			}
			if signer != "" || !at.IsZero() {
				t.Errorf("signed by %q at %v", signer, at)
			}
		})
	}
	signer, _, err := verify.Signature(honest, subject(t), trust)
	if err != nil || signer != trust.Signers()[0] {
		t.Errorf("the honest one is by %q, error %v", signer, err)
	}
	if _, _, err := verify.Signature(honest, subject(t), verify.Trust{}); err == nil || err.Error() != "no signer is trusted" {
		t.Errorf("nobody is trusted: %v", err)
	}
}

// signsImage signs a subject as cosign sign does.
func signsImage(t *testing.T, key signature.Signer, s attest.Subject) attest.Signature {
	t.Helper()
	payload, err := attest.SigningPayload(s, "")
	must(t, err)
	return signsBytes(t, key, string(payload))
}

func signsBytes(t *testing.T, key signature.Signer, payload string) attest.Signature {
	t.Helper()
	signed, err := key.SignMessage(strings.NewReader(payload))
	must(t, err)
	return attest.Signature{Payload: []byte(payload), Signature: signed}
}

func another(t *testing.T) attest.Subject {
	t.Helper()
	digest, err := name.NewDigest("registry.example/team/app@sha256:" + hexOfAnother)
	must(t, err)
	s, err := attest.NewSubject(digest, "registry.example/team/app:2")
	must(t, err)
	return s
}
