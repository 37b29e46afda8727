package filetree

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Names that tell what to remove of the layers below.
const (
	whiteoutPrefix = ".wh."         // of what the rest of the name says
	opaqueMarker   = ".wh..wh..opq" // everything in the folder
)

// squash lays layers one over the other.
type squash struct {
	root  *File
	files map[place]*File // all but the root
	made  int             // files, also those that are gone
	most  int
}

// place is a name in a folder.
type place struct {
	parent *File
	name   string
}

func newSquash(most int) *squash {
	return &squash{root: &File{name: "/"}, files: map[place]*File{}, most: most}
}

// lay adds what a layer holds to what the ones below have left. A whiteout is about
// those below alone, wherever it stands in its layer.
func (s *squash) lay(entries []*entry) error {
	for _, e := range entries {
		if err := s.add(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *squash) add(e *entry) error {
	if e.path == "/" {
		if e.kind == Directory {
			s.root.entry = e
		}
		return nil
	}
	dir, name, removes := whiteout(e.path)
	parent, err := s.directory(dir)
	switch {
	case err != nil:
		return err
	case removes:
		s.remove(parent, name, e.layer)
		return nil
	}
	f, err := s.file(parent, name)
	if err != nil {
		return err
	}
	if e.kind == HardLink {
		s.bind(e, f)
	}
	if e.kind != Directory {
		s.clear(f, e.layer+1)
	}
	f.entry = e
	return nil
}

// whiteout divides a path into a folder and a name in it. If one of its elements is a
// whiteout, what that is about is meant, and nothing can be in it. A name that says
// no file, as ".wh..", removes nothing.
func whiteout(p string) (dir, name string, removes bool) {
	for at := 0; ; at++ {
		next := strings.Index(p[at:], "/"+whiteoutPrefix)
		if next < 0 {
			dir, name = path.Split(p)
			return dir, name, false
		}
		at += next
		if name, _, _ := strings.Cut(p[at+1:], "/"); name != whiteoutPrefix {
			return p[:at], name, true
		}
	}
}

// directory returns the folder at a path. What is there already and is no folder
// gives way: a link of a layer below does not lead what is put on it elsewhere.
func (s *squash) directory(dir string) (*File, error) {
	at := s.root
	for name := range strings.SplitSeq(dir, "/") {
		if name == "" {
			continue
		}
		next, err := s.file(at, name)
		if err != nil {
			return nil, err
		}
		if !next.isDir() {
			next.entry = nil
		}
		at = next
	}
	return at, nil
}

// file returns the file of a name in a folder, which is made if it is not there.
func (s *squash) file(parent *File, name string) (*File, error) {
	at := place{parent, name}
	if f := s.files[at]; f != nil {
		return f, nil
	}
	if s.made++; s.made > s.most {
		return nil, tooManyFiles(s.most)
	}
	f := &File{name: name, parent: parent}
	s.files[at] = f
	parent.children = append(parent.children, f)
	return f, nil
}

func (s *squash) child(parent *File, name string) *File { return s.files[place{parent, name}] }

// bind makes a hard link another name of the file that is there now, as it does when
// the archive is unpacked. What happens to that path later does not matter to it.
func (s *squash) bind(e *entry, own *File) {
	target := resolve(s.root, s.root, e.link, false, s.child)
	if target == nil || target == own || target.entry == nil || target.isDir() || target.entry.kind == HardLink {
		return
	}
	to := target.entry
	e.kind, e.link, e.size, e.content, e.program, e.marks = to.kind, to.link, to.size, to.content, to.program, to.marks
	e.mode = e.mode&^fs.ModeType | to.mode.Type()
}

// remove does what a whiteout in a layer says.
func (s *squash) remove(parent *File, name string, layer int32) {
	if name == opaqueMarker {
		s.clear(parent, layer)
		return
	}
	name = strings.TrimPrefix(name, whiteoutPrefix)
	if f := s.child(parent, name); f != nil {
		s.drop(f, layer)
		if f.gone {
			delete(s.files, place{parent, name})
		}
	}
}

// clear removes what is in a folder and is of layers below.
func (s *squash) clear(dir *File, below int32) {
	dir.children = slices.DeleteFunc(dir.children, func(f *File) bool {
		if f.gone { // another may have its name now
			return true
		}
		s.drop(f, below)
		if f.gone {
			delete(s.files, place{dir, f.name})
		}
		return f.gone
	})
}

// drop removes a file of layers below, and what is in it. A folder stays, without an
// entry, if something of its layer is in it.
func (s *squash) drop(f *File, below int32) {
	s.clear(f, below)
	if f.entry != nil && f.entry.layer < below {
		f.entry = nil
	}
	f.gone = f.entry == nil && len(f.children) == 0
}
