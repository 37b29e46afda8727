package vex

import (
	"errors"
	"fmt"
	"strings"
	"time"

	openvex "github.com/openvex/go-vex/pkg/vex"

	"github.com/hallmark-ci/hallmark/internal/finding"
)

type openVEX struct {
	document *openvex.VEX
	digest   string
}

// parseOpenVEX reads OpenVEX strictly: what a statement lacks would make it say
// more than its author meant.
func parseOpenVEX(content []byte, digest string) (source, error) {
	document, err := openvex.Parse(content)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(document.Context, "https://openvex.dev/ns") {
		return nil, fmt.Errorf("its @context %q is not that of OpenVEX", document.Context)
	}
	switch {
	case document.Author == "":
		return nil, errors.New("it names no author")
	case len(document.Statements) == 0:
		return nil, errors.New("it holds no statement")
	}
	for i, st := range document.Statements {
		if err := st.Validate(); err != nil {
			return nil, fmt.Errorf("statements[%d]: %w", i, err)
		}
		switch {
		case st.Vulnerability.Name == "" && st.Vulnerability.ID == "":
			return nil, fmt.Errorf("statements[%d] names no vulnerability", i)
		case len(st.Products) == 0:
			return nil, fmt.Errorf("statements[%d] names no product", i)
		}
	}
	return &openVEX{document: document, digest: digest}, nil
}

// about finds the statements on the image, or on the package itself, which may be
// the product as well as a part of one.
func (o *openVEX) about(f finding.Finding, image product) []statement {
	var found []statement
	for _, st := range o.document.Statements {
		if o.names(st, f, image) {
			found = append(found, o.read(st))
		}
	}
	return found
}

func (o *openVEX) names(st openvex.Statement, f finding.Finding, image product) bool {
	for _, id := range identifiers(f) {
		if !st.Vulnerability.Matches(id) {
			continue
		}
		if f.Package.PURL != "" && st.MatchesProduct(f.Package.PURL, "") {
			return true
		}
		for _, name := range image {
			if o.covers(st, name, f.Package.PURL) {
				return true
			}
		}
	}
	return false
}

// covers reports whether a statement is about an image and, where it names parts
// of it, about this package. A package without a URL is none of these parts.
func (o *openVEX) covers(st openvex.Statement, name, purl string) bool {
	for _, p := range st.Products {
		if len(p.Subcomponents) > 0 && purl == "" {
			continue
		}
		if p.Matches(name, purl) {
			return true
		}
	}
	return false
}

func (o *openVEX) read(st openvex.Statement) statement {
	why := string(st.Status)
	if st.Justification != "" {
		why += ": " + string(st.Justification)
	}
	if st.ImpactStatement != "" {
		why += ": " + st.ImpactStatement
	}
	return statement{
		suppresses: st.Status == openvex.StatusNotAffected || st.Status == openvex.StatusFixed,
		reason:     why,
		author:     o.document.Author,
		at:         firstOf(st.LastUpdated, st.Timestamp, o.document.LastUpdated, o.document.Timestamp),
		document:   o.digest,
	}
}

// firstOf returns the first time that is there.
func firstOf(times ...*time.Time) time.Time {
	for _, t := range times {
		if t != nil {
			return *t
		}
	}
	return time.Time{}
}
