package attest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

const wholeEnvelope = `{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"keyid":"","sig":"AA=="}]}`

func TestParseEnvelopeRefusesWhatIsNoEnvelope(t *testing.T) {
	tests := []struct {
		name, raw string
		says      string
	}{
		{"nothing", "", "decoding the DSSE envelope"},
		{"text", "hello", "decoding the DSSE envelope"},
		{"null", "null", `payload type ""`},
		{"an array", "[" + wholeEnvelope + "]", "decoding the DSSE envelope"},
		{"cut short", wholeEnvelope[:len(wholeEnvelope)-1], "decoding the DSSE envelope"},
		{"something behind it", wholeEnvelope + "{}", "decoding the DSSE envelope"},
		{"another payload type", strings.Replace(wholeEnvelope, "in-toto+json", "in-toto", 1), `payload type "application/vnd.in-toto" is not`},
		{"no payload", strings.Replace(wholeEnvelope, "e30=", "", 1), "no payload"},
		{"a payload that is not base64", strings.Replace(wholeEnvelope, "e30=", "{}", 1), "decoding the DSSE envelope"},
		{"no signature", strings.Replace(wholeEnvelope, `{"keyid":"","sig":"AA=="}`, "", 1), "no signature"},
		{"null for signatures", strings.Replace(wholeEnvelope, `[{"keyid":"","sig":"AA=="}]`, "null", 1), "no signature"},
		{"a signature that is not base64", strings.Replace(wholeEnvelope, "AA==", "!", 1), "decoding the DSSE envelope"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := attest.ParseEnvelope([]byte(test.raw))
			refused(t, err, test.says)
		})
	}
}

func TestParseEnvelopeHasALimit(t *testing.T) {
	_, err := attest.ParseEnvelope(make([]byte, attest.MaxSize+1))
	refused(t, err, "134217729 bytes", "128 MiB")
}

func TestParseEnvelope(t *testing.T) {
	e, err := attest.ParseEnvelope([]byte(wholeEnvelope))
	must(t, err)
	sum := sha256.Sum256([]byte(wholeEnvelope))
	if string(e.Payload()) != "{}" || string(e.Raw()) != wholeEnvelope || e.Digest() != "sha256:"+hex.EncodeToString(sum[:]) {
		t.Errorf("got %q %q %s", e.Payload(), e.Raw(), e.Digest())
	}
}

func FuzzParseEnvelope(f *testing.F) {
	f.Add([]byte(wholeEnvelope))
	f.Add([]byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30","signatures":[{}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := attest.ParseEnvelope(raw)
		if err != nil {
			return
		}
		if len(e.Payload()) == 0 || !bytes.Equal(e.Raw(), raw) || len(e.Digest()) != len("sha256:")+64 {
			t.Errorf("accepted %q as %q", raw, e.Payload())
		}
	})
}
