package catalog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"

	"github.com/hallmark-ci/hallmark/internal/filetree"
)

const (
	// bundleSignature is in every program that .NET publishes as a single file, behind
	// the place of the bundle's header. Programs that look for bundles have it, too, and
	// some of these are large.
	bundleSignature = "\x8b\x12\x02\xb9\x6a\x61\x20\x38\x72\x7b\x93\x02\x14" + bundleMark
	// maxBundle is what syft searches, in bytes. What it says of larger files is left to it.
	maxBundle = 512 << 20
	// maxBundleVersion is above every version of the header, 1 to 6 until now.
	maxBundleVersion = 1 << 16
	// maxBundleList is what syft reads of the list of packages in a bundle, in bytes.
	maxBundleList = 3 << 20
)

// mayBeBundle reports whether syft can find a header where the signature in a program
// says that it is. It looks for it as syft does, but syft takes all of the program
// into memory. Whatever cannot be told is left to syft.
func mayBeBundle(program filetree.Content) bool {
	size := program.Size()
	if size > maxBundle {
		return true
	}
	at, found := find(program, size, bundleSignature)
	if !found || at < 8 {
		return true
	}
	var place [8]byte
	if _, err := program.ReadAt(place[:], at-8); err != nil {
		return true
	}
	header := binary.LittleEndian.Uint64(place[:])
	if header == 0 { // every program of .NET has room for it
		return false
	}
	return header >= uint64(size) || mayBeHeader(program, size, int64(header)) //nolint:gosec // a size is not negative
}

// mayBeHeader reports whether the header of a bundle can be at a place: it is of a
// version that there may be, or it says where a list of packages is that can be there.
// Of anything else syft reads nothing.
func mayBeHeader(program io.ReaderAt, size, at int64) bool {
	r := bufio.NewReader(io.NewSectionReader(program, at, size-at))
	var header struct {
		Version, Minor uint32
		Files          int32
	}
	if err := binary.Read(r, binary.LittleEndian, &header); err != nil || header.Version < maxBundleVersion {
		return true
	}
	name, err := binary.ReadUvarint(r)
	if err != nil || name > uint64(size) { //nolint:gosec // a size is not negative
		return true
	}
	if _, err := r.Discard(int(name)); err != nil { //nolint:gosec // less than the size
		return true
	}
	var list struct{ Offset, Size int64 }
	if err := binary.Read(r, binary.LittleEndian, &list); err != nil || list.Offset <= 0 || list.Size <= 0 {
		return true
	}
	return list.Size <= maxBundleList && list.Offset <= size-list.Size
}

// find returns where in a content a text is for the first time.
func find(content io.ReaderAt, size int64, text string) (at int64, found bool) {
	part := make([]byte, 256<<10)
	for at := int64(0); at < size; at += int64(len(part) - len(text) + 1) {
		n, err := content.ReadAt(part, at)
		if i := bytes.Index(part[:n], []byte(text)); i >= 0 {
			return at + int64(i), true
		}
		if err != nil {
			return 0, false
		}
	}
	return 0, false
}
