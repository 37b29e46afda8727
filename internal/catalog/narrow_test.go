package catalog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/pkg/cataloger/dotnet"

	"github.com/hallmark-ci/hallmark/internal/filetree"
)

// headers is the number of bytes before the content of a program.
const headers = 64 + 56

// program is an ELF executable for amd64 of one segment that holds all of it.
func program(content string) string {
	header := make([]byte, headers)
	copy(header, "\x7fELF\x02\x01\x01")
	header[16], header[18], header[20], header[52] = 2, 62, 1, 64
	header[32], header[54], header[56] = 64, 56, 1 // where the segments are listed
	header[64] = 1
	binary.LittleEndian.PutUint64(header[96:], uint64(headers+len(content))) //nolint:gosec // small
	return string(header) + content
}

// bundle is a program that holds the list of its packages, as .NET publishes it in a
// single file.
func bundle(padding int) string { return bundleOf(6, padding) }

func bundleOf(version uint32, padding int) string {
	deps := `{"runtimeTarget":{"name":".NETCoreApp,Version=v8.0"},"targets":{".NETCoreApp,Version=v8.0":{` +
		`"app/1.0.0":{"dependencies":{"Newtonsoft.Json":"13.0.1"},"runtime":{"app.dll":{}}},"Newtonsoft.Json/13.0.1":{"runtime":{"lib/Newtonsoft.Json.dll":{}}}}},` +
		`"libraries":{"app/1.0.0":{"type":"project"},"Newtonsoft.Json/13.0.1":{"type":"package","sha512":"sha512-x"}}}`
	before := headers + padding + 8 + len(bundleSignature)
	var header bytes.Buffer
	for _, v := range []any{version, uint32(0), int32(1), []byte("\x02id")} {
		_ = binary.Write(&header, binary.LittleEndian, v) // a buffer takes all
	}
	at := before + header.Len() + 40
	for _, v := range []int64{int64(at), int64(len(deps)), 0, 0, 0} {
		_ = binary.Write(&header, binary.LittleEndian, v)
	}
	return signed(padding, uint64(before), header.String()+deps) //nolint:gosec // small
}

// signed is a program with the signature of a bundle, which says where the header is.
func signed(padding int, header uint64, after string) string {
	return program(strings.Repeat("\x01", padding) + string(binary.LittleEndian.AppendUint64(nil, header)) + bundleSignature + after)
}

// A cataloger that is shown fewer programs finds what it would find in all of them,
// wherever in a program the mark is.
func TestNarrowCatalogersFindTheSame(t *testing.T) {
	const part = 256 << 10
	for _, padding := range []int{0, 1 << 10, part - headers - 8 - 20, part - headers - 8 - 13, part - headers - 4, 2*part - headers - 8 - 31 - 2, 600 << 10} {
		t.Run(fmt.Sprint(padding), func(t *testing.T) {
			img := imageOfLayers(t, []layer{{"app=" + bundle(padding), "odd=" + bundleOf(1<<20, padding), "other=" + program("nothing"), "text=" + bundleMark}})
			all := dotnet.NewDotnetDepsBinaryCataloger(dotnet.DefaultCatalogerConfig())
			want, got := found(t, all, ours(t, img)), found(t, narrow{all, bundleMark, mayBeBundle}, ours(t, img))
			if want != got || !strings.Contains(got, "Newtonsoft.Json 13.0.1") {
				t.Errorf("found %q, in all programs %q", got, want)
			}
		})
	}
}

// Only in what has a header where the signature says can there be a bundle. What
// cannot be told is left to syft.
func TestWhatMayBeABundle(t *testing.T) {
	for name, test := range map[string]struct {
		program string
		want    bool
	}{
		"a bundle":                       {bundle(100), true},
		"a program that may become one":  {signed(100, 0, ""), false},
		"a program that looks for them":  {signed(100, headers+100+8+uint64(len(bundleSignature)), strings.Repeat("~", 260)), false},
		"a header that is not there":     {signed(100, 1<<40, ""), true},
		"a header that is cut":           {signed(100, headers+100+8+uint64(len(bundleSignature)), "\x06"), true},
		"a signature without room":       {bundleSignature, true},
		"a part of the signature":        {program(bundleMark), true},
		"a future version of the header": {signed(0, headers+8+uint64(len(bundleSignature)), "\xff\xff\x00\x00"), true},
		"a version that is none":         {bundleOf(1<<20, 100), true},
	} {
		t.Run(name, func(t *testing.T) {
			content := filetree.Content{SectionReader: io.NewSectionReader(strings.NewReader(test.program), 0, int64(len(test.program)))}
			if got := mayBeBundle(content); got != test.want {
				t.Errorf("may be a bundle: %v, want %v", got, test.want)
			}
		})
	}
}

func found(t *testing.T, cataloger pkg.Cataloger, files file.Resolver) string {
	t.Helper()
	packages, _, err := cataloger.Catalog(t.Context(), files)
	must(t, err)
	var all []string
	for _, p := range packages {
		all = append(all, p.Name+" "+p.Version)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
