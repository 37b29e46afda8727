package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	spdxcommon "github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/hallmark-ci/hallmark/internal/finding"
)

// unreadProperty names what an SBOM says was not read: a property of CycloneDX's
// metadata, and before a = the comment of an annotation of an SPDX document. Its value
// is a JSON array of {what, why}.
const unreadProperty = "hallmark:unread"

// maxGaps is how many gaps an SBOM lists. What is beyond is one gap of its own, which
// no pattern for a directory allows.
const maxGaps = 1000

// boundedGaps returns gaps sorted, each once, and at most maxGaps of them and one that
// stands for the rest.
func boundedGaps(gaps []finding.Gap) []finding.Gap {
	gaps = finding.Gaps(gaps)
	if rest := len(gaps) - maxGaps; rest > 0 {
		gaps = append(gaps[:maxGaps:maxGaps], finding.Gap{What: fmt.Sprintf("/…/%d more", rest), Why: "more than are listed"})
	}
	return gaps
}

// addUnread writes the gaps into a CycloneDX document.
func (b SBOM) addUnread(bom *cyclonedx.BOM) error {
	if len(b.unread) == 0 {
		return nil
	}
	text, err := json.Marshal(b.unread)
	if err != nil {
		return err
	}
	var properties []cyclonedx.Property
	if bom.Metadata.Properties != nil {
		properties = *bom.Metadata.Properties
	}
	properties = append(properties, cyclonedx.Property{Name: unreadProperty, Value: string(text)})
	bom.Metadata.Properties = &properties
	return nil
}

// annotateUnread writes the gaps into an SPDX document.
func (b SBOM) annotateUnread(doc *spdx.Document) error {
	if len(b.unread) == 0 {
		return nil
	}
	text, err := json.Marshal(b.unread)
	if err != nil {
		return err
	}
	doc.Annotations = append(doc.Annotations, &spdx.Annotation{
		Annotator:      spdxcommon.Annotator{AnnotatorType: "Tool", Annotator: "hallmark"},
		AnnotationDate: b.created.Format(time.RFC3339), AnnotationType: "OTHER", AnnotationComment: unreadProperty + "=" + string(text),
	})
	return nil
}

// unreadIn returns the gaps that a document lists.
func unreadIn(format Format, document []byte) ([]finding.Gap, error) {
	if !bytes.Contains(document, []byte(unreadProperty)) {
		return nil, nil
	}
	var texts []string
	if format == SPDX {
		var annotations []struct {
			Comment string `json:"comment"`
		}
		if err := readField(document, "annotations", &annotations); err != nil {
			return nil, err
		}
		for _, a := range annotations {
			if text, ours := strings.CutPrefix(a.Comment, unreadProperty+"="); ours {
				texts = append(texts, text)
			}
		}
	} else {
		var metadata struct {
			Properties []cyclonedx.Property `json:"properties"`
		}
		if err := readField(document, "metadata", &metadata); err != nil {
			return nil, err
		}
		for _, p := range metadata.Properties {
			if p.Name == unreadProperty {
				texts = append(texts, p.Value)
			}
		}
	}
	return decodeGaps(texts)
}

func decodeGaps(texts []string) ([]finding.Gap, error) {
	var all []finding.Gap
	for _, text := range texts {
		var listed []finding.Gap
		if err := json.Unmarshal([]byte(text), &listed); err != nil {
			return nil, fmt.Errorf("what it says was not read: %w", err)
		}
		all = append(all, listed...)
	}
	if slices.ContainsFunc(all, func(g finding.Gap) bool { return g.What == "" }) {
		return nil, fmt.Errorf("what it says was not read: an entry does not say what it is about")
	}
	return finding.Gaps(all), nil
}

// unreadOfParts returns the gaps of an index's images as the text of a property; empty:
// there are none.
func unreadOfParts(format Format, parts []Part) (string, error) {
	var all []finding.Gap
	for _, p := range parts {
		listed, err := unreadIn(format, p.Document)
		if err != nil {
			return "", fmt.Errorf("that of %s: %w", p.Platform, err)
		}
		all = finding.Gaps(all, listed)
	}
	if len(all) == 0 {
		return "", nil
	}
	text, err := json.Marshal(all)
	return string(text), err
}
