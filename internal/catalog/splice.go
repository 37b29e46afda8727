package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// inObject replaces an object in a field of a document by what edit makes of it. Where
// the field is not there, or null, edit is given an empty object.
func inObject(document []byte, field string, edit func(object []byte) ([]byte, error)) ([]byte, error) {
	start, end, err := fieldAt(document, field)
	if err != nil {
		return nil, err
	}
	object := []byte("{}")
	if end > 0 && document[start] == '{' {
		object = document[start:end]
	}
	edited, err := edit(object)
	if err != nil {
		return nil, err
	}
	if end == 0 {
		return withMember(document, field, string(edited)), nil
	}
	return splice(document, start, end, string(edited)), nil
}

// inField replaces the value of a field, which must be there, by what edit makes of it.
func inField(object []byte, field string, edit func(value []byte) ([]byte, error)) ([]byte, error) {
	start, end, err := fieldAt(object, field)
	if err == nil && end == 0 {
		err = errors.New("it has no " + field)
	}
	if err != nil {
		return nil, err
	}
	edited, err := edit(object[start:end])
	if err != nil {
		return nil, err
	}
	return splice(object, start, end, string(edited)), nil
}

// fieldAt returns where the value of a field of a JSON object is; end is 0 where there
// is none. The name is compared as encoding/json does, in any letter case.
func fieldAt(object []byte, name string) (start, end int, err error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return 0, 0, errors.New("it is no JSON object")
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return 0, 0, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return 0, 0, err
		}
		if text, ok := key.(string); ok && strings.EqualFold(text, name) {
			end := int(decoder.InputOffset())
			return end - len(value), end, nil
		}
	}
	return 0, 0, nil
}

// withMember returns a JSON object with one member more, which comes first.
func withMember(object []byte, name, value string) []byte {
	at := bytes.IndexByte(object, '{') + 1
	member := `"` + name + `":` + value
	if rest := bytes.TrimSpace(object[at:]); len(rest) > 0 && rest[0] != '}' {
		member += ","
	}
	return splice(object, at, at, member)
}

// splice returns a text with another in place of a part of it.
func splice(text []byte, start, end int, by string) []byte {
	return slices.Concat(text[:start], []byte(by), text[end:])
}

// encodeJSON returns a value as compact JSON, with the characters of HTML as they are.
func encodeJSON(value any) (string, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return string(bytes.TrimSpace(out.Bytes())), err
}
