package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"

	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

//go:embed html/page.html.tmpl
var pageTemplate string //nolint:gochecknoglobals // embedded, and never changed

//go:embed html/style.css
var pageStyle string //nolint:gochecknoglobals // embedded, and never changed

//go:embed html/page.js
var pageScript string //nolint:gochecknoglobals // embedded, and never changed

// HTML returns report.html: all of the result on one page, which loads nothing from
// elsewhere and runs nothing but its own script, by a policy that names its hash.
// Without scripts the page is whole; the script filters and sorts.
func HTML(r pipeline.Result) ([]byte, error) {
	parsed, err := template.New(fileHTML).Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("reading the template of %s: %w", fileHTML, err)
	}
	page := newPage(cleaned(r))
	page.Policy = "default-src 'none'; style-src " + hashSource(pageStyle) + "; script-src " + hashSource(pageScript) +
		"; base-uri 'none'; form-action 'none'"
	page.Style = template.CSS(pageStyle)  //nolint:gosec // ours
	page.Script = template.JS(pageScript) //nolint:gosec // ours
	var out bytes.Buffer
	if err := parsed.Execute(&out, page); err != nil {
		return nil, fmt.Errorf("writing %s: %w", fileHTML, err)
	}
	return out.Bytes(), nil
}

// hashSource names a style or a script in a Content-Security-Policy
// (https://www.w3.org/TR/CSP3/#grammardef-hash-source).
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
