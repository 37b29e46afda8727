package catalog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/demo"
)

func TestWhatIsNoImageHasNoSBOM(t *testing.T) {
	text := static.NewLayer([]byte(strings.Repeat("this is not a tar ", 100)), types.OCIUncompressedLayer)
	chart := static.NewLayer([]byte("chart"), "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
	broken := layerError{"reading the layer sha256:abc: it is cut short"}

	tests := []struct {
		name    string
		content v1.Image
		says    string
	}{
		{"a layer that is not a tar", withLayers(t, text), "one of its layers is not a sound tar archive"},
		{"two layers that are not", withLayers(t, text, text), "one of its layers is not a sound tar archive"},
		{"a layer of an unknown type", withLayers(t, chart), "layer 0: application/vnd.cncf.helm.chart.content.v1.tar+gzip"},
		{"a layer that cannot be read", withLayers(t, failing{text, broken}), broken.Error()},
		{"a good layer and one that cannot be read", withLayers(t, smallLayer(t), failing{text, broken}, smallLayer(t)), broken.Error()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rooms := newRooms(t)
			_, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(t.Context(), subject(t), test.content, rooms.given)
			if err == nil {
				t.Fatal("there is an SBOM")
			}
			sentence := err.Error()
			if !strings.HasPrefix(sentence, "unpacking "+subject(t).String()+": ") || !strings.Contains(sentence, test.says) {
				t.Errorf("error %q does not say %q", sentence, test.says)
			}
			if strings.Contains(sentence, "\n") || strings.Contains(sentence, rooms.given) || strings.Count(sentence, ": ") > 5 {
				t.Errorf("error %q is not one clear sentence", sentence)
			}
			rooms.areEmpty(t)
		})
	}
}

// A job that ends leaves no SBOM of half an image, and nothing else.
func TestTheEndOfTheJob(t *testing.T) {
	reason := errors.New("the timeout of 10m has passed")
	rooms := newRooms(t)
	ctx, stop := context.WithCancelCause(t.Context())
	stop(reason)
	if _, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(ctx, subject(t), small(t), rooms.given); !errors.Is(err, reason) {
		t.Errorf("ended before: error %v", err)
	}
	rooms.areEmpty(t)

	ctx, stop = context.WithCancelCause(t.Context())
	content := withLayers(t, telling{smallLayer(t), func() { stop(reason) }}, smallLayer(t))
	if _, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(ctx, subject(t), content, rooms.given); !errors.Is(err, reason) {
		t.Errorf("ended while a layer was read: error %v", err)
	}
	rooms.areEmpty(t)
}

func TestThereMustBeRoom(t *testing.T) {
	_, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(t.Context(), subject(t), small(t), filepath.Join(t.TempDir(), "none"))
	if err == nil || !strings.Contains(err.Error(), "making room for the layers of "+subject(t).String()) {
		t.Errorf("error %v", err)
	}
}

// The sample image holds a dpkg database, node modules and a Go binary.
func TestImage(t *testing.T) {
	vulnerable, _ := demo.Releases()
	content, err := demo.Image(vulnerable, program(t))
	must(t, err)
	rooms := newRooms(t)
	bom, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(t.Context(), subject(t), content, rooms.given)
	must(t, err)
	rooms.areEmpty(t)

	counts := map[string]int{}
	for _, e := range bom.Ecosystems() {
		counts[e.Name] = e.Packages
	}
	if counts["deb"] != 5 || counts["npm"] != 2 || counts["go-module"] != 2 {
		t.Errorf("ecosystems %v", bom.Ecosystems())
	}
	found := componentsOf(t, bom)
	for _, want := range []string{
		"pkg:deb/debian/libssl3@3.0.9-1", "pkg:npm/minimist@1.2.0", "pkg:npm/lodash@4.17.15", "pkg:golang/stdlib@", "pkg:golang/example.com/program",
	} {
		if !slices.ContainsFunc(found, func(purl string) bool { return strings.HasPrefix(purl, want) }) {
			t.Errorf("%s was not found", want)
		}
	}
	if unread := bom.Unread(); len(unread) != 0 {
		t.Errorf("unread %q", unread)
	}
	if !slices.IsSortedFunc(bom.Ecosystems(), func(a, b catalog.Ecosystem) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("ecosystems are not in order: %v", bom.Ecosystems())
	}
	checkPackages(t, bom)
}

// Files that packages own are listed in SPDX alone, and change nothing in the other
// format. Who has left them out is not given SPDX without them.
func TestOwnedFilesAreListedInSPDXAlone(t *testing.T) {
	const path = "usr/lib/python3/dist-packages/PyYAML-6.0.dist-info/METADATA"
	content := withLayers(t, archive(t,
		tarFile("etc/os-release", "ID=debian\nVERSION_ID=12\n", 0o644),
		tarFile("var/lib/dpkg/status", "Package: python3-yaml\nStatus: install ok installed\nArchitecture: amd64\nVersion: 6.0-3\n", 0o644),
		tarFile("var/lib/dpkg/info/python3-yaml.list", "/"+path+"\n/usr/share/doc/python3-yaml/copyright\n", 0o644),
		tarFile("usr/share/doc/python3-yaml/copyright", "MIT", 0o644),
		tarFile(path, "Metadata-Version: 2.1\nName: PyYAML\nVersion: 6.0\n", 0o644),
	))
	some, err := catalog.New(catalog.CycloneDX).Image(t.Context(), subject(t), content, t.TempDir())
	must(t, err)
	all, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(t.Context(), subject(t), content, t.TempDir())
	must(t, err)
	got, err := some.Encode(catalog.CycloneDX)
	must(t, err)
	want, err := all.Encode(catalog.CycloneDX)
	must(t, err)
	if string(got) != string(want) || !strings.Contains(string(got), "pkg:pypi/pyyaml@6.0") {
		t.Errorf("%s, with the files %s", got, want)
	}
	if document, err := some.Encode(catalog.SPDX); err == nil || !strings.Contains(err.Error(), "as SPDX: it was not made for that") {
		t.Errorf("%s, error %v", document, err)
	}
	document, err := all.Encode(catalog.SPDX)
	must(t, err)
	if !strings.Contains(string(document), `"fileName":"usr/share/doc/python3-yaml/copyright"`) {
		t.Errorf("no file of a package is listed in %s", document)
	}
}

// checkPackages checks what reports list.
func checkPackages(t *testing.T, bom catalog.SBOM) {
	t.Helper()
	packages := bom.Packages()
	if len(packages) != 9 || bom.System() != "debian 12" {
		t.Errorf("%d packages of %q", len(packages), bom.System())
	}
	lodash := slices.IndexFunc(packages, func(p catalog.Package) bool { return p.Name == "lodash" })
	if lodash < 0 || packages[lodash].PURL != "pkg:npm/lodash@4.17.15" || !slices.Equal(packages[lodash].Licences, []string{"MIT"}) {
		t.Errorf("packages %+v", packages)
	}
}

// The same image gives the same bytes, at any time and anywhere.
func TestTheSameImageGivesTheSameBytes(t *testing.T) {
	first := map[catalog.Format][]byte{}
	for range 2 {
		bom := makeSBOM(t, small(t))
		for _, format := range []catalog.Format{catalog.CycloneDX, catalog.SPDX} {
			document, err := bom.Encode(format)
			must(t, err)
			if first[format] == nil {
				first[format] = document
			}
			if !bytes.Equal(document, first[format]) {
				t.Errorf("%s: other bytes:\n%s\n%s", format, document, first[format])
			}
		}
	}
}

func TestTheFormatsAreThosePromised(t *testing.T) {
	bom := makeSBOM(t, small(t))
	var cdx struct {
		BOMFormat, SpecVersion, SerialNumber string
		Metadata                             struct{ Timestamp string }
		Components                           []struct{ Type, Name string }
	}
	decode(t, bom, catalog.CycloneDX, &cdx)
	if cdx.BOMFormat != "CycloneDX" || cdx.SpecVersion != "1.6" || !strings.HasPrefix(cdx.SerialNumber, "urn:uuid:") {
		t.Errorf("%s %s %s", cdx.BOMFormat, cdx.SpecVersion, cdx.SerialNumber)
	}
	if cdx.Metadata.Timestamp != "2024-01-01T00:00:00Z" { // when the image was made
		t.Errorf("timestamp %s", cdx.Metadata.Timestamp)
	}
	for _, c := range cdx.Components {
		if c.Type == "file" {
			t.Errorf("the file %s is listed", c.Name)
		}
	}

	var spdx struct {
		SPDXVersion, DocumentNamespace string
		CreationInfo                   struct{ Created string }
		Packages                       []struct{ Name string }
		Files                          []any
	}
	decode(t, bom, catalog.SPDX, &spdx)
	if spdx.SPDXVersion != "SPDX-2.3" || !strings.HasPrefix(spdx.DocumentNamespace, "https://") || spdx.CreationInfo.Created != "2024-01-01T00:00:00Z" {
		t.Errorf("%s %s %s", spdx.SPDXVersion, spdx.DocumentNamespace, spdx.CreationInfo.Created)
	}
	if len(spdx.Packages) != 5+2+1 { // and the image itself
		t.Errorf("%d packages", len(spdx.Packages))
	}
}

// An image whose config does not say when it was made has the epoch's time.
func TestAnImageWithoutATime(t *testing.T) {
	content, err := mutate.CreatedAt(small(t), v1.Time{})
	must(t, err)
	var cdx struct{ Metadata struct{ Timestamp string } }
	decode(t, makeSBOM(t, content), catalog.CycloneDX, &cdx)
	if cdx.Metadata.Timestamp != "1970-01-01T00:00:00Z" {
		t.Errorf("timestamp %s", cdx.Metadata.Timestamp)
	}
}

func TestAnotherImageHasAnotherNumber(t *testing.T) {
	_, fixed := demo.Releases()
	var first, second struct{ SerialNumber string }
	same, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(t.Context(), subject(t), sample(t, fixed), t.TempDir())
	must(t, err)
	decode(t, same, catalog.CycloneDX, &first)
	other, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(t.Context(), subjectOf(t, strings.Repeat("f", 64)), sample(t, fixed), t.TempDir())
	must(t, err)
	decode(t, other, catalog.CycloneDX, &second)
	if first.SerialNumber == second.SerialNumber {
		t.Errorf("both are %s", first.SerialNumber)
	}
}

// The images of an index are cataloged at once, with one of what recognizes licences.
func TestOneCatalogerManyImages(t *testing.T) {
	vulnerable, fixed := demo.Releases()
	contents := []v1.Image{sample(t, vulnerable), sample(t, fixed), sample(t, vulnerable)}
	cataloger := catalog.New(catalog.CycloneDX, catalog.SPDX)
	boms, failures := make([]catalog.SBOM, len(contents)), make([]error, len(contents))
	var all sync.WaitGroup
	for i, content := range contents {
		all.Go(func() { boms[i], failures[i] = cataloger.Image(t.Context(), subject(t), content, t.TempDir()) })
	}
	all.Wait()
	for i, content := range contents {
		must(t, failures[i])
		got, err := boms[i].Encode(catalog.CycloneDX)
		must(t, err)
		want, err := makeSBOM(t, content).Encode(catalog.CycloneDX)
		must(t, err)
		if !bytes.Equal(got, want) || !bytes.Contains(want, []byte(`"licenses"`)) {
			t.Errorf("image %d: what was made beside others differs from what was made alone, or tells no licences", i)
		}
	}
}

func TestAnEmptyImageHasAnEmptySBOM(t *testing.T) {
	bom := makeSBOM(t, mutate.MediaType(empty.Image, types.OCIManifestSchema1))
	if e := bom.Ecosystems(); len(e) != 0 {
		t.Errorf("ecosystems %v", e)
	}
	for _, format := range []catalog.Format{catalog.CycloneDX, catalog.SPDX} {
		if _, err := bom.Encode(format); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
	if _, err := bom.Encode("syft-json"); err == nil || !strings.Contains(err.Error(), `no format "syft-json"`) {
		t.Errorf("an unknown format: error %v", err)
	}
}

// rooms are the places where something might be left: the folder that is given,
// and that of the system.
type rooms struct{ given, system string }

func newRooms(t *testing.T) rooms {
	t.Helper()
	r := rooms{given: t.TempDir(), system: t.TempDir()}
	t.Setenv("TMPDIR", r.system)
	return r
}

func (r rooms) areEmpty(t *testing.T) {
	t.Helper()
	for _, dir := range []string{r.given, r.system} {
		left, err := os.ReadDir(dir)
		must(t, err)
		for _, entry := range left {
			t.Errorf("%s was left behind", filepath.Join(dir, entry.Name()))
		}
	}
}

// failing is a layer whose unpacking ends in an error.
type failing struct {
	v1.Layer
	err error
}

func (l failing) Uncompressed() (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat("\x00", 512)), errorReader{l.err})), nil
}

// layerError is as the image room has it.
type layerError struct{ sentence string }

func (e layerError) Error() string  { return e.sentence }
func (e layerError) Layer() v1.Hash { return v1.Hash{} }

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

// telling is a layer that says when it is read.
type telling struct {
	v1.Layer
	tell func()
}

func (l telling) Uncompressed() (io.ReadCloser, error) {
	l.tell()
	return l.Layer.Uncompressed()
}

func withLayers(t *testing.T, layers ...v1.Layer) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), layers...)
	must(t, err)
	return layered{img, layers}
}

// layered is an image that hands out the very layers that it was made of.
type layered struct {
	v1.Image
	layers []v1.Layer
}

func (i layered) Layers() ([]v1.Layer, error) { return i.layers, nil }

// small is the sample image with a text in place of the program.
func small(t *testing.T) v1.Image {
	t.Helper()
	vulnerable, _ := demo.Releases()
	return sample(t, vulnerable)
}

// bundleMark makes a program hold the mark of a .NET bundle, as every program does
// that can look for it, with nonsense where the bundle's place would be.
const bundleMark = `import "os"

func main() {
	_, _ = os.Stdout.WriteString("\xff\xff\xff\xff\xff\xff\xff\x7f" +
		"\x8b\x12\x02\xb9\x6a\x61\x20\x38\x72\x7b\x93\x02\x14\xd7\xa0\x32\x13\xf5\xb9\xe6\xef\xae\x33\x18\xee\x3b\x2d\xce\x24\xb3\x6a\xae")
}
`

// program builds a small Go program and returns its path.
func program(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/program\n\ngo 1.26\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\n"+bundleMark+"\n"), 0o600))
	build := exec.CommandContext(t.Context(), "go", "build", "-o", "program", ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building a program: %v\n%s", err, out)
	}
	return filepath.Join(dir, "program")
}

func sample(t *testing.T, release demo.Release) v1.Image {
	t.Helper()
	text := filepath.Join(t.TempDir(), "text")
	must(t, os.WriteFile(text, []byte("no program"), 0o600))
	img, err := demo.Image(release, text)
	must(t, err)
	return img
}

func smallLayer(t *testing.T) v1.Layer {
	t.Helper()
	layers, err := small(t).Layers()
	must(t, err)
	return layers[0]
}

func makeSBOM(t *testing.T, content v1.Image) catalog.SBOM {
	t.Helper()
	bom, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(t.Context(), subject(t), content, t.TempDir())
	must(t, err)
	return bom
}

func decode(t *testing.T, bom catalog.SBOM, format catalog.Format, into any) {
	t.Helper()
	document, err := bom.Encode(format)
	must(t, err)
	must(t, json.Unmarshal(document, into))
	if bytes.Contains(bytes.TrimSpace(document), []byte("\n")) {
		t.Errorf("%s is not compact", format)
	}
}

func componentsOf(t *testing.T, bom catalog.SBOM) []string {
	t.Helper()
	var cdx struct{ Components []struct{ PURL string } }
	decode(t, bom, catalog.CycloneDX, &cdx)
	var purls []string
	for _, c := range cdx.Components {
		purls = append(purls, c.PURL)
	}
	return purls
}

func subject(t *testing.T) attest.Subject {
	t.Helper()
	return subjectOf(t, strings.Repeat("0123456789abcdef", 4))
}

func subjectOf(t *testing.T, hex string) attest.Subject {
	t.Helper()
	digest, err := name.NewDigest("registry.example/app@sha256:" + hex)
	must(t, err)
	s, err := attest.NewSubject(digest, "registry.example/app:1")
	must(t, err)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
