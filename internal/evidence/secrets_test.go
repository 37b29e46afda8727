package evidence_test

import (
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/secrets"
)

func TestSecrets(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	found := secrets.Report{
		URI: "pkg:golang/x@v1", Version: "1", Files: 3, Bytes: 70, Binary: 1, Cut: 1, Rules: map[string]int{"github-pat": 2, "a-key": 1},
		Findings: []secrets.Finding{{Rule: "github-pat", Path: "/app/.env", Layer: digest, Line: 3}},
	}
	p, err := evidence.Secrets([]evidence.Searched{{Digest: digest, Platform: "linux/amd64", Report: found}, {Digest: digest, Report: secrets.Report{URI: "pkg:golang/x@v1", Version: "1", Complete: true}}})
	must(t, err)
	want := `{"scanner":{"uri":"pkg:golang/x@v1","version":"1"},"images":[{"digest":"` + digest + `","platform":"linux/amd64","complete":false,"files":3,"bytes":70,"binary":1,"cut":1,` +
		`"found":3,"rules":[{"rule":"a-key","count":1},{"rule":"github-pat","count":2}],"findings":[{"rule":"github-pat","path":"/app/.env","layer":"` + digest + `","line":3}]},` +
		`{"digest":"` + digest + `","complete":true,"files":0,"bytes":0,"binary":0,"cut":0,"found":0,"rules":[],"findings":[]}]}`
	if p.Type != attest.TypeSecrets || string(p.Body) != want {
		t.Errorf("have %s\nwant %s", p.Body, want)
	}
	fits(t, "secrets.json", p.Body)
}
