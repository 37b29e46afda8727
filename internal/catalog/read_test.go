package catalog_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source"

	"github.com/hallmark-ci/hallmark/internal/catalog"
)

func TestReadRefusesWhatIsNoSBOM(t *testing.T) {
	for name, c := range map[string]struct{ content, says string }{
		"nothing":                {"", "it is no JSON object"},
		"no JSON":                {"\x1b[2J", "it is no JSON object"},
		"a list":                 {"[]", "it is no JSON object"},
		"another document":       {`{"runs":[]}`, "it is neither CycloneDX, nor SPDX 2, nor syft's JSON"},
		"SPDX 3":                 {`{"spdxVersion":"SPDX-3.0"}`, "it is SPDX-3.0, which is not read"},
		"too much":               {strings.Repeat(" ", catalog.MaxBrought+1), "it has 67108865 bytes, the limit is 67108864 (64 MiB)"},
		"no CycloneDX after all": {`{"bomFormat":"CycloneDX","specVersion":"0.1"}`, `it is CycloneDX of version "0.1", which is not read`},
		"no syft after all":      {`{"artifacts":7,"descriptor":{}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := catalog.Read(subject(t), []byte(c.content))
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("got %v, want one line with %q", err, c.says)
			}
		})
	}
}

// TestSyftsJSONIsRead: it is no format that is attested, so what it lists is written
// in those that are.
func TestSyftsJSONIsRead(t *testing.T) {
	document := ofSyft(t, source.ImageMetadata{ManifestDigest: "sha256:" + subject(t).Hex()})
	for name, content := range map[string]string{"plain": document, "with a byte order mark": "\ufeff" + document} {
		t.Run(name, func(t *testing.T) {
			format, err := catalog.FormatOf([]byte(content))
			if err != nil || format != "" {
				t.Errorf("its format is %q, %v", format, err)
			}
			bom, err := catalog.Read(subject(t), []byte(content))
			if err != nil {
				t.Fatal(err)
			}
			named := func(p catalog.Package) bool { return p.Name == "left-pad" && p.Version == "1.3.0" && p.Type == "npm" }
			if bom.System() != "debian 12" || len(bom.Packages()) != 1 || !slices.ContainsFunc(bom.Packages(), named) {
				t.Errorf("it lists %+v of %q", bom.Packages(), bom.System())
			}
			isWritten(t, bom)
		})
	}
}

// isWritten checks that an SBOM is written in each format, the same way each time.
func isWritten(t *testing.T, bom catalog.SBOM) {
	t.Helper()
	for _, format := range []catalog.Format{catalog.CycloneDX, catalog.SPDX} {
		first, err := bom.Encode(format)
		if err != nil || !bytes.Contains(first, []byte("pkg:npm/left-pad@1.3.0")) {
			t.Errorf("as %s: %v\n%s", format, err, first)
		}
		if second, err := bom.Encode(format); err != nil || !bytes.Equal(first, second) {
			t.Errorf("as %s it is another each time: %v", format, err)
		}
	}
}

// ofSyft is a document as syft itself writes it.
func ofSyft(t *testing.T, of source.ImageMetadata) string {
	t.Helper()
	p := pkg.Package{Name: "left-pad", Version: "1.3.0", Type: pkg.NpmPkg, Language: pkg.JavaScript, PURL: "pkg:npm/left-pad@1.3.0"}
	p.SetID()
	encoder, err := syftjson.NewFormatEncoderWithConfig(syftjson.DefaultEncoderConfig())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = encoder.Encode(&out, sbom.SBOM{
		Artifacts: sbom.Artifacts{
			Packages: pkg.NewCollection(p), LinuxDistribution: &linux.Release{ID: "debian", VersionID: "12"},
		},
		Source:     source.Description{Name: "app", Metadata: of},
		Descriptor: sbom.Descriptor{Name: "syft", Version: "1.54.1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}
