package vex

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gocsaf/csaf/v3/csaf"

	"github.com/hallmark-ci/hallmark/internal/finding"
)

type advisory struct {
	*csaf.Advisory
	digest string
	at     time.Time
}

func parseCSAF(content []byte, digest string) (source, error) {
	var a csaf.Advisory
	if err := json.Unmarshal(content, &a); err != nil {
		return nil, err
	}
	if err := a.Validate(); err != nil {
		return nil, err
	}
	if a.ProductTree == nil || len(a.Vulnerabilities) == 0 {
		return nil, errors.New("it holds no products or no vulnerabilities")
	}
	at, err := time.Parse(time.RFC3339, value(a.Document.Tracking.CurrentReleaseDate))
	if err != nil {
		return nil, errors.New("its document.tracking.current_release_date is not a time")
	}
	return &advisory{Advisory: &a, digest: digest, at: at}, nil
}

// about finds the vulnerabilities of which a product is the finding's package, by
// its package URL.
func (a *advisory) about(f finding.Finding, _ product) []statement {
	var found []statement
	for _, v := range a.Vulnerabilities {
		if v == nil || v.ProductStatus == nil || !a.names(v, f) {
			continue
		}
		s := v.ProductStatus
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
			if id := a.productOf(status.products, f.Package.PURL); id != "" {
				found = append(found, statement{
					suppresses: status.suppresses, reason: strings.Join(append([]string{status.word}, impact(v, id)...), ": "),
					author: value(a.Document.Publisher.Name), at: a.at, document: a.digest,
				})
			}
		}
	}
	return found
}

func (a *advisory) names(v *csaf.Vulnerability, f finding.Finding) bool {
	return slices.ContainsFunc(identifiers(f), func(id string) bool {
		if v.CVE != nil && strings.EqualFold(string(*v.CVE), id) {
			return true
		}
		return slices.ContainsFunc(v.IDs, func(other *csaf.VulnerabilityID) bool {
			return other != nil && strings.EqualFold(value(other.Text), id)
		})
	})
}

// productOf returns which of the products is the package, or nothing.
func (a *advisory) productOf(products *csaf.Products, purl string) csaf.ProductID {
	if products == nil || purl == "" {
		return ""
	}
	for _, id := range *products {
		if id == nil {
			continue
		}
		for _, helper := range a.ProductTree.CollectProductIdentificationHelpers(*id) {
			if helper != nil && helper.PURL != nil && string(*helper.PURL) == purl {
				return *id
			}
		}
	}
	return ""
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
		if threat != nil && threat.Category != nil && *threat.Category == csaf.CSAFThreatCategoryImpact && holds(threat.ProductIds) {
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
