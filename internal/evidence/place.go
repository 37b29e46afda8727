package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// position is how protojson says where something is wrong.
var position = regexp.MustCompile(`^proto:\s+(?:syntax error )?\(line (\d+):(\d+)\): `)

// placed returns an error of protojson with the path into the document in place of
// the line and the column, which mean nothing for a document of one line.
func placed(document []byte, err error) error {
	text := strings.ReplaceAll(err.Error(), "\u00a0", " ") // which protobuf puts there to make its texts unstable
	found := position.FindStringSubmatch(text)
	if found == nil {
		return errors.New(plain.Line(strings.TrimPrefix(text, "proto: "), maxQuoted))
	}
	line, lineErr := strconv.Atoi(found[1])
	column, columnErr := strconv.Atoi(found[2])
	text = plain.Line(strings.TrimPrefix(text, found[0]), maxQuoted)
	if path := pathAt(document, offsetOf(document, line, column)); lineErr == nil && columnErr == nil && path != "" {
		return fmt.Errorf("%s: %s", path, text)
	}
	return errors.New(text)
}

// offsetOf returns the byte of a line and a column, both from 1; columns count
// characters.
func offsetOf(document []byte, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		end := bytes.IndexByte(document[offset:], '\n')
		if end < 0 {
			return offset
		}
		offset += end + 1
	}
	for ; column > 1 && offset < len(document); column-- {
		_, size := utf8.DecodeRune(document[offset:])
		offset += size
	}
	return offset
}

// level is an object or a list around a place.
type level struct {
	list  bool
	index int
	key   string
	value bool // of an object: what comes next is a value
}

// pathAt returns the path of what is at a byte of a document, like a.b[2].c.
func pathAt(document []byte, offset int) string {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var around []level
	for {
		token, err := decoder.Token()
		if err != nil {
			return pathOf(around)
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			around = around[:len(around)-1]
			continue
		}
		around = next(around, token)
		if int(decoder.InputOffset()) > offset {
			return pathOf(around)
		}
		switch token {
		case json.Delim('{'):
			around = append(around, level{})
		case json.Delim('['):
			around = append(around, level{list: true, index: -1})
		}
	}
}

// next takes a token as the next of the innermost object or list.
func next(around []level, token json.Token) []level {
	if len(around) == 0 {
		return around
	}
	inner := &around[len(around)-1]
	switch {
	case inner.list:
		inner.index++
	case inner.value:
		inner.value = false
	default:
		inner.key, _ = token.(string)
		inner.value = true
	}
	return around
}

func pathOf(around []level) string {
	var path strings.Builder
	for _, l := range around {
		switch {
		case l.list && l.index >= 0:
			fmt.Fprintf(&path, "[%d]", l.index)
		case !l.list && l.key != "":
			if path.Len() > 0 {
				path.WriteByte('.')
			}
			path.WriteString(plain.Line(l.key, maxQuoted))
		}
	}
	return path.String()
}
