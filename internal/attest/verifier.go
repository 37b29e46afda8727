package attest

import (
	"bytes"
	"encoding/json"
	"strings"
)

// NamesVerifier reports whether a predicate says that a verifier came to it: the
// object has a field verifier in which the verifier's id stands, in any spelling
// that some reader could take for it. Keys that are there twice all count, for
// readers differ in which one they take, and so do keys in other letters.
func (p Predicate) NamesVerifier(id string) bool {
	decoder := json.NewDecoder(bytes.NewReader(p.Body))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return false
	}
	wanted := NormalizeURI(id)
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return false
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return false
		}
		name, _ := key.(string) // the decoder lets nothing else be a key
		if strings.EqualFold(strings.TrimSpace(name), "verifier") && mentions(value, wanted) {
			return true
		}
	}
	return false
}

// mentions reports whether a JSON value holds, at any depth, a text that is a
// normalized URI or below it.
func mentions(value json.RawMessage, wanted string) bool {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		if text, ok := token.(string); ok && isBelow(NormalizeURI(text), wanted) {
			return true
		}
	}
}
