package attest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"runtime"
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
		{"signatures that are no list", strings.Replace(wholeEnvelope, `[{"keyid":"","sig":"AA=="}]`, `{"0":{}}`, 1), "its signatures are not a list"},
		{"one signature too many", withSignatures(17), "it has more than 16 signatures"},
		{"too many signatures, and then one", strings.TrimSuffix(withSignatures(17), "}") + `,"signatures":[{}]}`, "more than 16 signatures"},
		{
			"a hostile payload type", strings.Replace(wholeEnvelope, "application", `\u001b[31m\u202e`+strings.Repeat("x", 1<<20), 1),
			`payload type "[31mxxx`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := attest.ParseEnvelope([]byte(test.raw))
			refused(t, err, test.says)
		})
	}
}

// A million signatures are refused before room is made for them.
func TestManySignaturesTakeNoRoom(t *testing.T) {
	raw := []byte(withSignatures(1 << 20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := attest.ParseEnvelope(raw)
	runtime.ReadMemStats(&after)
	refused(t, err, "it has more than 16 signatures")
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<20 {
		t.Errorf("%d bytes were allocated", allocated)
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

func TestSignatures(t *testing.T) {
	for _, n := range []int{1, 16} {
		e, err := attest.ParseEnvelope([]byte(withSignatures(n)))
		must(t, err)
		if e.Signatures() != n {
			t.Errorf("%d signatures, want %d", e.Signatures(), n)
		}
	}
	if n := (attest.Envelope{}).Signatures(); n != 0 {
		t.Errorf("the zero envelope has %d signatures", n)
	}
}

// withSignatures is an envelope of n signatures.
func withSignatures(n int) string {
	const one = `{"keyid":"","sig":"AA=="}`
	return strings.Replace(wholeEnvelope, one, one+strings.Repeat(",{}", n-1), 1)
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
