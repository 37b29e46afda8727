package verify

import (
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// fragile is an authority whose parser does not survive.
type fragile struct{}

func (fragile) open(attest.Envelope) (opened, error)   { panic("index out of range") }
func (fragile) check(attest.Signature) (opened, error) { panic("index out of range") }
func (fragile) wrote(attest.Envelope) bool             { panic("index out of range") }
func (fragile) wroteSignature(attest.Signature) bool   { panic("index out of range") }
func (fragile) names() []string                        { return nil }

func TestWhatAParserDoesNotSurviveIsRefused(t *testing.T) {
	v, err := Verify(attest.Envelope{}, attest.Subject{}, Trust{authorities: []authority{fragile{}}})
	if err == nil || err.Error() != "what vouches for its signature is malformed: its parser panics" || v.payload != nil {
		t.Errorf("verified %q, %v", v.payload, err)
	}
	signer, _, err := Signature(attest.Signature{}, attest.Subject{}, Trust{authorities: []authority{fragile{}}})
	if err == nil || err.Error() != "what vouches for its signature is malformed: its parser panics" || signer != "" {
		t.Errorf("signed by %q, %v", signer, err)
	}
}
