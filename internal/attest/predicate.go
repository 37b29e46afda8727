package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// Predicate types, each under the URI that its specification gives it.
const (
	TypeCycloneDX    = "https://cyclonedx.org/bom"
	TypeSPDX         = "https://spdx.dev/Document"
	TypeVuln         = "https://cosign.sigstore.dev/attestation/vuln/v1"
	TypeCustom       = "https://cosign.sigstore.dev/attestation/v1"
	TypeSLSA02       = "https://slsa.dev/provenance/v0.2"
	TypeSLSA1        = "https://slsa.dev/provenance/v1"
	TypeVSA          = "https://slsa.dev/verification_summary/v1"
	TypeLink         = "https://in-toto.io/Link/v1"
	TypeOpenVEX      = "https://openvex.dev/ns"
	TypeTestResult   = "https://in-toto.io/attestation/test-result/v0.1"
	TypeVulns        = "https://in-toto.io/attestation/vulns/v0.2"
	TypeSCAI         = "https://in-toto.io/attestation/scai/v0.3"
	TypeRelease      = "https://in-toto.io/attestation/release/v0.1"
	TypeSARIF        = "https://www.schemastore.org/schemas/json/sarif-2.1.0.json"
	TypeApproval     = "https://hallmark-ci.github.io/approval/v1"
	TypeLicences     = "https://hallmark-ci.github.io/licences/v1"
	TypeImage        = "https://hallmark-ci.github.io/image/v1"
	TypeSecrets      = "https://hallmark-ci.github.io/secrets/v1"
	spdxTypeV23      = "https://spdx.dev/Document/v2.3"
	customTimeFormat = time.RFC3339
)

// Shorthand is a short name for a predicate type, as cosign's --type takes it.
type Shorthand struct {
	Name string
	URI  string
}

// Shorthands returns the known short names in the order of their names: those
// of cosign with its own meaning, and the project's for further in-toto types.
func Shorthands() []Shorthand {
	return []Shorthand{
		{"approval", TypeApproval},
		{"custom", TypeCustom},
		{"cyclonedx", TypeCycloneDX},
		{"image", TypeImage},
		{"licences", TypeLicences},
		{"link", TypeLink},
		{"openvex", TypeOpenVEX},
		{"release", TypeRelease},
		{"sarif", TypeSARIF},
		{"scai", TypeSCAI},
		{"secrets", TypeSecrets},
		{"signature", TypeSignature},
		{"slsaprovenance", TypeSLSA02},
		{"slsaprovenance02", TypeSLSA02},
		{"slsaprovenance1", TypeSLSA1},
		{"spdx", TypeSPDX},
		{"spdxjson", TypeSPDX},
		{"test-result", TypeTestResult},
		{"vsa", TypeVSA},
		{"vuln", TypeVuln},
		{"vulns", TypeVulns},
	}
}

// ParseType resolves a short name or an absolute URI to the URI of a predicate
// type. Anything else is an error that names the known short names.
func ParseType(s string) (string, error) {
	known := Shorthands()
	if i := slices.IndexFunc(known, func(k Shorthand) bool { return k.Name == s }); i >= 0 {
		return known[i].URI, nil
	}
	if u, err := url.Parse(s); err == nil && u.IsAbs() && u.Host != "" {
		return s, nil
	}
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = k.Name
	}
	return "", fault.WithHint(fault.Usagef("unknown predicate type %q", s),
		"use a URI or one of: %s", strings.Join(names, ", "))
}

// ShortType returns the short name of a predicate type for display, or the URI
// itself where it has none.
func ShortType(uri string) string {
	for _, k := range Shorthands() {
		if SameType(k.URI, uri) {
			return k.Name
		}
	}
	return uri
}

// SameType reports whether two URIs name the same predicate type. SPDX has two
// spellings in use: cosign's, and GitHub's with the version.
func SameType(a, b string) bool {
	return canonicalType(a) == canonicalType(b)
}

func canonicalType(uri string) string {
	if uri == spdxTypeV23 {
		return TypeSPDX
	}
	return uri
}

// Predicate is a claim: its type, and its content as JSON.
type Predicate struct {
	Type string          // absolute URI
	Body json.RawMessage // the value of "predicate" in the statement
}

// NewPredicate returns the predicate that a file's content makes under a type,
// as cosign attest makes it: for the custom type the text itself, wrapped in
// Data with the time; for every other type the JSON object. now is the time
// written for the custom type, in UTC.
func NewPredicate(uri string, content []byte, now time.Time) (Predicate, error) {
	if uri == TypeCustom {
		return customPredicate(content, now)
	}
	if err := checkObject(content); err != nil {
		return Predicate{}, err
	}
	return Predicate{Type: uri, Body: json.RawMessage(content)}, nil
}

func customPredicate(content []byte, now time.Time) (Predicate, error) {
	if !utf8.Valid(content) {
		return Predicate{}, errors.New("not UTF-8 text, and a custom predicate is a string of JSON")
	}
	body, err := json.Marshal(struct {
		Data      string
		Timestamp string
	}{string(content), now.UTC().Format(customTimeFormat)})
	if err != nil {
		return Predicate{}, fmt.Errorf("encoding the custom predicate: %w", err)
	}
	return Predicate{Type: TypeCustom, Body: body}, nil
}

func checkObject(content []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(content, &object); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("not JSON: %w (at byte %d)", err, syntax.Offset)
		}
		var other *json.UnmarshalTypeError
		if errors.As(err, &other) {
			return fmt.Errorf("not a JSON object: %s", other.Value)
		}
		return fmt.Errorf("not a JSON object: %w", err)
	}
	if object == nil {
		return errors.New("not a JSON object: null")
	}
	return nil
}

// SaysTheSame reports whether the predicate of a statement of p's type is what p
// is. Of the custom type only the data counts: cosign's form puts the time of the
// call beside it.
func (p Predicate) SaysTheSame(predicate json.RawMessage) bool {
	if p.Type == TypeCustom {
		var a, b struct{ Data *string }
		return json.Unmarshal(p.Body, &a) == nil && json.Unmarshal(predicate, &b) == nil &&
			a.Data != nil && b.Data != nil && *a.Data == *b.Data
	}
	if bytes.Equal(bytes.TrimSpace(p.Body), bytes.TrimSpace(predicate)) && json.Valid(predicate) { // as of an SBOM that was reused
		return true
	}
	var a, b bytes.Buffer
	return json.Compact(&a, p.Body) == nil && json.Compact(&b, predicate) == nil && bytes.Equal(a.Bytes(), b.Bytes())
}
