package filetree

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// maxLinks is the number of links that are followed for one path, at most.
const maxLinks = 100

// Lookup returns the file at a path. Links are followed on the way to it; if it is
// a link itself, that is what is returned. Nil: nothing is there.
func (t *Tree) Lookup(p string) *File {
	return resolve(t.root, t.root, path.Clean("/"+p), false, child)
}

// Find returns the file at a path, with all links followed. Nil: nothing is there.
func (t *Tree) Find(p string) *File {
	return resolve(t.root, t.root, path.Clean("/"+p), true, child)
}

// target returns what a file stands for: that which a link points to in the end, and
// any other file itself. Nil: nothing is there.
func (t *Tree) target(f *File) *File {
	if !f.isLink() {
		return f
	}
	return resolve(t.root, f.parent, f.destination(), true, child)
}

// destination returns the path that a link points to, absolute or from where it is.
// A hard link's is one from the root.
func (f *File) destination() string {
	if f.entry.kind == HardLink {
		return "/" + f.entry.link
	}
	return f.entry.link
}

// child returns the file of a name in a folder of a whole tree.
func child(dir *File, name string) *File {
	i, found := slices.BinarySearchFunc(dir.children, name, func(f *File, name string) int { return cmp.Compare(f.name, name) })
	if !found {
		return nil
	}
	return dir.children[i]
}

// resolve returns what is at a path, as a kernel does with "/" at root: each name is
// looked up where the one before has led. The last one is followed, if it is a link,
// only where that is asked for.
func resolve(root, from *File, p string, follow bool, child func(*File, string) *File) *File {
	walk := walker{root: root, child: child, links: maxLinks}
	return walk.walk(from, p, follow)
}

type walker struct {
	root  *File
	child func(*File, string) *File
	links int // that may still be followed
}

func (w *walker) walk(at *File, p string, follow bool) *File {
	if strings.HasPrefix(p, "/") {
		at = w.root
	}
	for p != "" {
		var name string
		name, p, _ = strings.Cut(p, "/")
		switch name {
		case "", ".":
			continue
		case "..":
			if at.parent != nil {
				at = at.parent
			}
			continue
		}
		next := w.child(at, name)
		if next != nil && next.isLink() && (follow || strings.Trim(p, "/") != "") {
			next = w.follow(next)
		}
		if next == nil {
			return nil
		}
		at = next
	}
	return at
}

// follow returns what a link points to in the end.
func (w *walker) follow(link *File) *File {
	if w.links--; w.links < 0 {
		return nil
	}
	return w.walk(link.parent, link.destination(), true)
}
