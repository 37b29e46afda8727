package catalog

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/anchore/syft/syft/source"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// originProperty is the name under which a document says how the SBOM came to be: a
// property of CycloneDX's metadata, a line of the creator's comment in SPDX. Its value
// is attest.Origin as JSON.
const originProperty = "hallmark:origin"

// Origin says how the SBOM came to be. Its zero value: nobody says.
func (b SBOM) Origin() attest.Origin { return b.origin }

// WithOrigin returns the SBOM with an origin, which every format of it carries.
func (b SBOM) WithOrigin(o attest.Origin) SBOM {
	b.origin = o
	return b
}

// BroughtFrom returns an SBOM of somebody else that names what it was read from.
func (b SBOM) BroughtFrom(input attest.Input) SBOM {
	b.origin.Kind, b.origin.Inputs = attest.Brought, []attest.Input{input}
	return b
}

// madeFrom returns the origin of an SBOM whose layers were read here.
func madeFrom(of source.Description) attest.Origin {
	o := attest.Origin{Kind: attest.Made, Tools: []attest.Tool{{Name: "syft", Version: syftVersion()}}}
	if m, ok := of.Metadata.(source.ImageMetadata); ok {
		o.Inputs = []attest.Input{
			{Name: attest.InputImage, Digest: m.ManifestDigest}, {Name: attest.InputConfig, Digest: m.ID},
		}
	}
	return o
}

// syftVersion returns the version of syft that this program is built with; empty where
// the build does not say.
func syftVersion() string {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	i := slices.IndexFunc(build.Deps, func(m *debug.Module) bool { return m.Path == "github.com/anchore/syft" })
	if i < 0 {
		return ""
	}
	return strings.TrimPrefix(build.Deps[i].Version, "v")
}

// broughtBy returns the origin of an SBOM that somebody else made, with the tool that
// it names.
func (b SBOM) broughtBy() attest.Origin {
	o := attest.Origin{Kind: attest.Brought}
	if tool, ok := attest.ToolNamed(b.content.Descriptor.Name, b.content.Descriptor.Version); ok {
		o.Tools = []attest.Tool{tool}
	}
	return o
}

// OriginOf returns what a document says of how it came to be. One that says nothing, or
// nothing that can be read, has the zero value.
func OriginOf(format Format, document []byte) attest.Origin {
	said, err := saidIn(format, document)
	if err != nil {
		return attest.Origin{}
	}
	return said.origin()
}

// sayings are what this program wrote into a document about it, by their names. What is
// there twice is not there: nobody could tell which counts.
type sayings map[string]string

func (s sayings) origin() attest.Origin {
	text, ok := s[originProperty]
	if !ok {
		return attest.Origin{}
	}
	o, err := attest.ParseOrigin(text)
	if err != nil {
		return attest.Origin{}
	}
	return o
}

// saidIn reads the sayings of a document.
func saidIn(format Format, document []byte) (sayings, error) {
	var all []cyclonedx.Property
	if format == SPDX {
		var info struct {
			Comment string `json:"comment"`
		}
		if err := readField(document, "creationInfo", &info); err != nil {
			return nil, err
		}
		for line := range strings.Lines(info.Comment) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && attest.Reserved(name) {
				all = append(all, cyclonedx.Property{Name: name, Value: value})
			}
		}
	} else {
		var metadata struct {
			Properties []cyclonedx.Property `json:"properties"`
		}
		if err := readField(document, "metadata", &metadata); err != nil {
			return nil, err
		}
		all = metadata.Properties
	}
	found, times := sayings{}, map[string]int{}
	for _, p := range all {
		found[p.Name] = p.Value
		times[p.Name]++
	}
	for name, n := range times {
		if n > 1 {
			delete(found, name)
		}
	}
	return found, nil
}

// withOrigin returns a document of somebody else that says how it came to be. All else
// in it stays as it is, byte for byte.
func withOrigin(format Format, document []byte, o attest.Origin) ([]byte, error) {
	text, err := o.Encode()
	if err != nil {
		return nil, err
	}
	if format == SPDX {
		return inObject(document, "creationInfo", func(info []byte) ([]byte, error) { return commented(info, text) })
	}
	property, err := encodeJSON(cycloneDXProperty{originProperty, text})
	if err != nil {
		return nil, err
	}
	return inObject(document, "metadata", func(metadata []byte) ([]byte, error) {
		start, end, err := fieldAt(metadata, "properties")
		switch {
		case err != nil:
			return nil, err
		case end == 0:
			return withMember(metadata, "properties", "["+property+"]"), nil
		case metadata[start] != '[':
			return splice(metadata, start, end, "["+property+"]"), nil
		case strings.TrimSpace(string(metadata[start+1:end-1])) == "":
			return splice(metadata, start, end, "["+property+"]"), nil
		}
		return splice(metadata, start+1, start+1, property+","), nil
	})
}

// commented returns SPDX's creationInfo with a line more in its comment.
func commented(info []byte, text string) ([]byte, error) {
	line := originProperty + "=" + text
	start, end, err := fieldAt(info, "comment")
	if err != nil {
		return nil, err
	}
	var comment string
	if end > 0 {
		if err := json.Unmarshal(info[start:end], &comment); err != nil {
			return nil, fmt.Errorf("creationInfo.comment: %w", err)
		}
	}
	if comment != "" {
		line = comment + "\n" + line
	}
	encoded, err := encodeJSON(line)
	if err != nil {
		return nil, err
	}
	if end > 0 {
		return splice(info, start, end, encoded), nil
	}
	return withMember(info, "comment", encoded), nil
}
