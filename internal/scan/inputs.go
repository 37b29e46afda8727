package scan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/syft/syft/sbom"
)

// Inputs returns a digest of all that a scan of an SBOM reads in it: two with the
// same digest have the same findings with the same database. By it, an SBOM that
// was read back from a document is known to have lost nothing that matters.
func Inputs(bom *sbom.SBOM) (string, error) {
	packages, scope := packagesOf(bom)
	sums := make([]string, len(packages))
	for i := range packages {
		sum, err := inputOf(&packages[i])
		if err != nil {
			return "", fmt.Errorf("encoding the package %s %s: %w", packages[i].Name, packages[i].Version, err)
		}
		sums[i] = sum
	}
	slices.Sort(sums) // identifiers differ from document to document, and with them the order
	all := sha256.New()
	_, _ = fmt.Fprintf(all, "%s\n%t\n", distributionOf(scope.Distro), scope.DistroDetectionFailed)
	for _, sum := range sums {
		_, _ = io.WriteString(all, sum)
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}

// inputOf returns a digest of what matchers and ignore rules read of a package.
func inputOf(p *pkg.Package) (string, error) {
	record := struct {
		Name, Version, Language, Type, PURL, Distribution string
		CPEs, Locations, Related                          []string
		Upstreams                                         []pkg.UpstreamPackage
		Kind                                              string
		Metadata                                          any
	}{
		Name: p.Name, Version: p.Version, Language: string(p.Language), Type: string(p.Type), PURL: p.PURL,
		Distribution: distributionOf(p.Distro), Upstreams: p.Upstreams, Kind: fmt.Sprintf("%T", p.Metadata), Metadata: matched(p.Metadata),
	}
	for _, c := range p.CPEs {
		record.CPEs = append(record.CPEs, c.Attributes.BindToFmtString())
	}
	for _, l := range p.Locations.ToUnorderedSlice() {
		record.Locations = append(record.Locations, l.RealPath)
	}
	for kind, others := range p.RelatedPackages {
		for _, o := range others {
			record.Related = append(record.Related, fmt.Sprintf("%s %s %s %s", kind, o.Type, o.Name, o.Version))
		}
	}
	for _, list := range []*[]string{&record.Locations, &record.Related} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	sum := sha256.New()
	if err := json.NewEncoder(sum).Encode(record); err != nil {
		return "", err
	}
	if program, ok := p.Metadata.(pkg.GolangBinMetadata); ok {
		addSymbols(sum, program.Symbols)
	}
	return string(sum.Sum(nil)), nil
}

// distributionOf returns all that tells a distribution; empty: there is none.
func distributionOf(d *distro.Distro) string {
	if d == nil {
		return ""
	}
	return fmt.Sprintf("%s %s %s %q %q", d.Type, d.Version, d.Codename, d.Channels, d.IDLike)
}

// matched returns grype's metadata without what no matcher reads, or only when it
// asks servers: that is not in every document.
func matched(metadata any) any {
	switch m := metadata.(type) {
	case pkg.GolangBinMetadata:
		m.BuildSettings, m.GoCryptoSettings = nil, nil
		return m
	case pkg.JavaMetadata:
		m.VirtualPath, m.ArchiveDigests = "", nil
		return m
	}
	return metadata
}

// addSymbols adds the symbols of a program, which its metadata does not encode.
func addSymbols(to hash.Hash, symbols map[string][]string) {
	var buffer []byte
	for _, path := range slices.Sorted(maps.Keys(symbols)) {
		buffer = append(append(buffer, path...), '\n')
		for _, name := range slices.Sorted(slices.Values(symbols[path])) {
			buffer = append(append(append(buffer, ' '), name...), '\n')
		}
	}
	_, _ = to.Write(buffer)
}
