package git

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

const (
	maxChain = 4095     // deltas one upon the other, git's own limit
	maxKnown = 32 << 20 // bytes of objects that are kept for what builds on them
	maxBase  = 64 << 20 // bytes of one object, and of the deltas that make it
)

// content is an object as it was before git packed it.
type content struct {
	kind plumbing.ObjectType
	data []byte
}

// pack is a file with objects. Those that are alike are kept as one and what
// differs from it; go-git reads both, and joins them.
type pack struct {
	name    string // of its index
	index   *idx
	indexed *os.File
	packed  *os.File // opened when an object is in it
	scanner *packfile.Scanner
	known   map[int64]content // by place
	size    int               // bytes of what is known
}

func openPack(name string) (*pack, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	p := &pack{name: name, indexed: file, known: map[int64]content{}}
	info, err := file.Stat()
	if err == nil {
		p.index, err = openIdx(file, info.Size())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
	}
	return p, nil
}

// close closes what was only read from.
func (p *pack) close() {
	_ = p.indexed.Close()
	if p.packed != nil {
		_ = p.packed.Close()
	}
}

// object returns an object, of at most limit bytes.
func (p *pack) object(hash plumbing.Hash, limit int64) (content, bool, error) {
	offset, found, err := p.index.find(hash)
	if err != nil || !found {
		return content{}, false, p.named(err)
	}
	if err := p.open(); err != nil {
		return content{}, false, p.named(err)
	}
	c, err := p.at(offset, limit)
	return c, err == nil, p.named(err)
}

func (p *pack) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", p.name, err)
}

// open opens the pack and sees that its index is one of it.
func (p *pack) open() error {
	if p.packed != nil {
		return nil
	}
	file, err := os.Open(strings.TrimSuffix(p.name, ".idx") + ".pack")
	if err != nil {
		return err
	}
	if err := p.belongs(file); err != nil {
		return errors.Join(err, file.Close())
	}
	p.packed, p.scanner = file, packfile.NewScanner(file)
	return nil
}

func (p *pack) belongs(file *os.File) error {
	var head [12]byte
	var sum plumbing.Hash
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if _, err := file.ReadAt(head[:], 0); err != nil {
		return fmt.Errorf("reading its pack: %w", err)
	}
	if _, err := file.ReadAt(sum[:], info.Size()-int64(len(sum))); err != nil {
		return fmt.Errorf("reading its pack: %w", err)
	}
	if string(head[:4]) != "PACK" || int64(binary.BigEndian.Uint32(head[8:])) != p.index.count() || sum != p.index.packed {
		return fmt.Errorf("%w: it is that of another pack", errIdx)
	}
	return nil
}

// delta is what makes an object from the one that it is based on.
type delta struct {
	place int64
	data  []byte
}

// at returns the object at a place.
func (p *pack) at(place, limit int64) (content, error) {
	var deltas []delta
	read := int64(0)
	for len(deltas) <= maxChain {
		if base, ok := p.known[place]; ok {
			return p.join(base, deltas, limit)
		}
		most := int64(maxBase)
		if len(deltas) == 0 {
			most = limit
		}
		head, data, err := p.entry(place, most)
		if err != nil {
			return content{}, fmt.Errorf("an object at %d of its pack: %w", place, err)
		}
		if !head.Type.IsDelta() {
			base := content{head.Type, data}
			p.keep(place, base)
			return p.join(base, deltas, limit)
		}
		if read += head.Length; read > maxBase {
			return content{}, tooLong(read, maxBase)
		}
		deltas = append(deltas, delta{place, data})
		if place, err = p.base(head); err != nil {
			return content{}, err
		}
	}
	return content{}, fmt.Errorf("an object builds on more than %d others", maxChain)
}

// entry reads what is at a place: an object of at most limit bytes, or a delta.
func (p *pack) entry(place, limit int64) (*packfile.ObjectHeader, []byte, error) {
	head, err := p.scanner.SeekObjectHeader(place)
	if err != nil {
		return nil, nil, err
	}
	if head.Type.IsDelta() {
		limit = maxBase
	}
	switch {
	case !head.Type.Valid():
		return nil, nil, errors.New("it is of no kind")
	case head.Length > limit:
		return nil, nil, tooLong(head.Length, limit)
	}
	var data bytes.Buffer
	written, _, err := p.scanner.NextObject(&data) // which ends at the length that the head says
	if err != nil {
		return nil, nil, err
	}
	if written != head.Length {
		return nil, nil, fmt.Errorf("it has %d bytes instead of %d", written, head.Length)
	}
	return head, data.Bytes(), nil
}

// base returns where the object begins that a delta is based on.
func (p *pack) base(head *packfile.ObjectHeader) (int64, error) {
	if head.Type == plumbing.OFSDeltaObject {
		return head.OffsetReference, nil
	}
	place, found, err := p.index.find(head.Reference)
	if err == nil && !found {
		err = fmt.Errorf("the object %s is missing, and another is based on it", head.Reference)
	}
	return place, err
}

// join applies deltas, the last first.
func (p *pack) join(base content, deltas []delta, limit int64) (content, error) {
	for i := len(deltas) - 1; i >= 0; i-- {
		d, bound := deltas[i], int64(maxBase)
		if i == 0 {
			bound = limit
		}
		if size := d.makes(); size > uint64(bound) {
			return content{}, tooLong(int64(min(size, 1<<62)), bound)
		}
		data, err := packfile.PatchDelta(base.data, d.data)
		if err != nil {
			return content{}, fmt.Errorf("an object at %d of its pack: %w", d.place, err)
		}
		base = content{base.kind, data}
		p.keep(d.place, base)
	}
	return base, nil
}

// makes returns how long the object is that a delta makes: the second number of
// two.
func (d delta) makes() uint64 {
	_, n := binary.Uvarint(d.data)
	size, _ := binary.Uvarint(d.data[max(n, 0):])
	return size
}

func (p *pack) keep(place int64, c content) {
	if p.size += len(c.data); p.size > maxKnown {
		p.size = len(c.data)
		clear(p.known)
	}
	p.known[place] = c
}

func tooLong(size, limit int64) error {
	return fmt.Errorf("it has %d bytes, the limit is %d (%d MiB)", size, limit, limit>>20)
}
