package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// uniqueFields decodes a JSON object into its fields, and refuses one that has a
// key twice, also in other letters: readers that are written in Go take any case
// of a key, others only the right one. null has no fields.
func uniqueFields(raw []byte) (map[string]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	start, err := decoder.Token()
	if err != nil {
		return nil, endOf(err)
	}
	if start != nil && start != json.Delim('{') {
		return nil, errors.New("it is not a JSON object")
	}
	fields := map[string]json.RawMessage{}
	if start != nil {
		if err := readFields(decoder, fields); err != nil {
			return nil, endOf(err)
		}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind the JSON")
	}
	return fields, nil
}

func readFields(decoder *json.Decoder, fields map[string]json.RawMessage) error {
	seen := map[string]bool{}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string) // the decoder lets nothing else be a key
		folded := strings.Map(foldRune, name)
		if seen[folded] {
			return fmt.Errorf("it has the key %q twice", plain.Line(name, maxQuoted))
		}
		seen[folded] = true
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		fields[name] = value
	}
	_, err := decoder.Token() // the closing brace
	return err
}

// foldRune returns the same rune for all that count as one letter in any case,
// as encoding/json compares keys.
func foldRune(r rune) rune {
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}

// endOf names what is missing where JSON stops too early.
func endOf(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON is cut short")
	}
	return err
}
