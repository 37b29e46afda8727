package e2e_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// Every kind of evidence that a job for a tag makes, is given or comes to, is
// accepted by stock cosign, under the type that it was attested as.
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
	p.env = append(p.env, "GITLAB_CI=true", "CI_PROJECT_PATH=team/shop", "CI_PROJECT_URL=https://gitlab.com/team/shop", "CI_SERVER_URL=https://gitlab.com",
		"CI_COMMIT_SHA=1f0c5a2b3c4d5e6f708192a3b4c5d6e7f8091a2b", "CI_COMMIT_TAG=v1.4.2", "CI_API_V4_URL="+approvingGitLab(t), "GITLAB_TOKEN=of-ada")

	p.must("hallmark", append([]string{
		"run", image, "--key", "cosign.key", "--vuln-db", database, "--vuln-db-max-age", anyAge,
		"--sbom", "cyclonedx", "--sbom", "spdx", "--approval", "--policy", "hallmark:approved", "--policy", "hallmark:tests-passed",
		"--evidence", "auto", "--evidence", "licences", "--evidence", "image", "--evidence", "secrets",
	}, p.broughtEvidence()...)...)
	p.accepted(image, []string{
		"cyclonedx", "spdxjson", "vuln", "slsaprovenance1", "link", "openvex", "custom",
		"https://slsa.dev/verification_summary/v1", "https://in-toto.io/attestation/test-result/v0.1", "https://in-toto.io/attestation/release/v0.1",
		"https://in-toto.io/attestation/scai/v0.3", "https://www.schemastore.org/schemas/json/sarif-2.1.0.json",
		"https://hallmark-ci.github.io/approval/v1", "https://hallmark-ci.github.io/licences/v1", "https://hallmark-ci.github.io/image/v1",
		"https://hallmark-ci.github.io/secrets/v1",
	})

	// What a run makes itself is brought to another image.
	other := p.bare("other")
	p.must("hallmark", "attest", other, "--key", "cosign.key",
		"--predicate", "slsaprovenance02="+p.file("slsaprovenance02.json",
			`{"builder":{"id":"https://example.com/builder"},"buildType":"https://example.com/build","invocation":{"parameters":{}}}`),
		"--predicate", "vulns="+p.file("vulns.json",
			`{"scanner":{"uri":"x","result":[]},"metadata":{"scanStartedOn":"2026-01-01T00:00:00Z","scanFinishedOn":"2026-01-01T00:00:00Z"}}`))
	p.accepted(other, []string{"slsaprovenance02", "https://in-toto.io/attestation/vulns/v0.2"})
}

// accepted checks that cosign accepts an attestation of each type, by one key only.
func (p *place) accepted(image string, types []string) {
	p.t.Helper()
	for _, predicateType := range types {
		if got := p.cosignVerify("other.pub", predicateType, image); got.code == 0 {
			p.t.Errorf("%s: cosign accepts it for a key that did not sign it", predicateType)
		}
		p.cosignPredicate(predicateType, image)
		p.must("cosign3", "verify-attestation", "--key", "cosign.pub", "--insecure-ignore-tlog", "--type", predicateType, image)
	}
}

// broughtEvidence returns the flags for what a team brings from its own tools.
func (p *place) broughtEvidence() []string {
	p.t.Helper()
	flags := []string{
		"--test-results", p.file("junit.xml", `<testsuite><testcase name="a"/></testsuite>`),
		"--sarif", p.file("lint.sarif", `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"lint"}},"results":[]}]}`),
		"--vex", p.file("vex.json", `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/1","author":"a","timestamp":"2026-01-01T00:00:00Z","version":1,`+
			`"statements":[{"vulnerability":{"name":"CVE-1"},"products":[{"@id":"pkg:oci/x"}],"status":"fixed"}]}`),
	}
	for word, content := range map[string]string{
		"scai":   `{"attributes":[{"attribute":"VALID_ENCLAVE"}]}`,
		"link":   `{"name":"build","command":["make"]}`,
		"custom": `{"anything":1}`,
	} {
		flags = append(flags, "--predicate", word+"="+p.file(word+".json", content))
	}
	return flags
}

// approvingGitLab answers as GitLab does about a change that somebody approved.
func approvingGitLab(t *testing.T) string {
	t.Helper()
	const project, request = "/projects/team%2Fshop", `{"iid":7,"author":{"username":"ada"},"sha":"2b","state":"merged","web_url":"https://gitlab.com/team/shop/-/merge_requests/7"}`
	answers := map[string]string{
		project + "/repository/commits/1f0c5a2b3c4d5e6f708192a3b4c5d6e7f8091a2b/merge_requests": "[" + request + "]",
		project + "/merge_requests/7/approvals":                                                 `{"approvals_required":1,"approved_by":[{"user":{"username":"bob"},"approved_at":"2026-11-22T10:02:00Z"}]}`,
		project + "/merge_requests/7/versions":                                                  `[{"created_at":"2026-11-22T10:01:00Z"}]`,
		project + "/merge_requests/7/approval_state":                                            `{"rules":[{"name":"security","rule_type":"regular","approved_by":[{"username":"bob"}]}]}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := answers[r.URL.EscapedPath()]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
