package catalog

import (
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
	// maxBundleVersion is above every version of the header, 1 to 6 until now, and below
	// what is read where there is none.
	maxBundleVersion = 1 << 16
)

// mayBeBundle reports whether syft can find a header where the signature in a program
// says that it is. It looks for it as syft does, but syft takes all of the program
// into memory. Whatever cannot be told is left to syft.
func mayBeBundle(program filetree.Content) bool {
	size := program.Size()
	at, found := find(program, size, bundleSignature)
	if size > maxBundle || !found || at < 8 {
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
	var version [4]byte
	if header > uint64(size) { //nolint:gosec // a size is not negative
		return true
	}
	if _, err := program.ReadAt(version[:], int64(header)); err != nil {
		return true
	}
	return binary.LittleEndian.Uint32(version[:]) < maxBundleVersion
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
