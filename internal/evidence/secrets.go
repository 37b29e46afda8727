package evidence

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/secrets"
)

// Searched is what a search for secrets in an image came to.
type Searched struct {
	Digest   string // sha256:…
	Platform string
	Report   secrets.Report
}

// The predicate of a search for secrets, docs/schema/secrets.json.
type (
	secretsPredicate struct {
		Scanner secretsScanner `json:"scanner"`
		Images  []secretsImage `json:"images"`
	}
	secretsScanner struct {
		URI     string `json:"uri"`
		Version string `json:"version"`
	}
	secretsImage struct {
		Digest   string            `json:"digest"`
		Platform string            `json:"platform,omitempty"`
		Complete bool              `json:"complete"`
		Files    int               `json:"files"`
		Bytes    int64             `json:"bytes"`
		Binary   int               `json:"binary"`
		Cut      int               `json:"cut"`
		Found    int               `json:"found"`
		Rules    []secretsRule     `json:"rules"`
		Findings []secrets.Finding `json:"findings"`
	}
	secretsRule struct {
		Rule  string `json:"rule"`
		Count int    `json:"count"`
	}
)

// Secrets returns what was found in an image, or in each image of an index: where,
// and by which rule, and never what.
func Secrets(searched []Searched) (attest.Predicate, error) {
	p := secretsPredicate{Images: []secretsImage{}}
	for _, s := range searched {
		r := s.Report
		p.Scanner = secretsScanner{URI: r.URI, Version: r.Version}
		image := secretsImage{
			Digest: s.Digest, Platform: s.Platform, Complete: r.Complete, Files: r.Files, Bytes: r.Bytes, Binary: r.Binary, Cut: r.Cut,
			Rules: []secretsRule{}, Findings: append([]secrets.Finding{}, r.Findings...),
		}
		for rule, count := range r.Rules {
			image.Found += count
			image.Rules = append(image.Rules, secretsRule{rule, count})
		}
		slices.SortFunc(image.Rules, func(a, b secretsRule) int { return cmp.Compare(a.Rule, b.Rule) })
		p.Images = append(p.Images, image)
	}
	body, err := json.Marshal(p)
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("encoding what was found of secrets: %w", err)
	}
	return attest.Predicate{Type: attest.TypeSecrets, Body: body}, nil
}
