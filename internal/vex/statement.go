package vex

import (
	"slices"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/finding"
)

// certainty is how sure it is that a statement is about a finding. What takes a finding back has to be certain; what
// lets it count need only be possible.
type certainty int

const (
	impossible certainty = iota
	possible
	certain
)

// statement is one thing that a document says of vulnerabilities in products.
type statement struct {
	ids        []string // of the vulnerability, as the document has them
	targets    []target
	suppresses bool
	reason     string
	at         time.Time // zero: unknown
}

// target is a product, perhaps with the parts of it that are meant.
type target struct {
	product thing
	parts   []thing // none: all of the product
}

// thing is a product or a part of one, by all that identifies it.
type thing struct {
	names  []string // that are no package URLs: references, digests, hashes
	purls  []purl
	system *platform // of a product that is an operating system
}

// subject is a finding in an image, prepared for comparing.
type subject struct {
	image Image
	purl  *purl // nil: the finding has none
}

func subjectOf(f finding.Finding, img Image) subject {
	s := subject{image: img}
	if p, ok := parsePURL(f.Package.PURL); ok {
		s.purl = &p
	}
	return s
}

// about tells whether one of the targets is the finding's package, or its image.
func (st statement) about(s subject) certainty {
	sure := impossible
	for _, t := range st.targets {
		sure = max(sure, t.about(s))
	}
	return sure
}

// about: a product without parts is the package, or the image that it is in. Of one with parts, the product is the
// image and a part is the package; a product that cannot be compared with the image may be it.
func (t target) about(s subject) certainty {
	if len(t.parts) == 0 {
		return max(t.product.isPackage(s), t.product.isImage(s))
	}
	part := impossible
	for _, p := range t.parts {
		part = max(part, p.isPackage(s))
	}
	return min(part, t.product.holds(s))
}

func (t thing) isPackage(s subject) certainty {
	covers := func(p purl) bool { return s.purl != nil && p.covers(*s.purl) }
	if slices.ContainsFunc(t.purls, covers) {
		return certain
	}
	return impossible
}

func (t thing) isImage(s subject) certainty {
	known := func(name string) bool { return slices.Contains(s.image.names, name) }
	if slices.ContainsFunc(t.names, known) {
		return certain
	}
	sure := impossible
	for _, p := range t.purls {
		if p.isImage() {
			sure = max(sure, p.coversImage(s.image))
		}
	}
	return sure
}

// holds tells whether a product is the image that a part of it was found in, or the operating system of it.
func (t thing) holds(s subject) certainty {
	switch {
	case t.system != nil:
		return t.system.of(s)
	case len(t.names)+len(t.purls) == 0:
		return possible
	}
	return t.isImage(s)
}

// platform is an operating system that packages are part of.
type platform struct{ name, version string }

// of compares it with the distribution in the package URL of a finding: debian-12, opensuse-leap-15.6. A codename
// cannot be compared.
func (p platform) of(s subject) certainty {
	if s.purl == nil || p.name == "" {
		return possible
	}
	distro := s.purl.qualifiers["distro"]
	i := strings.LastIndex(distro, "-")
	if i < 0 || strings.Trim(distro[i+1:], "0123456789.") != "" {
		return possible
	}
	name, version := distro[:i], distro[i+1:]
	switch {
	case name != p.name:
		return impossible
	case p.version == "" || version == p.version || strings.HasPrefix(version, p.version+"."):
		return certain
	}
	return impossible
}

// text names a target for people.
func (t target) text() string {
	name := t.product.text()
	if len(t.parts) > 0 {
		return t.parts[0].text() + " in " + name
	}
	return name
}

func (t thing) text() string {
	switch {
	case len(t.purls) > 0:
		return t.purls[0].ToString()
	case len(t.names) > 0:
		return t.names[0]
	}
	return "a product without a package URL"
}
