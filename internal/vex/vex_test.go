package vex_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
		{"another architecture", []string{open("fixed", "", image+"&arch=arm64", "")}, ""},
		{"an architecture, and a tag of another", []string{open("fixed", "", image+"&arch=amd64&tag=2", "")}, ""},
		{"something of the image that nobody knows", []string{open("fixed", "", image+"&color=red", "")}, ""},
		{"a part of the package, as the product", []string{open("not_affected", inline, "pkg:npm/lodash", "pkg:npm/minimist")}, ""},
		{"a folder of the package", []string{open("not_affected", inline, "pkg:npm/lodash@4.17.15#lib", "")}, ""},
		{"a distribution that it is not of", []string{open("not_affected", inline, "pkg:npm/lodash@4.17.15?distro=debian-12", "")}, ""},
		{"the architecture", []string{open("fixed", "", image+"&arch=amd64", "")}, "fixed"},
		{"the architecture, the system and the tag", []string{open("fixed", "", image+"&tag=1&os=linux&arch=x86_64", "")}, "fixed"},
		{"the package, in other letters", []string{open("fixed", "", "pkg:NPM/lodash@4%2E17%2E15", "")}, "fixed"},
		{"an affected one of another time zone", []string{
			at("2026-01-02", open("affected", `,"action_statement":"update"`, image, "")),
			strings.Replace(open("fixed", "", image, ""), "2026-01-01T00:00:00Z", "2026-01-01T23:30:00-02:00", 1),
		}, "fixed"},
		{"an affected one without a time", []string{
			open("fixed", "", image, ""), strings.Replace(open("affected", `,"action_statement":"update"`, image, ""), `"timestamp":"2026-01-01T00:00:00Z",`, "", 1),
		}, ""},
		{"a fixed one without a time", []string{
			strings.Replace(open("fixed", "", image, ""), `"timestamp":"2026-01-01T00:00:00Z",`, "", 1), open("affected", `,"action_statement":"update"`, image, ""),
		}, ""},
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
	const absent = "known_not_affected: component_not_present: it is not there"
	for _, c := range []struct {
		name, status, id, purl, want string
	}{
		{"affected", `"known_affected":["P"]`, "CVE-2020-8203", "pkg:npm/lodash@4.17.15", ""},
		{"another package", `"known_not_affected":["P"]`, "CVE-2020-8203", "pkg:npm/lodash@4.17.16", ""},
		{"another vulnerability", `"known_not_affected":["P"]`, "CVE-2020-8204", "pkg:npm/lodash@4.17.15", ""},
		{"another image", `"known_not_affected":["P"]`, "CVE-2020-8203", "pkg:oci/other", ""},
		{"another qualifier", `"known_not_affected":["P"]`, "CVE-2020-8203", "pkg:npm/lodash@4.17.15?distro=debian-12", ""},
		{"both at once", `"known_not_affected":["P"],"under_investigation":["P"]`, "CVE-2020-8203", "pkg:npm/lodash@4.17.15", ""},
		{"not affected", `"known_not_affected":["P"]`, "CVE-2020-8203", "pkg:npm/lodash@4.17.15", absent},
		{"escaped", `"known_not_affected":["P"]`, "CVE-2020-8203", "pkg:npm/lodash@4%2E17.15", absent},
		{"in any version", `"known_not_affected":["P"]`, "CVE-2020-8203", "pkg:npm/lodash", absent},
		{"the image", `"known_not_affected":["P"]`, "CVE-2020-8203", "pkg:oci/app?repository_url=registry.example%2Fteam%2Fapp&arch=amd64", absent},
	} {
		t.Run(c.name, func(t *testing.T) {
			suppressed(t, []string{advisory(c.status, c.id, c.purl)}, c.want, "Example")
		})
	}
}

// TestProductsOfCSAF: a product may be a package, a branch, or a package as part of another product.
func TestProductsOfCSAF(t *testing.T) {
	const lodash = `{"name":"l","product_id":"L","product_identification_helper":{"purl":"pkg:npm/lodash@4.17.15"}}`
	related := func(whole string) string {
		return `{"full_product_names":[` + lodash + `,{"name":"w","product_id":"W"` + whole + `}],"relationships":[{"category":"default_component_of",` +
			`"full_product_name":{"name":"l in w","product_id":"P"},"product_reference":"L","relates_to_product_reference":"W"}]}`
	}
	const want = "known_not_affected: component_not_present: it is not there"
	for name, c := range map[string]struct{ tree, want string }{
		"part of another image":    {related(`,"product_identification_helper":{"purl":"pkg:oci/other"}`), ""},
		"part of a package":        {related(`,"product_identification_helper":{"purl":"pkg:npm/parent@1"}`), ""},
		"part of a name":           {related(""), ""},
		"part of a system":         {related(`,"product_identification_helper":{"cpe":"cpe:/o:redhat:enterprise_linux:9::baseos"}`), ""},
		"part of nothing":          {strings.Replace(related(""), `"relates_to_product_reference":"W"`, `"relates_to_product_reference":"X"`, 1), ""},
		"no such product":          {`{"full_product_names":[` + lodash + `]}`, ""},
		"part of the image":        {related(`,"product_identification_helper":{"purl":"pkg:oci/app"}`), want},
		"in a branch of a branch":  {`{"branches":[{"category":"vendor","name":"v","branches":[{"category":"product_name","name":"n","product":` + strings.Replace(lodash, `"L"`, `"P"`, 1) + `}]}]}`, want},
		"with several identifiers": {`{"full_product_names":[{"name":"l","product_id":"P","product_identification_helper":{"purls":["pkg:npm/other","pkg:npm/lodash"]}}]}`, want},
	} {
		t.Run(name, func(t *testing.T) {
			text := advisory(`"known_not_affected":["P"]`, "CVE-2020-8203", "pkg:npm/x")
			start, end := strings.Index(text, `{"full_product_names"`), strings.Index(text, ",\n\"vulnerabilities\"")
			suppressed(t, []string{text[:start] + c.tree + text[end:]}, c.want, "Example")
		})
	}
}

// TestSystemsOfCSAF: a package may be part of an operating system, which a CPE names and the finding's package URL, too.
func TestSystemsOfCSAF(t *testing.T) {
	form := strings.Replace(advisory(`"known_not_affected":["P"]`, "CVE-2020-8203", "pkg:x/y"), `{"full_product_names":[{"name":"p","product_id":"P","product_identification_helper":{"purl":"pkg:x/y"}}]}`,
		`{"full_product_names":[{"name":"o","product_id":"O","product_identification_helper":{"purl":"pkg:rpm/x/openssl"}},`+
			`{"name":"s","product_id":"S","product_identification_helper":{"cpe":"CPE"}}],"relationships":[{"category":"default_component_of",`+
			`"full_product_name":{"name":"o in s","product_id":"P"},"product_reference":"O","relates_to_product_reference":"S"}]}`, 1)
	for name, c := range map[string]struct {
		cpe, distro string
		want        bool
	}{
		"another release":      {"cpe:/o:redhat:enterprise_linux:8::baseos", "rhel-9.4", false},
		"another distribution": {"cpe:/o:redhat:enterprise_linux:9::baseos", "centos-9", false},
		"another variant":      {"cpe:/a:redhat:rhel_eus:9.4::appstream", "rhel-9.4", false},
		"a codename":           {"cpe:/o:debian:debian_linux:12", "debian-bookworm", false},
		"no distribution":      {"cpe:/o:redhat:enterprise_linux:9", "", false},
		"the release":          {"cpe:/o:redhat:enterprise_linux:9::baseos", "rhel-9.4", true},
		"in the newer form":    {"cpe:2.3:o:redhat:enterprise_linux:9.4:*:*:*:*:*:*:*", "rhel-9.4", true},
		"of several words":     {"cpe:/o:opensuse:leap:15.6", "opensuse-leap-15.6", true},
		"in any release":       {"cpe:/o:debian:debian_linux", "debian-12", true},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := vex.Parse("v.json", []byte(strings.Replace(form, "CPE", c.cpe, 1)))
			if err != nil {
				t.Fatal(err)
			}
			found := finding.Finding{ID: "CVE-2020-8203", Package: finding.Package{PURL: "pkg:rpm/x/openssl@3?arch=x86_64&distro=" + c.distro}}
			if got := vex.Suppression([]vex.Document{d}, found, vex.Image{}); (got != nil) != c.want {
				t.Errorf("have %+v", got)
			}
		})
	}
}

// TestBothFormats: the newest statement counts, in whichever format.
func TestBothFormats(t *testing.T) {
	const purl, inline = "pkg:npm/lodash@4.17.15", `,"justification":"vulnerable_code_not_in_execute_path"`
	csaf := func(day, status string) string { return at(day, advisory(`"`+status+`":["P"]`, "CVE-2020-8203", purl)) }
	ours := func(day, status, more string) string { return at(day, open(status, more, purl, "")) }
	for name, c := range map[string]struct {
		documents    []string
		want, author string
	}{
		"a newer CSAF takes it back":         {[]string{ours("2026-01-01", "not_affected", inline), csaf("2026-02-01", "known_affected")}, "", ""},
		"a newer CSAF looks into it":         {[]string{ours("2026-01-01", "not_affected", inline), csaf("2026-02-01", "under_investigation")}, "", ""},
		"a newer OpenVEX takes it back":      {[]string{csaf("2026-01-01", "fixed"), ours("2026-02-01", "affected", `,"action_statement":"update"`)}, "", ""},
		"at one time":                        {[]string{csaf("2026-01-01", "known_affected"), ours("2026-01-01", "not_affected", inline)}, "", ""},
		"at one time, the other way around":  {[]string{ours("2026-01-01", "not_affected", inline), csaf("2026-01-01", "known_affected")}, "", ""},
		"an older CSAF does not take it":     {[]string{csaf("2026-01-01", "known_affected"), ours("2026-02-01", "fixed", "")}, "fixed", "security@example.com"},
		"a newer CSAF says that it is fixed": {[]string{ours("2026-01-01", "affected", `,"action_statement":"update"`), csaf("2026-02-01", "fixed")}, "fixed: component_not_present: it is not there", "Example"},
	} {
		t.Run(name, func(t *testing.T) { suppressed(t, c.documents, c.want, c.author) })
	}
}

// TestImageAndIndex: an image is asked for as itself and as its index at once, so that the newest statement on either
// counts; without a platform, none that names one is certain.
func TestImageAndIndex(t *testing.T) {
	image, index := "registry.example/team/app@sha256:"+strings.Repeat("ab", 32), "registry.example/team/app@sha256:"+strings.Repeat("cd", 32)
	var documents []vex.Document
	for _, text := range []string{
		at("2026-01-01", open("fixed", "", index, "")), at("2026-02-01", open("affected", `,"action_statement":"update"`, image, "")),
	} {
		d, err := vex.Parse("v.json", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, d)
	}
	found := finding.Finding{ID: "CVE-2020-8203", Package: finding.Package{PURL: "pkg:npm/lodash@4.17.15"}}
	if got := vex.Suppression(documents, found, vex.NewImage("linux/amd64", named(t, image), named(t, index))); got != nil {
		t.Errorf("a newer statement on the image does not count: %+v", got)
	}
	if got := vex.Suppression(documents[:1], found, vex.NewImage("linux/amd64", named(t, image), named(t, index))); got == nil {
		t.Error("a statement on the index does not count")
	}
	d, err := vex.Parse("v.json", []byte(open("fixed", "", "pkg:oci/app?arch=amd64", "")))
	if err != nil {
		t.Fatal(err)
	}
	if got := vex.Suppression([]vex.Document{d}, found, vex.NewImage("", named(t, image))); got != nil {
		t.Errorf("an image for nobody knows what is one for amd64: %+v", got)
	}
}

// TestUnmatched: what is about nothing that was found is told with what comes near, in bounded number.
func TestUnmatched(t *testing.T) {
	digest := "registry.example/team/app@sha256:" + strings.Repeat("ab", 32)
	images := []vex.Scanned{{Image: vex.NewImage("linux/amd64", named(t, digest)), Findings: []finding.Finding{
		{ID: "GHSA-p6mc-m468-83gw", Aliases: []string{"CVE-2020-8203"}, Package: finding.Package{Name: "lodash", Version: "4.17.15", PURL: "pkg:npm/lodash@4.17.15"}},
	}}}
	var many strings.Builder
	many.WriteString(strings.TrimSuffix(open("fixed", "", "pkg:npm/lodash", ""), "]}"))
	for i := range 20_000 {
		fmt.Fprintf(&many, `,{"vulnerability":{"name":"CVE-1999-%d"},"products":[{"@id":"pkg:npm/a"}],"status":"fixed"}`, 100_000+i)
	}
	for name, c := range map[string]struct {
		document string
		want     []string
	}{
		"matched":            {open("fixed", "", "pkg:npm/lodash", ""), nil},
		"matched, and loses": {open("affected", `,"action_statement":"update"`, "pkg:npm/lodash", ""), nil},
		"another version": {open("fixed", "", "pkg:npm/lodash@4.17.16", ""), []string{
			"v.json: the statement on CVE-2020-8203 about pkg:npm/lodash@4.17.16 matched nothing: CVE-2020-8203 was found in lodash 4.17.15",
		}},
		"a slip of the pen": {strings.Replace(open("fixed", "", "pkg:npm/lodash", ""), "8203", "8230", 1), []string{
			"v.json: the statement on CVE-2020-8230 about pkg:npm/lodash matched nothing: did you mean CVE-2020-8203, found in lodash 4.17.15?",
		}},
		"nothing like it": {strings.Replace(open("fixed", "", "pkg:npm/lodash", "pkg:npm/x"), "CVE-2020-8203", "CVE-1999-0001", 1), []string{
			"v.json: the statement on CVE-1999-0001 about pkg:npm/x in pkg:npm/lodash matched nothing",
		}},
		"CSAF": {advisory(`"known_not_affected":["P"]`, "CVE-2020-8203", "pkg:npm/x"), []string{
			"v.json: the statement on CVE-2020-8203 about pkg:npm/x matched nothing: CVE-2020-8203 was found in lodash 4.17.15",
		}},
		"very many": {many.String() + "]}", []string{
			"v.json: the statement on CVE-1999-100000 about pkg:npm/a matched nothing", "v.json: the statement on CVE-1999-100001 about pkg:npm/a matched nothing",
			"v.json: the statement on CVE-1999-100002 about pkg:npm/a matched nothing", "v.json: the statement on CVE-1999-100003 about pkg:npm/a matched nothing",
			"v.json: the statement on CVE-1999-100004 about pkg:npm/a matched nothing", "v.json: 19995 more statements matched nothing",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := vex.Parse("v.json", []byte(c.document))
			if err != nil {
				t.Fatal(err)
			}
			if got := vex.Unmatched([]vex.Document{d}, images); !slices.Equal(got, c.want) {
				t.Errorf("have %q\nwant %q", got, c.want)
			}
		})
	}
}

func named(t *testing.T, digest string) attest.Subject {
	t.Helper()
	d, err := name.NewDigest(digest)
	if err != nil {
		t.Fatal(err)
	}
	s, err := attest.NewSubject(d, digest)
	if err != nil {
		t.Fatal(err)
	}
	return s
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
	got := vex.Suppression(documents, lodash, vex.NewImage("linux/amd64", s))
	if want == "" {
		if got != nil {
			t.Errorf("suppressed: %+v", got)
		}
		return
	}
	if got == nil || got.Source != "vex" || got.Reason != want || got.By != author || !slices.ContainsFunc(documents, func(d vex.Document) bool { return d.Digest() == got.Document }) {
		t.Errorf("want %q by %s, have %+v", want, author, got)
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
		got := vex.Suppression([]vex.Document{d}, finding.Finding{ID: "x", Package: finding.Package{PURL: "pkg:npm/lodash"}}, vex.NewImage("", s))
		if got != nil && (len(got.Reason) > 600 || len(got.By) > 600) {
			t.Errorf("%d and %d bytes", len(got.Reason), len(got.By))
		}
	})
}
