package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// maxMaterials bounds what is taken over from a build's own provenance.
const maxMaterials = 1000

// Left is a statement that BuildKit left in an index.
type Left struct {
	URI     string // of the layer that holds it
	Digest  string // of the layer, sha256:…
	Of      string // digest of the image that it is kept for, sha256:…
	Content []byte
}

// IsProvenance reports whether a predicate type is one of SLSA's provenance.
func IsProvenance(predicateType string) bool {
	return strings.HasPrefix(predicateType, "https://slsa.dev/provenance/")
}

// Record checks BuildKit's provenance of an image: that it is a statement, about
// this image. What it says is not repeated, but for what it was built from.
func Record(l Left) (BuildRecord, error) {
	st, err := attest.ParseStatement(l.Content)
	if err != nil {
		return BuildRecord{}, err
	}
	if !about(st, l.Of) {
		return BuildRecord{}, fmt.Errorf("it is kept for %s, and is about another image", l.Of)
	}
	if !IsProvenance(st.PredicateType) {
		return BuildRecord{}, fmt.Errorf("it is of type %s, which is no provenance", plain.Line(st.PredicateType, maxQuoted))
	}
	r := BuildRecord{URI: l.URI, Digest: l.Digest, Type: st.PredicateType}
	r.Materials, err = materials(st.Predicate)
	return r, err
}

// maxQuoted bounds what is quoted from a document, in bytes.
const maxQuoted = 200

func about(st attest.Statement, digest string) bool {
	for _, s := range st.Subjects {
		if s.Digest["sha256"] != "" && "sha256:"+s.Digest["sha256"] == digest {
			return true
		}
	}
	return false
}

// materials returns what was built from, in the words of v0.2 and v1.
func materials(predicate json.RawMessage) ([]Material, error) {
	var form struct {
		Materials       []Material `json:"materials"`
		BuildDefinition struct {
			ResolvedDependencies []Material `json:"resolvedDependencies"`
		} `json:"buildDefinition"`
	}
	if err := json.Unmarshal(predicate, &form); err != nil {
		return nil, errors.New("what it was built from cannot be read")
	}
	all := append(form.Materials, form.BuildDefinition.ResolvedDependencies...)
	if len(all) > maxMaterials {
		return nil, fmt.Errorf("it was built from %d things, the limit is %d", len(all), maxMaterials)
	}
	return slices.DeleteFunc(all, func(m Material) bool { return m.URI == "" }), nil
}
