package catalog

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/klauspost/compress/zstd"
)

// The properties of a CycloneDX document's metadata that are ours.
const (
	sealProperty       = "hallmark:seal"
	supplementProperty = "hallmark:supplement"
)

// maxSupplement bounds a supplement that is read, in bytes.
const maxSupplement = 512 << 20

// supplement is what a scan or a report needs of packages and CycloneDX has no
// field for, by the bom-refs of the components. It is written compressed: the
// symbols of one large Go program are some megabytes, and a tenth of that so.
type supplement struct {
	Owners   map[string][]string        `json:"owners,omitempty"`   // the packages of the distribution that own a package's files
	Licences map[string][]string        `json:"licences,omitempty"` // where the format writes them in other words
	Metadata map[string]json.RawMessage `json:"metadata,omitempty"` // fields of syft's metadata
	System   *linux.Release             `json:"system,omitempty"`   // the whole of the release file
}

// supplementOf gathers the supplement of an SBOM whose components are those of its
// packages, in their order.
func supplementOf(content *sbom.SBOM, components []cyclonedx.Component) (supplement, error) {
	s := supplement{
		Owners: map[string][]string{}, Licences: map[string][]string{}, Metadata: map[string]json.RawMessage{},
		System: content.Artifacts.LinuxDistribution,
	}
	packages := content.Artifacts.Packages.Sorted()
	refs := map[artifact.ID]string{}
	for i, p := range packages {
		refs[p.ID()] = components[i].BOMRef
	}
	for owned, owners := range ownersOf(content, packages) {
		for _, owner := range owners {
			s.Owners[refs[owned]] = append(s.Owners[refs[owned]], refs[owner])
		}
		slices.Sort(s.Owners[refs[owned]])
		s.Owners[refs[owned]] = slices.Compact(s.Owners[refs[owned]])
	}
	for i, p := range packages {
		ref := components[i].BOMRef
		if names := licences(p); slices.ContainsFunc(names, rewritten) || len(names) != len(p.Licenses.ToUnorderedSlice()) {
			s.Licences[ref] = names
		}
		fields, err := json.Marshal(lostFields(p.Metadata))
		if err != nil {
			return supplement{}, fmt.Errorf("encoding the metadata of %s %s: %w", p.Name, p.Version, err)
		}
		if string(fields) != "null" {
			s.Metadata[ref] = fields
		}
	}
	return s, nil
}

// ownersOf returns which packages own files that others lie in. Where syft relates
// none, scanners work it out from the files that packages own, which no format keeps.
func ownersOf(content *sbom.SBOM, packages []pkg.Package) map[artifact.ID][]artifact.ID {
	owners := map[artifact.ID][]artifact.ID{}
	for _, r := range content.Relationships {
		owner, isPackage := r.From.(pkg.Package)
		owned, isPackageToo := r.To.(pkg.Package)
		if r.Type == artifact.OwnershipByFileOverlapRelationship && isPackage && isPackageToo {
			owners[owned.ID()] = append(owners[owned.ID()], owner.ID())
		}
	}
	if len(owners) > 0 {
		return owners
	}
	return ownersByFile(packages)
}

// ownersByFile returns which packages own the files that others were found in.
func ownersByFile(packages []pkg.Package) map[artifact.ID][]artifact.ID {
	owners := map[artifact.ID][]artifact.ID{}
	owning := map[string][]artifact.ID{}
	for _, p := range packages {
		if owner, ok := p.Metadata.(pkg.FileOwner); ok {
			for _, path := range owner.OwnedFiles() {
				owning[path] = append(owning[path], p.ID())
			}
		}
	}
	for _, p := range packages {
		for _, l := range p.Locations.ToUnorderedSlice() {
			for _, id := range owning[l.RealPath] {
				if id != p.ID() {
					owners[p.ID()] = append(owners[p.ID()], id)
				}
			}
		}
	}
	return owners
}

// rewritten reports whether the format writes a licence in other words: it joins
// expressions, and leaves out brackets.
func rewritten(licence string) bool { return strings.ContainsAny(licence, " ()") }

// apply gives the packages of a decoded SBOM what the supplement holds.
func (s supplement) apply(content *sbom.SBOM) error {
	if s.System != nil {
		content.Artifacts.LinuxDistribution = s.System
	}
	packages := pkg.NewCollection()
	for p := range content.Artifacts.Packages.Enumerate() {
		ref := string(p.ID()) // syft takes it from the bom-ref
		if names, ok := s.Licences[ref]; ok {
			p.Licenses = licencesNamed(names)
		}
		if fields, ok := s.Metadata[ref]; ok {
			var err error
			if p.Metadata, err = restored(p.Metadata, fields); err != nil {
				return fmt.Errorf("the supplement of %s %s: %w", p.Name, p.Version, err)
			}
		}
		packages.Add(p)
	}
	content.Artifacts.Packages = packages
	for _, owned := range slices.Sorted(maps.Keys(s.Owners)) {
		to := packages.Package(artifact.ID(owned))
		for _, owner := range s.Owners[owned] {
			if from := packages.Package(artifact.ID(owner)); from != nil && to != nil {
				content.Relationships = append(content.Relationships, artifact.Relationship{
					From: *from, To: *to, Type: artifact.OwnershipByFileOverlapRelationship,
				})
			}
		}
	}
	return nil
}

func licencesNamed(names []string) pkg.LicenseSet {
	set := pkg.NewLicenseSet()
	for _, name := range names {
		set.Add(pkg.License{Value: name})
	}
	return set
}

// encode returns the text of the property. The same supplement gives the same text.
func (s supplement) encode() (string, error) {
	content, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(8<<20))
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(encoder.EncodeAll(content, nil)), nil
}

func decodeSupplement(text string) (supplement, error) {
	compressed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return supplement{}, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxSupplement))
	if err != nil {
		return supplement{}, err
	}
	defer decoder.Close()
	content, err := decoder.DecodeAll(compressed, nil)
	if err != nil {
		return supplement{}, err
	}
	var s supplement
	err = json.Unmarshal(content, &s)
	return s, err
}

// addProperties writes the supplement and the seal into the document's metadata.
func (b SBOM) addProperties(bom *cyclonedx.BOM) error {
	if bom.Components == nil {
		bom.Components = &[]cyclonedx.Component{}
	}
	s, err := supplementOf(b.content, *bom.Components)
	if err != nil {
		return err
	}
	var properties []cyclonedx.Property
	if b.origin.Kind != "" {
		text, err := b.origin.Encode()
		if err != nil {
			return err
		}
		properties = append(properties, cyclonedx.Property{Name: originProperty, Value: text})
	}
	if b.seal.Digest != "" {
		properties = append(properties, cyclonedx.Property{Name: sealProperty, Value: b.seal.Digest})
	}
	if len(s.Owners)+len(s.Licences)+len(s.Metadata) > 0 || s.System != nil {
		text, err := s.encode()
		if err != nil {
			return err
		}
		properties = append(properties, cyclonedx.Property{Name: supplementProperty, Value: text})
	}
	if len(properties) == 0 {
		return nil
	}
	if bom.Metadata.Properties != nil {
		properties = append(*bom.Metadata.Properties, properties...)
	}
	bom.Metadata.Properties = &properties
	return nil
}
