package filetree

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/gabriel-vasile/mimetype"
)

// magicSize is the number of bytes by which a program is told from anything else.
const magicSize = 4

// isProgram reports whether all contents of a media type begin like programs.
func isProgram(name string) bool {
	switch name {
	case "application/x-elf", "application/x-object", "application/x-executable", "application/x-sharedlib", "application/x-coredump",
		"application/vnd.microsoft.portable-executable", "application/x-mach-binary":
		return true
	}
	return false
}

// looksLikeProgram reports whether a content may be a program or a library: ELF, PE
// or Mach-O.
func looksLikeProgram(head []byte) bool {
	if bytes.HasPrefix(head, []byte("MZ")) {
		return true
	}
	if len(head) < magicSize {
		return false
	}
	switch string(head[:magicSize]) {
	case "\x7fELF", "\xca\xfe\xba\xbe", "\xfe\xed\xfa\xce", "\xce\xfa\xed\xfe", "\xfe\xed\xfa\xcf", "\xcf\xfa\xed\xfe":
		return true
	}
	return false
}

// types knows the types of the contents that were asked for.
type types struct {
	mu    sync.Mutex
	known map[*File]string
}

// ByType returns the files whose content is of one of the media types, in the order of
// paths. No link is among them.
func (t *Tree) ByType(wanted ...string) ([]*File, error) {
	programs := !slices.ContainsFunc(wanted, func(w string) bool { return !isProgram(w) })
	var found []*File
	for _, f := range t.index.files {
		if f.isLink() || programs && !f.entry.program {
			continue
		}
		got, err := t.Type(f)
		if err != nil {
			return nil, err
		}
		if got != "" && slices.Contains(wanted, got) {
			found = append(found, f)
		}
	}
	return found, nil
}

// Type returns the media type of a file's content, without parameters, as its first
// bytes have it: application/octet-stream where they say nothing, and none where
// there is no content.
func (t *Tree) Type(f *File) (string, error) {
	if f.entry == nil || f.entry.content.block == nil {
		return "", nil
	}
	t.types.mu.Lock()
	defer t.types.mu.Unlock()
	if known, ok := t.types.known[f]; ok {
		return known, nil
	}
	content, err := t.Open(f)
	if err != nil {
		return "", err
	}
	detected, err := mimetype.DetectReader(content)
	if err != nil {
		return "", err
	}
	name, _, _ := strings.Cut(detected.String(), ";")
	t.types.known[f] = name
	return name, nil
}
