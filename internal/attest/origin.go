package attest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// OriginKind says who produced evidence.
type OriginKind string

// The kinds of origin. The zero value is neither: nobody says where the evidence
// came from, and it never counts as made here.
const (
	Made    OriginKind = "made"    // by this program, from the image or from other evidence
	Brought OriginKind = "brought" // by somebody else; the signer vouches for it, and nobody compared it with the image
)

// Origin says how evidence came to be. It is part of what is signed: of an SBOM in
// its document, of a scan in scanner.result.origin.
type Origin struct {
	Kind   OriginKind `json:"kind"`
	By     string     `json:"by,omitempty"`    // of a scan, the command that made it: run, rescan
	Tools  []Tool     `json:"tools,omitempty"` // the programs that took part; of what was brought, as it names them
	Inputs []Input    `json:"inputs,omitempty"`
	// ReadAt is when the layers of the image were last read. An SBOM's own document
	// has none, so that the same image gives the same bytes; the scan says it.
	ReadAt time.Time `json:"readAt,omitzero"`
}

// Tool is a program that took part in making evidence.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// Input is something that evidence was made from.
type Input struct {
	Name   string  `json:"name"`             // image, config, sbom, database, the base name of a file, a platform
	Digest string  `json:"digest,omitempty"` // sha256:HEX
	Origin *Origin `json:"origin,omitempty"` // of evidence that says how it came to be itself
}

// The names of inputs that are looked up by readers.
const (
	InputImage    = "image"    // the image's manifest
	InputConfig   = "config"   // the image's config
	InputSBOM     = "sbom"     // the SBOM that was scanned
	InputDatabase = "database" // the vulnerability database
)

// maxOriginText bounds each text of an origin that comes from somebody else, in bytes.
const maxOriginText = 300

// ToolNamed returns a tool by what a document of others says of it: bounded, and
// false where it does not name one.
func ToolNamed(name, version string) (Tool, bool) {
	t := Tool{Name: plain.Line(name, maxOriginText), Version: plain.Line(version, maxOriginText)}
	return t, t.Name != ""
}

// Input returns the input with a name, and false if there is not exactly one.
func (o Origin) Input(name string) (Input, bool) {
	i := slices.IndexFunc(o.Inputs, func(in Input) bool { return in.Name == name })
	if i < 0 || slices.ContainsFunc(o.Inputs[i+1:], func(in Input) bool { return in.Name == name }) {
		return Input{}, false
	}
	return o.Inputs[i], true
}

// Encode returns the origin as compact JSON, as it is written into documents.
func (o Origin) Encode() (string, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(o); err != nil {
		return "", fmt.Errorf("encoding the origin: %w", err)
	}
	return string(bytes.TrimSpace(out.Bytes())), nil
}

// ParseOrigin reads what Encode wrote.
func ParseOrigin(text string) (Origin, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	var o Origin
	if err := decoder.Decode(&o); err != nil {
		return Origin{}, fmt.Errorf("reading the origin: %w", err)
	}
	if o.Kind != Made && o.Kind != Brought {
		return Origin{}, errors.New("reading the origin: it is neither made nor brought")
	}
	return o, nil
}

// Combined returns the origin of evidence that was put together from parts: made only
// if every part was.
func Combined(parts []Input) Origin {
	out := Origin{Kind: Made, Inputs: parts}
	for _, p := range parts {
		if p.Origin == nil {
			out.Kind = Brought
			continue
		}
		if p.Origin.Kind != Made {
			out.Kind = Brought
		}
		for _, tool := range p.Origin.Tools {
			if !slices.Contains(out.Tools, tool) {
				out.Tools = append(out.Tools, tool)
			}
		}
	}
	return out
}

// DocumentDigest returns the digest by which evidence names a JSON document that it was
// made from: SHA-256 of the document without insignificant white space, which is how a
// statement holds it. Of what is no JSON it is the digest of the bytes.
func DocumentDigest(document []byte) string {
	var compact bytes.Buffer
	if err := json.Compact(&compact, document); err != nil {
		return FileDigest(document)
	}
	return FileDigest(compact.Bytes())
}

// FileDigest returns the SHA-256 of a file's content, as sha256:HEX.
func FileDigest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
