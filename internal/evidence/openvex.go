package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	openvex "github.com/openvex/go-vex/pkg/vex"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// OpenVEX returns OpenVEX documents as one predicate: a single one as it is, several
// merged. A merged statement keeps its time, which says which of two counts; the
// document is of the newest time and of all authors.
func OpenVEX(documents [][]byte) (attest.Predicate, error) {
	if len(documents) == 1 {
		return attest.Predicate{Type: attest.TypeOpenVEX, Body: documents[0]}, nil
	}
	var parsed []*openvex.VEX
	var newest time.Time
	authors := ""
	for _, content := range documents {
		d, err := openvex.Parse(content)
		if err != nil {
			return attest.Predicate{}, fmt.Errorf("merging the VEX documents: %w", err)
		}
		if authors != "" {
			authors += ", "
		}
		authors += d.Author
		for i := range d.Statements {
			if d.Statements[i].Timestamp == nil {
				d.Statements[i].Timestamp = either(d.LastUpdated, d.Timestamp)
			}
		}
		if at := either(d.LastUpdated, d.Timestamp); at != nil && at.After(newest) {
			newest = *at
		}
		parsed = append(parsed, d)
	}
	merged, err := openvex.MergeDocumentsWithOptions(&openvex.MergeOptions{Author: authors}, parsed)
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("merging the VEX documents: %w", err)
	}
	merged.Timestamp, merged.LastUpdated = &newest, nil
	body, err := json.Marshal(merged)
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("encoding the merged VEX documents: %w", err)
	}
	return attest.Predicate{Type: attest.TypeOpenVEX, Body: body}, nil
}

func either(times ...*time.Time) *time.Time {
	for _, t := range times {
		if t != nil {
			return t
		}
	}
	return nil
}

// checkOpenVEX checks each statement by go-vex's rules.
func checkOpenVEX(document []byte) error {
	d, err := openvex.Parse(document)
	if err != nil {
		return errors.New(plain.Line(err.Error(), maxQuoted))
	}
	for i, st := range d.Statements {
		if err := st.Validate(); err != nil {
			return fmt.Errorf("statements[%d]: %s", i, plain.Line(err.Error(), maxQuoted))
		}
	}
	return nil
}
