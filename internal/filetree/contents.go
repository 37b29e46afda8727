package filetree

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
)

const (
	// inMemory is the number of bytes of all contents of a tree that are kept in
	// memory, at most: 16 MiB. The rest goes to a file.
	inMemory = 16 << 20
	// blockSize is the number of bytes that the contents of small files fill
	// together: 1 MiB.
	blockSize = 1 << 20
	// smallFile is the number of bytes of a content up to which it shares a block:
	// 256 KiB. A larger one has a block of its own.
	smallFile = 256 << 10
)

// contents is where the contents of files are kept. Several writers fill it at
// once, each block by one of them.
type contents struct {
	dir string // of the temporary file

	mu   sync.Mutex
	left int64 // bytes that may still be kept in memory
	file *os.File
	end  int64 // of the file
}

// block is a piece of memory or of the file.
type block struct {
	memory []byte
	file   *os.File
	base   int64 // of the block in the file
}

// content is where a file's content lies. None: no block.
type content struct {
	block  *block
	offset int64
}

// ReadAt implements io.ReaderAt.
func (b *block) ReadAt(p []byte, offset int64) (int, error) {
	if b.file != nil {
		return b.file.ReadAt(p, b.base+offset)
	}
	n := copy(p, b.memory[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (b *block) WriteAt(p []byte, offset int64) (int, error) {
	if b.file != nil {
		return b.file.WriteAt(p, b.base+offset)
	}
	return copy(b.memory[offset:], p), nil
}

// block returns room for a number of bytes.
func (c *contents) block(size int64) (*block, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if size <= c.left {
		c.left -= size
		return &block{memory: make([]byte, size)}, nil
	}
	if c.file == nil {
		file, err := os.CreateTemp(c.dir, "contents-")
		if err != nil {
			return nil, err
		}
		c.file = file
	}
	b := &block{file: c.file, base: c.end}
	c.end += size
	return b, nil
}

// finish gives the file its size, which ends in a hole if the last content does.
func (c *contents) finish() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return nil
	}
	return c.file.Truncate(c.end)
}

// close removes the file.
func (c *contents) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return nil
	}
	return errors.Join(c.file.Close(), os.Remove(c.file.Name()))
}

// keeper writes contents, one after the other.
type keeper struct {
	contents *contents
	block    *block // that small files share
	small    []byte // what is to be written to it
	large    []byte // a part of a large file, after the end of the part before it
	marks    marks
}

func newKeeper(c *contents, m marks) *keeper {
	return &keeper{contents: c, small: make([]byte, 0, blockSize), large: make([]byte, m.overlap()+smallFile), marks: m}
}

// kept is what is known of a content that was read.
type kept struct {
	content content
	program bool  // it begins like a program
	marks   uint8 // that are in it, if it is a program
}

// keep reads a content of a size, which is above zero. It may be read where it is
// kept after flush.
func (k *keeper) keep(r io.Reader, size int64) (kept, error) {
	if size > smallFile {
		return k.keepLarge(r, size)
	}
	if k.block == nil || int64(len(k.small))+size > blockSize {
		if err := k.flush(); err != nil {
			return kept{}, err
		}
		var err error
		if k.block, err = k.contents.block(blockSize); err != nil {
			return kept{}, err
		}
	}
	begin := len(k.small)
	k.small = k.small[:begin+int(size)]
	whole := k.small[begin:]
	if _, err := io.ReadFull(r, whole); err != nil {
		return kept{}, cutShort(err)
	}
	got := kept{content: content{k.block, int64(begin)}, program: looksLikeProgram(whole)}
	if got.program {
		got.marks = k.marks.in(whole, 0)
	}
	return got, nil
}

// keepLarge keeps a content part by part. What a mark may begin with stands before the
// part that it may end in.
func (k *keeper) keepLarge(r io.Reader, size int64) (kept, error) {
	own, err := k.contents.block(size)
	if err != nil {
		return kept{}, err
	}
	got := kept{content: content{own, 0}}
	before, overlap := 0, k.marks.overlap()
	for offset := int64(0); offset < size; {
		part := k.large[overlap:][:min(size-offset, smallFile)]
		if _, err := io.ReadFull(r, part); err != nil {
			return kept{}, cutShort(err)
		}
		if !zeros(part) { // a hole in the file takes no room on the disk
			if _, err := own.WriteAt(part, offset); err != nil {
				return kept{}, err
			}
		}
		if offset == 0 {
			got.program = looksLikeProgram(part)
		}
		if got.program {
			got.marks = k.marks.in(k.large[overlap-before:overlap+len(part)], got.marks)
			before = copy(k.large[:overlap], part[max(0, len(part)-overlap):])
		}
		offset += int64(len(part))
	}
	return got, nil
}

// zeros reports whether p holds nothing else.
func zeros(p []byte) bool { return len(p) > 0 && p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1]) }

// flush writes what is not yet written of small files.
func (k *keeper) flush() error {
	if k.block == nil {
		return nil
	}
	_, err := k.block.WriteAt(k.small, 0)
	k.block, k.small = nil, k.small[:0]
	return err
}

// cutShort gives one name to an archive that ends inside a content.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
