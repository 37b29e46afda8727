package vex_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/vex"
)

func TestWhatIsNoVEXIsRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "it is not a JSON object"},
		{"something else", `{"bomFormat":"CycloneDX"}`, "it is neither OpenVEX (@context) nor CSAF (document)"},
		{"another context", `{"@context":"https://example.com"}`, "is not that of OpenVEX"},
		{"no author", `{"@context":"https://openvex.dev/ns/v0.2.0","statements":[{}]}`, "it names no author"},
		{"no statement", `{"@context":"https://openvex.dev/ns/v0.2.0","author":"a"}`, "it holds no statement"},
		{"a status that is none", open("affectet", "", "pkg:npm/lodash", ""), "invalid status value"},
		{"not affected, and nobody says why", open("not_affected", "", "pkg:npm/lodash", ""), "either justification or impact statement must be defined"},
		{"no product", strings.Replace(open("fixed", "", "x", ""), `"products":[{"@id":"x"}],`, "", 1), "names no product"},
		{"a damaged CSAF", `{"document":{"title":"t"}}`, "'document' is invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "v.json")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := vex.Load(path)
			if err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Usage || strings.Contains(err.Error(), "\n") {
				t.Errorf("want %q, have %v", c.want, err)
			}
		})
	}
}

func TestOpenVEX(t *testing.T) {
	const image = "pkg:oci/app@sha256%3Aabababababababababababababababababababababababababababababababab?repository_url=registry.example/team/app"
	inline := `,"justification":"vulnerable_code_not_in_execute_path"`
	for _, c := range []struct {
		name      string
		documents []string
		want      string // the reason; empty: it counts
	}{
		{"another package", []string{open("not_affected", inline, "pkg:npm/minimist", "")}, ""},
		{"another version", []string{open("not_affected", inline, "pkg:npm/lodash@4.17.16", "")}, ""},
		{"another image", []string{open("not_affected", inline, "pkg:oci/other", "")}, ""},
		{"another part of the image", []string{open("not_affected", inline, image, "pkg:npm/minimist@1.2.0")}, ""},
		{"affected", []string{open("affected", `,"action_statement":"update"`, image, "")}, ""},
		{"the package, of any version", []string{open("not_affected", inline, "pkg:npm/lodash", "")}, "not_affected: vulnerable_code_not_in_execute_path"},
		{"the image", []string{open("fixed", "", image, "")}, "fixed"},
		{"the image by its tag", []string{open("fixed", "", "registry.example/team/app:1", "")}, "fixed"},
		{"the image by its digest", []string{open("fixed", "", "registry.example/team/app@sha256:"+strings.Repeat("ab", 32), "")}, "fixed"},
		{"a part of the image", []string{open("not_affected", inline, image, "pkg:npm/lodash@4.17.15")}, "not_affected: vulnerable_code_not_in_execute_path"},
		{"a newer document takes it back", []string{
			at("2026-01-01", open("fixed", "", image, "")), at("2026-02-01", open("affected", `,"action_statement":"update"`, image, "")),
		}, ""},
		{"an older one does not", []string{
			at("2026-02-01", open("fixed", "", image, "")), at("2026-01-01", open("affected", `,"action_statement":"update"`, image, "")),
		}, "fixed"},
		{"two that contradict each other at once", []string{
			open("fixed", "", image, ""), open("under_investigation", "", image, ""),
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) { suppressed(t, c.documents, c.want, "security@example.com") })
	}
}

func TestCSAF(t *testing.T) {
	for _, c := range []struct {
		name, status, id, purl, want string
	}{
		{"affected", `"known_affected":["P"]`, "CVE-2020-8203", "pkg:npm/lodash@4.17.15", ""},
		{"another package", `"known_not_affected":["P"]`, "CVE-2020-8203", "pkg:npm/lodash@4.17.16", ""},
		{"another vulnerability", `"known_not_affected":["P"]`, "CVE-2020-8204", "pkg:npm/lodash@4.17.15", ""},
		{"both at once", `"known_not_affected":["P"],"under_investigation":["P"]`, "CVE-2020-8203", "pkg:npm/lodash@4.17.15", ""},
		{"not affected", `"known_not_affected":["P"]`, "CVE-2020-8203", "pkg:npm/lodash@4.17.15", "known_not_affected: component_not_present: it is not there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			suppressed(t, []string{advisory(c.status, c.id, c.purl)}, c.want, "Example")
		})
	}
}

func suppressed(t *testing.T, texts []string, want, author string) {
	t.Helper()
	var documents []vex.Document
	for _, text := range texts {
		d, err := vex.Parse("v.json", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, d)
	}
	digest, err := name.NewDigest("registry.example/team/app@sha256:" + strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	s, err := attest.NewSubject(digest, "registry.example/team/app:1")
	if err != nil {
		t.Fatal(err)
	}
	lodash := finding.Finding{
		ID: "GHSA-p6mc-m468-83gw", Aliases: []string{"CVE-2020-8203"},
		Package: finding.Package{Name: "lodash", Version: "4.17.15", PURL: "pkg:npm/lodash@4.17.15"},
	}
	got := vex.Suppression(documents, lodash, s)
	if want == "" {
		if got != nil {
			t.Errorf("suppressed: %+v", got)
		}
		return
	}
	if expected := (finding.Suppression{Source: "vex", Reason: want, By: author, Document: documents[0].Digest()}); got == nil || *got != expected {
		t.Errorf("want %+v, have %+v", expected, got)
	}
}

// open returns an OpenVEX document of one statement.
func open(status, more, product, part string) string {
	if part != "" {
		part = fmt.Sprintf(`,"subcomponents":[{"@id":%q}]`, part)
	}
	return fmt.Sprintf(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/1","author":"security@example.com","timestamp":"2026-01-01T00:00:00Z","version":1,
"statements":[{"vulnerability":{"name":"CVE-2020-8203"},"products":[{"@id":%q%s}],"status":%q%s}]}`, product, part, status, more)
}

func at(day, text string) string {
	return strings.Replace(text, `"2026-01-01T`, `"`+day+`T`, 1)
}

// advisory returns a CSAF document on one product.
func advisory(status, cve, purl string) string {
	return fmt.Sprintf(`{"document":{"category":"csaf_vex","csaf_version":"2.0","title":"t",
"publisher":{"category":"vendor","name":"Example","namespace":"https://example.com"},
"tracking":{"current_release_date":"2026-01-01T00:00:00Z","id":"E-1","initial_release_date":"2026-01-01T00:00:00Z","status":"final","version":"1",
"revision_history":[{"date":"2026-01-01T00:00:00Z","number":"1","summary":"s"}]}},
"product_tree":{"full_product_names":[{"name":"p","product_id":"P","product_identification_helper":{"purl":%q}}]},
"vulnerabilities":[{"cve":%q,"product_status":{%s},"flags":[{"label":"component_not_present","product_ids":["P"]}],
"threats":[{"category":"impact","details":"it is not there","product_ids":["P"]}]}]}`, purl, cve, status)
}

// Whatever is parsed must not panic when it is asked, and what it says is bounded.
func FuzzParse(f *testing.F) {
	f.Add(open("fixed", "", "pkg:npm/lodash", ""))
	f.Add(advisory(`"fixed":["P"]`, "CVE-1", "pkg:npm/lodash"))
	f.Add(`{"document":{}}`)
	f.Add(`{"@context":"https://openvex.dev/ns","author":"a","statements":[{"status":"fixed","vulnerability":{"name":"x"},"products":[{}]}]}`)
	digest, err := name.NewDigest("registry.example/app@sha256:" + strings.Repeat("ab", 32))
	if err != nil {
		f.Fatal(err)
	}
	s, err := attest.NewSubject(digest, "registry.example/app:1")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := vex.Parse("v", []byte(text))
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q", err)
			}
			return
		}
		got := vex.Suppression([]vex.Document{d}, finding.Finding{ID: "x", Package: finding.Package{PURL: "pkg:npm/lodash"}}, s)
		if got != nil && (len(got.Reason) > 600 || len(got.By) > 600) {
			t.Errorf("%d and %d bytes", len(got.Reason), len(got.By))
		}
	})
}
