package vex

import (
	"path"
	"strings"

	packageurl "github.com/package-url/packageurl-go"
)

// purl is a package URL, normalized: percent-encoding, the order of its qualifiers and, where its type says so, upper
// case make no difference (https://github.com/package-url/purl-spec).
type purl struct {
	packageurl.PackageURL
	qualifiers map[string]string
}

func parsePURL(text string) (purl, bool) {
	parsed, err := packageurl.FromString(text)
	if err != nil {
		return purl{}, false
	}
	return purl{parsed, parsed.Qualifiers.Map()}, true
}

// covers reports whether a package URL in a statement is that of a package: what it does not say, a version or a
// qualifier, is any.
func (p purl) covers(of purl) bool {
	if !p.names(of) || p.Version != "" && p.Version != of.Version || p.Subpath != "" && p.Subpath != of.Subpath {
		return false
	}
	for key, value := range p.qualifiers {
		if of.qualifiers[key] != value {
			return false
		}
	}
	return true
}

// names reports whether both are of one package, in any version.
func (p purl) names(of purl) bool {
	return p.Type == of.Type && p.Namespace == of.Namespace && p.Name == of.Name
}

// isImage reports whether it is that of an image.
func (p purl) isImage() bool { return p.Type == "oci" }

// coversImage tells whether a package URL of type oci is that of an image
// (https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md).
func (p purl) coversImage(img Image) certainty {
	sure := certain
	if !img.named(path.Join(p.Namespace, p.Name)) || p.Version != "" && !img.hasDigest(p.Version) {
		return impossible
	}
	for key, value := range p.qualifiers {
		switch key {
		case "repository_url":
			sure = min(sure, img.isIn(value))
		case "tag":
			sure = min(sure, img.isTagged(value))
		case "arch":
			sure = min(sure, img.isFor(img.architecture, architecture(value)))
		case "os":
			sure = min(sure, img.isFor(img.system, strings.ToLower(value)))
		default:
			sure = min(sure, possible)
		}
	}
	return sure
}

// architecture returns a machine as Go calls it.
func architecture(name string) string {
	switch name = strings.ToLower(name); name {
	case "x86_64", "x86-64":
		return "amd64"
	case "aarch64":
		return "arm64"
	case "i386", "i686":
		return "386"
	}
	return name
}
