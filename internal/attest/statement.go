package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Types of an in-toto statement. Attestations under the .att tag carry v0.1, as
// cosign writes it; bundles carry v1. Readers take both.
const (
	StatementV01 = "https://in-toto.io/Statement/v0.1"
	StatementV1  = "https://in-toto.io/Statement/v1"
)

// Statement binds a predicate to the artifacts that it is about
// (https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md).
type Statement struct {
	Type          string             `json:"_type"`
	PredicateType string             `json:"predicateType"`
	Subjects      []StatementSubject `json:"subject"`
	Predicate     json.RawMessage    `json:"predicate"`
}

// StatementSubject names one artifact by its digests.
type StatementSubject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// NewStatement returns the v0.1 statement that claims p about s.
func NewStatement(s Subject, p Predicate) Statement {
	return Statement{
		Type:          StatementV01,
		PredicateType: p.Type,
		Subjects: []StatementSubject{{
			Name:   s.Repository(),
			Digest: map[string]string{"sha256": s.Hex()},
		}},
		Predicate: p.Body,
	}
}

// About reports whether one of the statement's subjects is s, by digest. Names
// are not compared: an image keeps its digest when it is copied.
func (st Statement) About(s Subject) bool {
	for _, subject := range st.Subjects {
		if subject.Digest["sha256"] == s.Hex() {
			return true
		}
	}
	return false
}

// Encode returns the statement as compact JSON with the characters of HTML left
// as they are, the bytes that are signed.
func (st Statement) Encode() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(st); err != nil {
		return nil, fmt.Errorf("encoding the statement of type %s: %w", st.PredicateType, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// ParseStatement decodes the payload of an envelope. It takes in-toto v0.1 and
// v1 and nothing else; a statement without a predicate type, without subjects
// or with anything behind the JSON is refused. Keys are compared exactly, as a
// policy engine does that is later given the same bytes, and none of them may be
// there twice: of two subjects, one reader takes the first and another the last.
// What is in the predicate is the signer's own.
func ParseStatement(payload []byte) (Statement, error) {
	fields, err := uniqueFields(payload)
	if err != nil {
		return Statement{}, fmt.Errorf("decoding the statement: %w", err)
	}
	st := Statement{Predicate: fields["predicate"]}
	for key, target := range map[string]any{"_type": &st.Type, "predicateType": &st.PredicateType} {
		if value, ok := fields[key]; ok {
			if err := json.Unmarshal(value, target); err != nil {
				return Statement{}, fmt.Errorf("decoding the statement's %s: %w", key, err)
			}
		}
	}
	if st.Subjects, err = parseSubjects(fields["subject"]); err != nil {
		return Statement{}, fmt.Errorf("decoding the statement's subject: %w", err)
	}
	switch {
	case st.Type != StatementV01 && st.Type != StatementV1:
		return Statement{}, fmt.Errorf("statement type %q is not in-toto v0.1 or v1", plain.Line(st.Type, maxQuoted))
	case st.PredicateType == "":
		return Statement{}, errors.New("statement has no predicateType")
	case len(st.Subjects) == 0:
		return Statement{}, errors.New("statement has no subject")
	}
	return st, nil
}

func parseSubjects(raw json.RawMessage) ([]StatementSubject, error) {
	if raw == nil {
		return nil, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	subjects := make([]StatementSubject, len(list))
	for i, one := range list {
		fields, err := uniqueFields(one)
		if err != nil {
			return nil, err
		}
		if digest, ok := fields["digest"]; ok {
			if _, err := uniqueFields(digest); err != nil {
				return nil, err
			}
			if err := json.Unmarshal(digest, &subjects[i].Digest); err != nil {
				return nil, err
			}
		}
		if name, ok := fields["name"]; ok {
			if err := json.Unmarshal(name, &subjects[i].Name); err != nil {
				return nil, err
			}
		}
	}
	return subjects, nil
}
