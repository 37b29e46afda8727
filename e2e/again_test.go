package e2e_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// A re-run of a real image takes the SBOM of the first one, and comes to the same:
// symbols of Go programs, owners and licences are all there. Only times differ.
func TestAReRunOfARealImageFindsTheSame(t *testing.T) {
	images := []string{"app", "oldgo", "big"}
	p, archive, ok := newRealPlace(t, images...)
	if !ok {
		return
	}
	for _, image := range images {
		run := []string{"run", p.host + "/real/" + image + ":v1", "--key", "cosign.key", "--vuln-db", archive, "--vuln-db-max-age", anyAge}
		first := p.run("hallmark", append(run, "--output-dir", image+"-first")...)
		again := p.run("hallmark", append(run, "--output-dir", image+"-again")...)
		if first.code != 0 || again.code != 0 || strings.Contains(first.stderr, "as attested earlier") || !strings.Contains(again.stderr, "as attested earlier") {
			t.Errorf("%s: the first run says\n%s\nand the second\n%s", image, first.stderr, again.stderr)
		}
		for _, report := range []string{"sbom.cdx.json", "gl-sbom.cdx.json"} {
			if !bytes.Equal(p.read(image+"-first/"+report), p.read(image+"-again/"+report)) {
				t.Errorf("%s: %s is another one", image, report)
			}
		}
		if a, b := foundIn(t, p.read(image+"-first/scan.json")), foundIn(t, p.read(image+"-again/scan.json")); a != b {
			t.Errorf("%s: found were\n%s\nand then\n%s", image, a, b)
		}
	}
}

// foundIn returns what a scan says but for its times.
func foundIn(t *testing.T, scan []byte) string {
	t.Helper()
	var predicate struct {
		Scanner struct{ Result json.RawMessage }
	}
	if err := json.Unmarshal(scan, &predicate); err != nil || len(predicate.Scanner.Result) == 0 {
		t.Fatalf("the scan has no result: %v\n%s", err, scan)
	}
	return string(predicate.Scanner.Result)
}
