// Package filetree unpacks the layers of a container image into one tree of files,
// without a file system.
//
// Each layer is a tar archive that is read once, from its beginning to its end,
// while others are read beside it. Of each entry the header is kept, and the
// content, in a few blocks of memory and beyond that in one temporary file. Then
// the layers are laid one over the other, from the lowest to the highest, as a
// container runtime does: whiteouts remove what is below them, hard links are
// names of the file that they meet, the last entry of a path counts.
//
// What comes out is the file system that a container would see, with an index of
// names and extensions. It can be walked, asked for paths and patterns with links
// followed, and for the contents of files. It never changes, so it may be asked by
// many at once.
//
// An image is hostile: names stay inside the tree, links end, and Limits bounds
// what an image may cost in memory. Bounding the bytes of a layer is up to whoever
// opens it.
package filetree

import (
	"io"
	"io/fs"
	"os"
	"path"
	"time"
)

// Kind is what a file is.
type Kind uint8

// The kinds of files.
const (
	Regular Kind = iota
	Directory
	Symlink
	HardLink // of nothing: a hard link to what is not there
	CharDevice
	BlockDevice
	FIFO
	Irregular // anything else that an archive may hold
)

// Tree is the file system of an image. Close it when nothing of it is read any
// more.
type Tree struct {
	root     *File
	layers   []string   // their IDs
	entries  [][]*entry // of each layer, as it holds them
	sizes    []int64    // of their contents
	contents *contents
	index    index
	types    types
	marks    marks
}

// File is a file in a tree: anything that has a path.
type File struct {
	name     string
	parent   *File
	children []*File // of a directory; sorted by name once the tree is whole
	entry    *entry  // nil: a directory that is only part of other paths
	gone     bool    // while layers are laid over it: it was removed
	aliased  bool    // it, or a directory that it is in, is what a link points to
}

// entry is what a layer says of a file.
type entry struct {
	path     string // clean, and absolute
	link     string // as it is written
	size     int64
	seconds  int64 // since the epoch: when it was modified
	nanos    int32
	uid, gid int
	mode     fs.FileMode
	kind     Kind
	program  bool  // it begins like a program
	marks    uint8 // that are in a program, a bit for each
	layer    int32 // from the lowest
	content  content
}

// Path returns the absolute path, in which no directory is a link.
func (f *File) Path() string {
	if f.entry != nil {
		return f.entry.path
	}
	if f.parent == nil {
		return "/"
	}
	return path.Join(f.parent.Path(), f.name)
}

// Name returns the last element of the path.
func (f *File) Name() string { return path.Base(f.Path()) }

// Kind returns what the file is.
func (f *File) Kind() Kind {
	if f.entry == nil {
		return Directory
	}
	return f.entry.kind
}

// Implied reports whether f is a directory that no layer has an entry for: it is
// there because something is in it.
func (f *File) Implied() bool { return f.entry == nil }

// Mode returns the permissions and the type as a file system would.
func (f *File) Mode() fs.FileMode {
	if f.entry == nil {
		return fs.ModeDir | 0o755
	}
	return f.entry.mode
}

// Size returns the number of bytes that the file holds.
func (f *File) Size() int64 {
	if f.entry == nil {
		return 0
	}
	return f.entry.size
}

// Owner returns the numbers of the user and the group that the file belongs to.
func (f *File) Owner() (uid, gid int) {
	if f.entry == nil {
		return 0, 0
	}
	return f.entry.uid, f.entry.gid
}

// Modified returns when the file was modified.
func (f *File) Modified() time.Time {
	if f.entry == nil {
		return time.Time{}
	}
	return time.Unix(f.entry.seconds, int64(f.entry.nanos))
}

// Link returns where a link points to, as it is written.
func (f *File) Link() string {
	if f.entry == nil {
		return ""
	}
	return f.entry.link
}

// isLink reports whether f stands for another path.
func (f *File) isLink() bool {
	return f.entry != nil && (f.entry.kind == Symlink || f.entry.kind == HardLink)
}

func (f *File) isDir() bool { return f.Kind() == Directory }

// Layer returns the ID of the layer that the file is from. An implied directory is
// from none.
func (t *Tree) Layer(f *File) string {
	if f.entry == nil {
		return ""
	}
	return t.layers[f.entry.layer]
}

// ContentSize returns the number of bytes that a layer's files hold, also those that
// are not in the tree.
func (t *Tree) ContentSize(layer int) int64 { return t.sizes[layer] }

// Content is the content of a file, to be read in any order. Closing it does
// nothing.
type Content struct{ *io.SectionReader }

// Close implements io.Closer.
func (Content) Close() error { return nil }

// Open returns the content of a file. That of a link, of a directory or of a device
// is empty.
func (t *Tree) Open(f *File) (Content, error) {
	if f.entry == nil || f.entry.content.block == nil {
		return Content{io.NewSectionReader(nothing{}, 0, 0)}, nil
	}
	return Content{io.NewSectionReader(f.entry.content.block, f.entry.content.offset, f.entry.size)}, nil
}

// Walk calls visit for every file, directories before what is in them and otherwise
// in the order of names, until it returns an error.
func (t *Tree) Walk(visit func(*File) error) error { return walk(t.root, visit) }

func walk(f *File, visit func(*File) error) error {
	if err := visit(f); err != nil {
		return err
	}
	for _, child := range f.children {
		if err := walk(child, visit); err != nil {
			return err
		}
	}
	return nil
}

// Every calls visit for every file that is in any layer, from the lowest, in the order
// in which the layers hold them, until it returns an error. That takes in what is not
// in the tree, as a later layer covers or removes it: whoever has the image can read
// it all the same.
func (t *Tree) Every(visit func(*File) error) error {
	for _, layer := range t.entries {
		for _, e := range layer {
			if err := visit(&File{name: path.Base(e.path), entry: e}); err != nil {
				return err
			}
		}
	}
	return nil
}

// AnyLayerHas returns the path of the first file of any layer for which wanted holds,
// whether or not it is in the tree; empty: there is none. A whiteout is no file.
func (t *Tree) AnyLayerHas(wanted func(path string, size int64) bool) string {
	for _, layer := range t.entries {
		for _, e := range layer {
			if e.kind == Regular && wanted(e.path, e.size) {
				return e.path
			}
		}
	}
	return ""
}

// Close frees what the contents were kept in.
func (t *Tree) Close() error { return t.contents.close() }

// nothing is the content of a file that has none.
type nothing struct{}

// ReadAt implements io.ReaderAt.
func (nothing) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }

var _ io.ReaderAt = (*os.File)(nil) // blocks are read from files
