package attest_test

import (
	"encoding/json"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

func TestWhoseVerdictItIs(t *testing.T) {
	const id = "https://github.com/hallmark-ci/hallmark"
	for body, want := range map[string]bool{
		`{"verifier": {"id": "https://github.com/hallmark-ci/hallmark"}}`:                                            true,
		`{"verifier": {"id": "https://GitHub.com/Hallmark-CI/hallmark/"}}`:                                           true,
		`{"verifier": {"id": "https://github.com/hallmark-ci/%68allmark"}}`:                                          true,
		`{"verifier": {"id": "http://www.github.com:80/hallmark-ci//./hallmark.git?x=1#y"}}`:                         true,
		`{"verifier": {"id": "\u0068ttps://github.com/hallmark-ci/hallmark"}}`:                                       true,
		`{"verifier": {"id": " https://github.com/hallmark-ci/hallmark\n"}}`:                                         true,
		`{"verifier": {"id": "github.com/hallmark-ci/hallmark"}}`:                                                    true,
		`{"verifier": {"id": "https://github.com/hallmark-ci/hallmark/policies"}}`:                                   true,
		`{"verifier": "https://github.com/hallmark-ci/hallmark"}`:                                                    true,
		`{"verifier": [{"id": ["https://github.com/hallmark-ci/hallmark"]}]}`:                                        true,
		`{"Verifier": {"ID": "https://github.com/hallmark-ci/hallmark"}}`:                                            true,
		`{"verifier": {"id": "https://example.com"}, "verifier": {"id": "https://github.com/hallmark-ci/hallmark"}}`: true,
		`{"verifier": {"id": "https://github.com/hallmark-ci/hallmark"}, "verifier": {"id": "https://example.com"}}`: true,
		`{"verifier": {"id": "https://github.com/hallmark-ci/hallmark", "id": "https://example.com"}}`:               true,
		`{"verifier": {"id": "https://github.com/hallmark-ci/hallmark-fork"}}`:                                       false,
		`{"verifier": {"id": "https://example.com/hallmark-ci/hallmark"}}`:                                           false,
		`{"policy": {"uri": "https://github.com/hallmark-ci/hallmark/policies"}}`:                                    false,
		`{}`:            false,
		`[]`:            false,
		`{"verifier": `: false,
	} {
		p := attest.Predicate{Type: attest.TypeVSA, Body: json.RawMessage(body)}
		if got := p.NamesVerifier(id); got != want {
			t.Errorf("%s: %t, want %t", body, got, want)
		}
	}
}
