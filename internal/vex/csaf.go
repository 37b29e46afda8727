package vex

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gocsaf/csaf/v3/csaf"
)

// readCSAF reads the statements of an advisory: one for each vulnerability and status.
func readCSAF(content []byte) (author string, statements []statement, err error) {
	var a csaf.Advisory
	if err := json.Unmarshal(content, &a); err != nil {
		return "", nil, err
	}
	if err := a.Validate(); err != nil {
		return "", nil, err
	}
	if a.ProductTree == nil || len(a.Vulnerabilities) == 0 {
		return "", nil, errors.New("it holds no products or no vulnerabilities")
	}
	at, err := time.Parse(time.RFC3339, value(a.Document.Tracking.CurrentReleaseDate))
	if err != nil {
		return "", nil, errors.New("its document.tracking.current_release_date is not a time")
	}
	products, err := readProducts(content)
	if err != nil {
		return "", nil, err
	}
	for _, v := range a.Vulnerabilities {
		if v != nil && v.ProductStatus != nil {
			statements = append(statements, ofCSAF(v, products, at)...)
		}
	}
	return value(a.Document.Publisher.Name), statements, nil
}

// ofCSAF returns what is said of a vulnerability. A statement is about one product, since the reasons are.
func ofCSAF(v *csaf.Vulnerability, products productTree, at time.Time) []statement {
	var ids []string
	if v.CVE != nil {
		ids = append(ids, string(*v.CVE))
	}
	for _, id := range v.IDs {
		if text := value(textOf(id)); text != "" {
			ids = append(ids, text)
		}
	}
	s := v.ProductStatus
	var statements []statement
	for _, status := range []struct {
		word       string
		suppresses bool
		products   *csaf.Products
	}{
		{"fixed", true, s.Fixed},
		{"first_fixed", true, s.FirstFixed},
		{"known_not_affected", true, s.KnownNotAffected},
		{"known_affected", false, s.KnownAffected},
		{"first_affected", false, s.FirstAffected},
		{"last_affected", false, s.LastAffected},
		{"under_investigation", false, s.UnderInvestigation},
	} {
		if status.products == nil {
			continue
		}
		for _, id := range *status.products {
			if id == nil {
				continue
			}
			statements = append(statements, statement{
				ids: ids, targets: products[string(*id)], suppresses: status.suppresses, at: at,
				reason: strings.Join(append([]string{status.word}, impact(v, *id)...), ": "),
			})
		}
	}
	return statements
}

func textOf(id *csaf.VulnerabilityID) *string {
	if id == nil {
		return nil
	}
	return id.Text
}

// impact returns why a product is in a status, by a flag or in words.
func impact(v *csaf.Vulnerability, id csaf.ProductID) []string {
	holds := func(products *csaf.Products) bool {
		return products != nil && slices.ContainsFunc(*products, func(p *csaf.ProductID) bool { return p != nil && *p == id })
	}
	var why []string
	for _, flag := range v.Flags {
		if flag != nil && flag.Label != nil && holds(flag.ProductIds) {
			why = append(why, string(*flag.Label))
		}
	}
	for _, threat := range v.Threats {
		about := threat != nil && threat.Category != nil && *threat.Category == csaf.CSAFThreatCategoryImpact
		if about && holds(threat.ProductIds) {
			why = append(why, value(threat.Details))
		}
	}
	return why
}

// value returns a text that may not be there.
func value[T ~string](text *T) string {
	if text == nil {
		return ""
	}
	return string(*text)
}
