package evidence_test

import (
	"os"
	"path/filepath"
	"testing"

	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/forge"
	"github.com/hallmark-ci/hallmark/internal/secrets"
)

// Each statement, with whatever predicate is made, has the form that in-toto
// publishes, and its predicate that of its type, as one that others bring has to.
func TestEachStatementIsAsPublished(t *testing.T) {
	brought := func(content string) []evidence.Brought {
		return []evidence.Brought{{Path: "f", Content: []byte(content)}}
	}
	made := map[string]func() (attest.Predicate, error){
		"release":  func() (attest.Predicate, error) { return evidence.Release(subject(t), "v1") },
		"licences": func() (attest.Predicate, error) { return evidence.Licences([]evidence.Licensed{{Name: "a"}}) },
		"image": func() (attest.Predicate, error) {
			return evidence.Image([]evidence.ImageFacts{{Config: []byte(`{"config":{}}`)}})
		},
		"secrets": func() (attest.Predicate, error) {
			return evidence.Secrets([]evidence.Searched{{Report: secrets.Report{URI: "pkg:golang/x"}}})
		},
		"approval": func() (attest.Predicate, error) {
			return evidence.Approval(forge.Review{Author: "ada", Head: "2b"}, "3c")
		},
		"scan": func() (attest.Predicate, error) { return evidence.Vuln(scan()) },
		"verdict": func() (attest.Predicate, error) {
			return evidence.Verdict(evidence.Judgement{Subject: subject(t), At: noon()})
		},
		"cyclonedx": func() (attest.Predicate, error) {
			return evidence.CycloneDX([]byte(`{"bomFormat":"CycloneDX","specVersion":"1.6"}`)), nil
		},
		"spdx": func() (attest.Predicate, error) {
			return evidence.SPDX([]byte(`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","creationInfo":{}}`)), nil
		},
		"vex": func() (attest.Predicate, error) {
			return evidence.OpenVEX([][]byte{[]byte(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/1","author":"a","timestamp":"2026-01-01T00:00:00Z","version":1,` +
				`"statements":[{"vulnerability":{"name":"CVE-1"},"products":[{"@id":"pkg:oci/x"}],"status":"fixed"}]}`)})
		},
		"tests": func() (attest.Predicate, error) {
			return evidence.TestResult(brought(`<testsuite><testcase name="a"/></testsuite>`), "")
		},
		"sarif": func() (attest.Predicate, error) {
			return evidence.SARIF(brought(`{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[]}]}`))
		},
	}
	recorded, err := filepath.Glob(filepath.Join("testdata", "provenance", "*.json"))
	must(t, err)
	for _, path := range recorded {
		made[path] = func() (attest.Predicate, error) {
			body, err := os.ReadFile(path)
			return attest.Predicate{Type: attest.TypeSLSA1, Body: body}, err
		}
	}
	for name, predicate := range made {
		t.Run(name, func(t *testing.T) {
			p, err := predicate()
			must(t, err)
			st := attest.NewStatement(subject(t), p)
			st.Type = attest.StatementV1 // as bundles have it
			encoded, err := st.Encode()
			must(t, err)
			var message intoto.Statement
			must(t, protojson.Unmarshal(encoded, &message))
			must(t, message.Validate())
			path := filepath.Join(t.TempDir(), "p.json")
			must(t, os.WriteFile(path, p.Body, 0o600))
			if _, err = evidence.File(p.Type+"="+path, noon()); p.Type == attest.TypeVSA {
				if fault.KindOf(err) != fault.Usage {
					t.Errorf("a verdict of our own can be brought: %v", err)
				}
			} else {
				must(t, err)
			}
			if message.GetPredicateType() != p.Type || message.GetSubject()[0].GetDigest()["sha256"] != subject(t).Hex() {
				t.Errorf("it says %s", encoded)
			}
		})
	}
}
