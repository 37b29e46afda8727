package catalog

import (
	"bytes"

	"github.com/anchore/syft/syft/format/common/spdxhelpers"
	"github.com/anchore/syft/syft/sbom"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
)

// readForeignSPDX reads SPDX 2 with syft's own conversion, after the identifiers of
// packages were made to differ.
func readForeignSPDX(document []byte) (*sbom.SBOM, []listed, error) {
	doc, err := spdxjson.Read(bytes.NewReader(document))
	if err != nil {
		return nil, nil, err
	}
	described := describedBy(doc)
	taken := names{}
	packages := map[spdx.ElementID]*spdx.Package{}
	for _, p := range doc.Packages {
		if p == nil {
			continue
		}
		id, _ := taken.unique(string(p.PackageSPDXIdentifier))
		p.PackageSPDXIdentifier = spdx.ElementID(id)
		packages[p.PackageSPDXIdentifier] = p
	}
	sources := keepSources(doc, packages)
	var components []listed
	for _, p := range doc.Packages {
		if p != nil && !sources[p.PackageSPDXIdentifier] && namesPackage(p, described[p.PackageSPDXIdentifier]) {
			components = append(components, listed{
				id: string(p.PackageSPDXIdentifier), name: nameOf(refOf(p, "purl"), p.PackageName, p.PackageVersion),
			})
		}
	}
	content, err := spdxhelpers.ToSyftModel(doc)
	return content, components, err
}

// describedBy returns what a document says that it is about.
func describedBy(doc *spdx.Document) map[spdx.ElementID]bool {
	described := map[spdx.ElementID]bool{}
	for _, r := range doc.Relationships {
		switch {
		case r == nil:
		case r.Relationship == spdx.RelationshipDescribes:
			described[r.RefB.ElementRefID] = true
		case r.Relationship == spdx.RelationshipDescribedBy:
			described[r.RefA.ElementRefID] = true
		}
	}
	return described
}

// keepSources returns the packages that others were generated from and that no scanner
// could look up, as the repository of a source. syft's reader drops all that packages
// were generated from; those that can be looked up are kept by dropping the relationship.
func keepSources(doc *spdx.Document, packages map[spdx.ElementID]*spdx.Package) map[spdx.ElementID]bool {
	sources := map[spdx.ElementID]bool{}
	var kept []*spdx.Relationship
	for _, r := range doc.Relationships {
		if r != nil && r.Relationship == spdx.RelationshipGeneratedFrom {
			p := packages[r.RefB.ElementRefID]
			if p != nil && (knownPURL(refOf(p, "purl")) || refOf(p, "cpe23Type") != "") {
				continue
			}
			sources[r.RefB.ElementRefID] = true
		}
		kept = append(kept, r)
	}
	doc.Relationships = kept
	return sources
}

// namesPackage reports whether an element of a document names a package, and not what
// the document is about, an operating system, an image or a group of others.
func namesPackage(p *spdx.Package, described bool) bool {
	purl := refOf(p, "purl")
	switch {
	case knownPURL(purl), refOf(p, "cpe23Type") != "":
		return true
	case described || purl != "" && ofImage(purl):
		return false
	case purl != "":
		return true
	}
	switch p.PrimaryPackagePurpose {
	case "CONTAINER", "OPERATING-SYSTEM", "OPERATING_SYSTEM", "FILE", "SOURCE", "ARCHIVE":
		return false
	}
	return p.PackageVersion != ""
}

// refOf returns the locator of the first external reference of a type; empty: it has
// none.
func refOf(p *spdx.Package, kind string) string {
	for _, r := range p.PackageExternalReferences {
		if r != nil && r.RefType == kind {
			return r.Locator
		}
	}
	return ""
}
