package identity

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
)

// Of reads what a document claims about the image that it is of, once for each thing that it describes: a SARIF log
// may have the runs of several tools. What is no document of a known form claims nothing.
func Of(document []byte) []Claims {
	document = bytes.TrimPrefix(document, []byte("\ufeff"))
	var form struct {
		Scanner struct{ Result json.RawMessage }
	}
	if err := json.Unmarshal(document, &form); err == nil && form.Scanner.Result != nil {
		document = form.Scanner.Result // a scan inside of cosign's predicate
	}
	return claimsOf(document)
}

func claimsOf(document []byte) []Claims {
	var form struct {
		BOMFormat, SPDXVersion, ArtifactName *json.RawMessage
		Artifacts, Matches                   *json.RawMessage
		Runs                                 []json.RawMessage
	}
	if err := json.Unmarshal(document, &form); err != nil && !recoverable(err) {
		return nil
	}
	switch {
	case form.BOMFormat != nil:
		return []Claims{cycloneDX(document)}
	case form.SPDXVersion != nil:
		return []Claims{spdx(document)}
	case form.Runs != nil:
		return ofRuns(form.Runs)
	case form.Matches != nil || form.Artifacts != nil:
		return []Claims{anchore(document)}
	case form.ArtifactName != nil:
		return []Claims{trivy(document)}
	}
	return nil
}

func ofRuns(runs []json.RawMessage) []Claims {
	var all []Claims
	for _, run := range runs {
		all = append(all, sarif(run))
	}
	return all
}

// recoverable reports whether a document was read but for a field of another type than its tool writes.
func recoverable(err error) bool {
	_, ok := err.(*json.UnmarshalTypeError) //nolint:errorlint // as the package json returns it
	return ok
}

// texts is a field with a text or a list of texts. Anything else is kept as it is written, which is no digest.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(content []byte) error {
	var one string
	var many []string
	switch {
	case string(content) == "null":
	case json.Unmarshal(content, &one) == nil:
		*t = texts{one}
	case json.Unmarshal(content, &many) == nil:
		*t = many
	default:
		*t = texts{string(content)}
	}
	return nil
}

// digests adds a claim for each text of a field that holds nothing but digests. What is there in place of a digest
// is a claim, too, and no image fulfills it.
func (c *Claims) digests(kind Kind, field string, values texts) {
	for _, value := range values {
		digest, ok := digestOf(value)
		if !ok {
			digest = strings.TrimSpace(value)
		}
		if digest != "" {
			c.add(Claim{Kind: kind, Field: field, Digest: digest})
		}
	}
}

// references adds a claim for each text that names an image by a digest: repository@sha256:…, or the digest alone. A
// tag says nothing about which image it was.
func (c *Claims) references(field string, values texts) {
	for _, value := range values {
		if digest, ok := digestOf(value); ok {
			c.add(Claim{Kind: Reference, Field: field, Digest: digest})
		}
	}
}

// packageURL adds a claim for a package URL of an image, pkg:oci/name@sha256%3A….
func (c *Claims) packageURL(kind Kind, field, purl string) {
	if !strings.HasPrefix(purl, "pkg:oci/") && !strings.HasPrefix(purl, "pkg:docker/") {
		return
	}
	purl, _, _ = strings.Cut(purl, "#")
	purl, _, _ = strings.Cut(purl, "?")
	if text, err := url.PathUnescape(purl); err == nil {
		purl = text
	}
	if digest, ok := digestOf(purl); ok {
		c.add(Claim{Kind: kind, Field: field, Digest: digest})
	}
}

// maxClaims bounds the digests that a document names: far more than an image has layers.
const maxClaims = 1000

// add adds a claim that is not there yet. A document that names too many is about no image.
func (c *Claims) add(claim Claim) {
	for _, one := range *c {
		if one.Kind == claim.Kind && one.Digest == claim.Digest {
			return
		}
	}
	switch n := len(*c); {
	case n < maxClaims:
		*c = append(*c, claim)
	case n == maxClaims:
		*c = append(*c, Claim{Kind: Config, Field: claim.Field, Digest: "more images than are read"})
	}
}

// digestOf returns the digest of a reference, or of a text that is one. Its algorithm may be missing if it is SHA-256,
// and its digits may be in upper case.
func digestOf(text string) (string, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	text = text[strings.LastIndex(text, "@")+1:]
	algorithm, digits, ok := strings.Cut(text, ":")
	if !ok {
		algorithm, digits = "sha256", text
	}
	size, known := map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}[algorithm]
	if !known || len(digits) != size || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", false
	}
	return algorithm + ":" + digits, true
}
