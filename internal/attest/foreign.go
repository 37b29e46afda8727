package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// reservedPrefix begins the names of what this program writes into documents.
const reservedPrefix = "hallmark:"

// CheckForeign refuses a JSON document of somebody else that claims to be this
// program's: a key or a text in it, or a line of one, that begins with hallmark: and a
// name. Such a claim would be signed with the document. It also refuses an object with
// the same key twice, in any letter case: one reader takes the first, another the last.
// Both are wrong usage.
func CheckForeign(document []byte) error {
	return checkForeign(document, func(key string) string { return strings.Map(foldRune, key) })
}

// CheckForeignMaps is CheckForeign for documents that have objects with free keys, which
// may differ in their letter case alone.
func CheckForeignMaps(document []byte) error {
	return checkForeign(document, func(key string) string { return key })
}

func checkForeign(document []byte, fold func(string) string) error {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	w := walker{fold: fold}
	for {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && len(w.around) == 0:
			return nil
		case err != nil:
			return endOf(err)
		}
		if err := w.take(token); err != nil {
			return err
		}
	}
}

// walker follows the tokens of a JSON document.
type walker struct {
	fold   func(string) string
	around []container
}

// container is an object or a list around a place.
type container struct {
	keys  map[string]bool // of an object, those so far; nil: a list
	value bool            // of an object: what comes next is a value
}

func (w *walker) take(token json.Token) error {
	switch t := token.(type) {
	case json.Delim:
		switch t {
		case '{':
			w.around = append(w.around, container{keys: map[string]bool{}})
		case '[':
			w.around = append(w.around, container{})
		default:
			w.around = w.around[:len(w.around)-1]
			w.next()
		}
		return nil
	case string:
		if Reserved(t) {
			return reservedError(t)
		}
		if isKey, err := w.key(t); isKey || err != nil {
			return err
		}
	}
	w.next()
	return nil
}

// key takes a text as a key, if it is in the place of one.
func (w *walker) key(text string) (bool, error) {
	if len(w.around) == 0 {
		return false, nil
	}
	inner := &w.around[len(w.around)-1]
	if inner.keys == nil || inner.value {
		return false, nil
	}
	folded := w.fold(text)
	if inner.keys[folded] {
		return true, fault.Usagef("an object in it has the key %q twice", plain.Line(text, maxQuoted))
	}
	inner.keys[folded], inner.value = true, true
	return true, nil
}

// next notes that a value came to its end.
func (w *walker) next() {
	if n := len(w.around); n > 0 && w.around[n-1].keys != nil {
		w.around[n-1].value = false
	}
}

// Reserved reports whether a text, or a line of it, begins with hallmark: and a name, in
// any letter case.
func Reserved(text string) bool {
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = strings.TrimSpace(line)
		n := len(reservedPrefix)
		if len(line) > n && strings.EqualFold(line[:n], reservedPrefix) && line[n] != ' ' && line[n] != '\t' {
			return true
		}
	}
	return false
}

func reservedError(text string) error {
	what := plain.Line(strings.TrimSpace(text), 40)
	return fault.WithHint(
		fault.Usagef("it carries %q: what begins with %s is written by hallmark alone, about evidence that it made itself",
			what, reservedPrefix),
		"an SBOM of hallmark's own is not brought back: leave it out, and the run makes one, or takes the attested one "+
			"(reuse-sbom); an SBOM without these properties can be brought, and counts as brought")
}

// BroughtScan returns a vulnerability scan that somebody brings. One that says how it
// came to be, in scanner.result.origin, says from then on that it was brought: who brings
// a scan of this program's own vouches for a file. Any other is returned as it is.
func BroughtScan(document json.RawMessage, from Input) (json.RawMessage, error) {
	return replaceOrigin(document, []string{"scanner", "result", "origin"}, Origin{Kind: Brought, Inputs: []Input{from}})
}

// replaceOrigin replaces what lies at a path of keys, which are compared in any letter
// case, as readers that are written in Go do.
func replaceOrigin(document json.RawMessage, path []string, by Origin) (json.RawMessage, error) {
	if len(path) == 0 {
		return json.Marshal(by)
	}
	if object := bytes.TrimSpace(document); len(object) == 0 || object[0] != '{' {
		return document, nil // a result is what its author makes it
	}
	fields, err := uniqueFields(document)
	if err != nil {
		return nil, err
	}
	for key, value := range fields {
		if strings.Map(foldRune, key) != strings.Map(foldRune, path[0]) {
			continue
		}
		replaced, err := replaceOrigin(value, path[1:], by)
		if err != nil || bytes.Equal(replaced, value) {
			return document, err
		}
		delete(fields, key)
		fields[path[0]] = replaced
		return json.Marshal(fields)
	}
	return document, nil
}
