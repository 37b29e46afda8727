package e2e_test

import (
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// Every kind of evidence that a job for a tag makes is accepted by stock cosign,
// under the type that it was attested as.
func TestCosignAcceptsEachKindOfEvidence(t *testing.T) {
	databases := t.TempDir()
	database, err := world.MakeDatabase(t.Context(), databases)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, databases)
	pinned, err := world.PushSample(t.Context(), p.host+"/sample/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	image := pinned.String()
	p.keys("cosign")
	p.keys("other")
	p.file("junit.xml", `<testsuite><testcase name="a"/></testsuite>`)
	p.file("lint.sarif", `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"lint"}},"results":[]}]}`)
	p.file("vex.json", `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/1","author":"a","timestamp":"2026-01-01T00:00:00Z","version":1,`+
		`"statements":[{"vulnerability":{"name":"CVE-1"},"products":[{"@id":"pkg:oci/x"}],"status":"fixed"}]}`)
	p.env = append(p.env, "GITLAB_CI=true", "CI_PROJECT_PATH=team/shop", "CI_PROJECT_URL=https://gitlab.com/team/shop", "CI_SERVER_URL=https://gitlab.com",
		"CI_COMMIT_SHA=1f0c5a2b3c4d5e6f708192a3b4c5d6e7f8091a2b", "CI_COMMIT_TAG=v1.4.2")

	p.must("hallmark", "run", image, "--key", "cosign.key", "--vuln-db", database, "--vuln-db-max-age", anyAge,
		"--evidence", "auto", "--evidence", "licences", "--evidence", "image", "--evidence", "secrets", "--test-results", "junit.xml", "--sarif", "lint.sarif", "--vex", "vex.json")

	for _, predicateType := range []string{
		"slsaprovenance1", "openvex",
		"https://in-toto.io/attestation/test-result/v0.1", "https://in-toto.io/attestation/release/v0.1",
		"https://www.schemastore.org/schemas/json/sarif-2.1.0.json",
		"https://hallmark-ci.github.io/licences/v1", "https://hallmark-ci.github.io/image/v1", "https://hallmark-ci.github.io/secrets/v1",
	} {
		if got := p.cosignVerify("other.pub", predicateType, image); got.code == 0 {
			t.Errorf("%s: cosign accepts it for a key that did not sign it", predicateType)
		}
		p.cosignPredicate(predicateType, image)
	}
}
