package vex

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	openvex "github.com/openvex/go-vex/pkg/vex"
)

// readOpenVEX reads OpenVEX strictly: what a statement lacks would make it say
// more than its author meant.
func readOpenVEX(content []byte) (author string, statements []statement, err error) {
	document, err := openvex.Parse(content)
	if err != nil {
		return "", nil, err
	}
	if !strings.HasPrefix(document.Context, "https://openvex.dev/ns") {
		return "", nil, fmt.Errorf("its @context %q is not that of OpenVEX", document.Context)
	}
	switch {
	case document.Author == "":
		return "", nil, errors.New("it names no author")
	case len(document.Statements) == 0:
		return "", nil, errors.New("it holds no statement")
	}
	for i, st := range document.Statements {
		if err := st.Validate(); err != nil {
			return "", nil, fmt.Errorf("statements[%d]: %w", i, err)
		}
		switch {
		case st.Vulnerability.Name == "" && st.Vulnerability.ID == "":
			return "", nil, fmt.Errorf("statements[%d] names no vulnerability", i)
		case len(st.Products) == 0:
			return "", nil, fmt.Errorf("statements[%d] names no product", i)
		}
		statements = append(statements, ofOpenVEX(document, st))
	}
	return document.Author, statements, nil
}

func ofOpenVEX(document *openvex.VEX, st openvex.Statement) statement {
	why := string(st.Status)
	if st.Justification != "" {
		why += ": " + string(st.Justification)
	}
	if st.ImpactStatement != "" {
		why += ": " + st.ImpactStatement
	}
	out := statement{
		ids:        identifiersOf(st.Vulnerability),
		suppresses: st.Status == openvex.StatusNotAffected || st.Status == openvex.StatusFixed,
		reason:     why,
		at:         firstOf(st.LastUpdated, st.Timestamp, document.LastUpdated, document.Timestamp),
	}
	for _, p := range st.Products {
		t := target{product: thingOf(p.Component)}
		for _, sub := range p.Subcomponents {
			t.parts = append(t.parts, thingOf(sub.Component))
		}
		out.targets = append(out.targets, t)
	}
	return out
}

// identifiersOf returns the names of a vulnerability. Its @id may be the address of a page about it, which ends in one.
func identifiersOf(v openvex.Vulnerability) []string {
	ids := []string{string(v.Name), v.ID, v.ID[strings.LastIndex(v.ID, "/")+1:]}
	for _, alias := range v.Aliases {
		ids = append(ids, string(alias))
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
	slices.Sort(ids)
	return slices.Compact(ids)
}

func thingOf(c openvex.Component) thing {
	var t thing
	identifiers := []string{c.ID}
	for _, identifier := range c.Identifiers {
		identifiers = append(identifiers, identifier)
	}
	slices.Sort(identifiers)
	for _, identifier := range slices.Compact(identifiers) {
		t.add(identifier)
	}
	for _, hash := range c.Hashes {
		t.add(string(hash))
	}
	return t
}

func (t *thing) add(identifier string) {
	if p, ok := parsePURL(identifier); ok {
		t.purls = append(t.purls, p)
	} else if identifier != "" {
		t.names = append(t.names, identifier)
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
