package report_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/report"
)

func pageOf(t *testing.T, r pipeline.Result) (*html.Node, string) {
	t.Helper()
	document, err := report.HTML(r)
	must(t, err)
	root, err := html.Parse(strings.NewReader(string(document)))
	must(t, err)
	return root, string(document)
}

// index is the result of an index of two platforms.
func index(t *testing.T) pipeline.Result {
	t.Helper()
	r := denied(t)
	r.Platforms = []pipeline.Result{denied(t), denied(t)}
	r.Platforms[0].Platform, r.Platforms[1].Platform = "linux/amd64", "linux/arm64"
	r.Packages = nil
	return r
}

// scripts is what would run, were it not escaped: e2e opens the page in a browser.
const scripts = `</title></script></style><script>document.title="owned"</script><img src=x onerror=document.title="owned">` +
	`" onmouseover="document.title='owned'" x="]]>--><svg onload=document.title="owned">javascript:document.title="owned"`

func TestHTML(t *testing.T) {
	for name, r := range map[string]pipeline.Result{"denied.html": denied(t), "passed.html": passed(t), "index.html": index(t), "hostile.html": spoiled(t, scripts)} {
		document, err := report.HTML(r)
		must(t, err)
		golden(t, name, document)
	}
}

// The page may run its own script, and nothing else: the policy names the hashes of
// what is in the page.
func TestThePolicyNamesThePagesOwnParts(t *testing.T) {
	_, page := pageOf(t, denied(t))
	for _, tag := range []string{"script", "style"} {
		parts := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(page, -1)
		if len(parts) != 1 {
			t.Fatalf("%d of %s", len(parts), tag)
		}
		sum := sha256.Sum256([]byte(parts[0][1]))
		hash := html.EscapeString(base64.StdEncoding.EncodeToString(sum[:]))
		if policy := html.UnescapeString(page); !strings.Contains(policy, tag+"-src 'sha256-"+html.UnescapeString(hash)+"'") {
			t.Errorf("the policy does not name %s of %s", hash, tag)
		}
	}
}

func TestThePageLoadsNothing(t *testing.T) {
	root, _ := pageOf(t, denied(t))
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			switch {
			case a.Key == "src" || a.Key == "srcset" || a.Key == "style" || strings.HasPrefix(a.Key, "on"):
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case a.Key == "href" && n.Data != "a":
				t.Errorf("<%s href=%q>", n.Data, a.Val)
			}
		}
	}
}

// Every table has a caption and headings with their scope.
func TestTablesCanBeReadAloud(t *testing.T) {
	root, _ := pageOf(t, index(t))
	tables, captions := 0, 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "table":
			tables++
		case "caption":
			captions++
		case "th":
			if attribute(n, "scope") == "" {
				t.Errorf("a heading without a scope in %q", n.Parent.Data)
			}
		}
	}
	if tables < 8 || captions != tables {
		t.Errorf("%d tables, %d captions", tables, captions)
	}
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func TestAPageOfAFailure(t *testing.T) {
	_, page := pageOf(t, pipeline.Result{Reference: "registry.example/absent:v1", Failure: errors.New("no such image <b>")})
	for _, want := range []string{"Failed", "no such image &lt;b&gt;", "registry.example/absent:v1"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

// What others wrote makes no element and no attribute: the tree is that of harmless
// names.
func TestHostileNamesMakeNoElements(t *testing.T) {
	shape := func(r pipeline.Result) string {
		root, page := pageOf(t, r)
		harmless(t, []byte(page))
		var out strings.Builder
		for n := range root.Descendants() {
			if n.Type == html.ElementNode {
				out.WriteString(n.Data + " ")
				for _, a := range n.Attr {
					out.WriteString(a.Key + " ")
				}
			}
		}
		return out.String()
	}
	usual, nothing := shape(spoiled(t, "harmless")), shape(spoiled(t, "\x00"))
	for name, s := range hostile() {
		t.Run(name, func(t *testing.T) {
			want := usual
			if name == "bytes" { // nothing of it can be shown
				want = nothing
			}
			if got := shape(spoiled(t, s)); got != want {
				t.Errorf("another tree:\n%s\n%s", got, want)
			}
		})
	}
}

func TestALargePageStaysWhole(t *testing.T) {
	r := denied(t)
	for i := range 10_000 {
		r.Scan.Findings = append(r.Scan.Findings, finding.Finding{
			ID: fmt.Sprintf("CVE-2026-%05d", 10_000+i), Package: finding.Package{Name: "p", Version: "1", Type: "deb"},
		})
		r.Packages = append(r.Packages, catalog.Package{Name: fmt.Sprintf("p%d", i), Type: "deb"})
	}
	_, page := pageOf(t, r)
	if n := strings.Count(page, ">CVE-2026-1"); n < 10_000 {
		t.Errorf("%d findings are on the page", n)
	}
	if len(page) > 8<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
}
