// Package strict decodes what people write for Hallmark. A field that nothing
// reads is most often a misspelt one, so it is an error that names its line, and
// never passed over.
package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// YAML decodes a single YAML document (JSON is one, too) into a value whose
// fields have yaml tags. An empty text, a second document, a field that the type
// does not have and a key that is there twice are errors, with the line where
// there is one. Aliases that would swell are refused by the decoder.
func YAML(text []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	switch err := decoder.Decode(into); {
	case errors.Is(err, io.EOF):
		return errors.New("the file is empty")
	case err != nil:
		return said(err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one document")
	}
	return nil
}

// Value turns a decoded JSON value into a typed one. Fields that the type does not
// have are an error.
func Value(value, into any) error {
	encoded, err := json.Marshal(value)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return said(err)
	}
	return nil
}

// said returns a decoder's error in one line, without the names of Go's types,
// which say nothing to who wrote the file.
func said(err error) error {
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) && mismatch.Field != "" {
		return fmt.Errorf("the field %s must not be of type %s", mismatch.Field, mismatch.Value)
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "json: ")
	text = strings.TrimPrefix(text, "unmarshal errors:")
	text = regexp.MustCompile(` (not found|already set) in type [^\s]+`).ReplaceAllStringFunc(text, func(s string) string {
		if strings.Contains(s, "already") {
			return " is there twice"
		}
		return " is not known"
	})
	text = regexp.MustCompile(` into (Go )?(value of type )?[^\s]+`).ReplaceAllString(text, " is of the wrong type")
	return errors.New(plain.Line(text, maxSaid))
}

// maxSaid bounds a decoder's words, which quote the file, in bytes.
const maxSaid = 500

// Fields returns the names of a struct's fields as YAML has them, for messages
// that say what there is.
func Fields(value any) []string {
	var names []string
	t := reflect.TypeOf(value)
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}
