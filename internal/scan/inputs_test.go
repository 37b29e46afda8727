package scan_test

import (
	"testing"

	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/hallmark-ci/hallmark/internal/scan"
)

// Two SBOMs that a scan cannot tell apart have the same inputs, and any that it
// could find other things in have others.
func TestInputsAreWhatAScanReads(t *testing.T) {
	program := func(symbols ...string) pkg.Package {
		return pkg.Package{
			Name: "example.com/a", Version: "v1", Type: pkg.GoModulePkg, PURL: "pkg:golang/example.com/a@v1",
			Metadata: pkg.GolangBinaryBuildinfoEntry{MainModule: "example.com/a", Symbols: map[string][]string{"example.com/a": symbols}},
		}
	}
	inputs := func(bom *sbom.SBOM) string {
		digest, err := scan.Inputs(bom)
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	one := inputs(image(debian12(), lodash(), deb("libssl3", "3.0.9", "openssl"), program("main", "run")))
	if same := inputs(image(debian12(), program("run", "main"), deb("libssl3", "3.0.9", "openssl"), lodash())); same != one {
		t.Errorf("in another order: %s, was %s", same, one)
	}
	like := debian12()
	like.IDLike = []string{"rhel"}
	newer := lodash()
	newer.Version = "4.17.21"
	for says, bom := range map[string]*sbom.SBOM{
		"another distribution": image(&linux.Release{ID: "debian", VersionID: "11"}, lodash(), deb("libssl3", "3.0.9", "openssl"), program("main", "run")),
		"like another one":     image(like, lodash(), deb("libssl3", "3.0.9", "openssl"), program("main", "run")),
		"a package less":       image(debian12(), deb("libssl3", "3.0.9", "openssl"), program("main", "run")),
		"another version":      image(debian12(), newer, deb("libssl3", "3.0.9", "openssl"), program("main", "run")),
		"another source":       image(debian12(), lodash(), deb("libssl3", "3.0.9", "other"), program("main", "run")),
		"no symbols":           image(debian12(), lodash(), deb("libssl3", "3.0.9", "openssl"), program()),
		"another symbol":       image(debian12(), lodash(), deb("libssl3", "3.0.9", "openssl"), program("main", "walk")),
	} {
		if inputs(bom) == one {
			t.Errorf("%s has the same inputs", says)
		}
	}
}
