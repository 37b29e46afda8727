package git

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
)

// What the index of a pack consists of, in version 2 of its form
// (https://git-scm.com/docs/pack-format): a head, a table of how many objects begin
// with at most a byte, and for all objects, in the order of their names, the names,
// checksums and places; then wider places for packs over 2 GiB, and two checksums.
const (
	idxHead  = 8
	idxTable = 256 * 4
	idxNames = idxHead + idxTable
	idxName  = 20
	idxEntry = idxName + 4 + 4 // a name, a checksum, a place
	idxTail  = 2 * idxName
)

var errIdx = errors.New("the index of a pack is damaged")

// idx looks up objects in the index of a pack. Of the file it reads the table, and
// a few names for each object that is asked for: what it costs does not grow with
// the history.
type idx struct {
	file   io.ReaderAt
	upTo   [256]uint32 // objects whose name begins with this byte or a smaller one
	wide   int64       // places that take 64 bits
	packed plumbing.Hash
}

// openIdx reads what all look-ups need.
func openIdx(file io.ReaderAt, size int64) (*idx, error) {
	head := make([]byte, idxNames)
	if _, err := file.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("%w: it ends early", errIdx)
	}
	if !bytes.HasPrefix(head, []byte("\xfftOc\x00\x00\x00\x02")) {
		return nil, fmt.Errorf("%w or of another version than 2", errIdx)
	}
	x := &idx{file: file}
	for i := range x.upTo {
		x.upTo[i] = binary.BigEndian.Uint32(head[idxHead+4*i:])
		if i > 0 && x.upTo[i] < x.upTo[i-1] {
			return nil, fmt.Errorf("%w: its table is in no order", errIdx)
		}
	}
	rest := size - idxNames - idxTail - x.count()*idxEntry
	if rest < 0 || rest%8 != 0 || rest/8 > x.count() {
		return nil, fmt.Errorf("%w: %d bytes do not fit %d objects", errIdx, size, x.count())
	}
	x.wide = rest / 8
	if _, err := file.ReadAt(x.packed[:], size-idxTail); err != nil {
		return nil, fmt.Errorf("%w: it ends early", errIdx)
	}
	return x, nil
}

func (x *idx) count() int64 { return int64(x.upTo[255]) }

// find returns where in the pack an object begins.
func (x *idx) find(name plumbing.Hash) (offset int64, found bool, err error) {
	low, high := int64(0), int64(x.upTo[name[0]])
	if name[0] > 0 {
		low = int64(x.upTo[name[0]-1])
	}
	smallest, greatest := plumbing.Hash{name[0]}, plumbing.Hash(bytes.Repeat([]byte{0xff}, idxName))
	greatest[0] = name[0]
	for low < high {
		middle := low + (high-low)/2
		var here plumbing.Hash
		if err := x.read(here[:], idxNames+middle*idxName); err != nil {
			return 0, false, err
		}
		// Names in no order would hide an object that is there.
		if bytes.Compare(here[:], smallest[:]) < 0 || bytes.Compare(here[:], greatest[:]) > 0 {
			return 0, false, fmt.Errorf("%w: its names are in no order", errIdx)
		}
		switch bytes.Compare(name[:], here[:]) {
		case 0:
			offset, err = x.place(middle)
			return offset, err == nil, err
		case -1:
			high, greatest = middle, here
		default:
			low, smallest = middle+1, here
		}
	}
	return 0, false, nil
}

// place returns where the object with a number in the index begins.
func (x *idx) place(number int64) (int64, error) {
	places := idxNames + x.count()*(idxName+4)
	var narrow [4]byte
	if err := x.read(narrow[:], places+number*4); err != nil {
		return 0, err
	}
	place := int64(binary.BigEndian.Uint32(narrow[:]))
	if place < 1<<31 {
		return place, nil
	}
	place -= 1 << 31 // a number among the wider ones
	if place >= x.wide {
		return 0, fmt.Errorf("%w: it has no %dth wide place", errIdx, place+1)
	}
	var wide [8]byte
	if err := x.read(wide[:], places+x.count()*4+place*8); err != nil {
		return 0, err
	}
	far := binary.BigEndian.Uint64(wide[:])
	if far >= 1<<63 {
		return 0, fmt.Errorf("%w: an object is outside of every file", errIdx)
	}
	return int64(far), nil
}

func (x *idx) read(into []byte, at int64) error {
	if _, err := x.file.ReadAt(into, at); err != nil {
		return fmt.Errorf("reading the index of a pack: %w", err)
	}
	return nil
}
