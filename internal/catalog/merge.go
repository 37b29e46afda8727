package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Part is the SBOM of one platform's image of an index, as it was written.
type Part struct {
	Subject  attest.Subject
	Platform string // linux/arm64
	Document []byte
}

// Merge returns the SBOM of an index, in the format of its parts: each platform's
// image, and every package of every platform, so that a rule about what an image
// must not contain means the same for the index. The parts must be written by
// Encode. The same index gives the same bytes.
func Merge(format Format, index attest.Subject, parts []Part) ([]byte, error) {
	var document any
	var err error
	if format == SPDX {
		document, err = mergeSPDX(index, parts)
	} else {
		document, err = mergeCycloneDX(index, parts)
	}
	if err != nil {
		return nil, fmt.Errorf("merging the SBOMs of %s: %w", index, err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("merging the SBOMs of %s: %w", index, err)
	}
	return out.Bytes(), nil
}

// object is a JSON object whose fields are carried over as they are.
type object = map[string]json.RawMessage

// union holds elements once, under names that are unique in the whole.
type union struct {
	key      string            // of the field that names an element
	elements []object          // in the order in which they came
	at       map[string]string // content → name
	taken    map[string]bool   // names
}

func newUnion(key string) *union {
	return &union{key: key, at: map[string]string{}, taken: map[string]bool{}}
}

// add returns the name of an element in the union: its own, or another one where
// something else has that already.
func (u *union) add(element object, suffix string) (string, error) {
	content, err := json.Marshal(element)
	if err != nil {
		return "", err
	}
	if name, ok := u.at[string(content)]; ok {
		return name, nil
	}
	var name string
	if err := json.Unmarshal(element[u.key], &name); err != nil {
		return "", fmt.Errorf("an element has no %s", u.key)
	}
	if u.taken[name] {
		name += suffix
		if element[u.key], err = json.Marshal(name); err != nil {
			return "", err
		}
	}
	u.at[string(content)], u.taken[name] = name, true
	u.elements = append(u.elements, element)
	return name, nil
}

// derived returns the id of the document of an index: a function of the index and
// of its parts' bytes.
func derived(index attest.Subject, parts []Part) uuid.UUID {
	content := bytes.NewBufferString("hallmark index sbom\n" + index.String() + "\n")
	for _, p := range parts {
		content.WriteString(p.Platform + "\n")
		content.Write(p.Document)
	}
	return uuidOf(content.Bytes())
}

// imagePURL is the package URL of an image by its digest
// (https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md).
func imagePURL(s attest.Subject) string {
	repository := s.Repository()
	name := repository[strings.LastIndex(repository, "/")+1:]
	return "pkg:oci/" + name + "@sha256%3A" + s.Hex() + "?repository_url=" + strings.ReplaceAll(repository, ":", "%3A")
}

// platformSuffix makes a platform part of a name.
func platformSuffix(platform string) string {
	return "-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, platform)
}

// originOfParts returns how the SBOM of an index came to be: from those of its images.
func originOfParts(format Format, parts []Part) attest.Origin {
	var inputs []attest.Input
	for _, p := range parts {
		in := attest.Input{Name: p.Platform, Digest: "sha256:" + p.Subject.Hex()}
		if o := OriginOf(format, p.Document); o.Kind != "" {
			in.Origin = &o
		}
		inputs = append(inputs, in)
	}
	return attest.Combined(inputs)
}
