package catalog

import (
	"context"
	"fmt"
	"io"
	"io/fs"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft/file"

	"github.com/hallmark-ci/hallmark/internal/filetree"
)

// resolver answers syft's catalogers from a tree. A location is a file of the tree
// that is no link, by the layer that it is from, and the path that it was found at.
type resolver struct {
	tree *filetree.Tree
	temp string // where databases are put together; empty: the system's own
}

var _ file.Resolver = resolver{}

// HasPath reports whether anything is at a path, a link that leads nowhere included.
func (r resolver) HasPath(path string) bool { return r.tree.Lookup(path) != nil }

// FilesByPath returns the files at paths, each file once, folders left out.
func (r resolver) FilesByPath(paths ...string) ([]file.Location, error) {
	found := collection{tree: r.tree}
	for _, path := range paths {
		found.add(path, r.tree.Find(path))
	}
	return found.locations, nil
}

// FilesByGlob returns the files that patterns match, each file once.
func (r resolver) FilesByGlob(patterns ...string) ([]file.Location, error) {
	found := collection{tree: r.tree}
	for _, pattern := range patterns {
		matches, err := r.tree.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, match := range matches {
			found.add(match.Path, match.File)
		}
	}
	return found.locations, nil
}

// FilesByMIMEType returns the files whose contents are of one of the types.
func (r resolver) FilesByMIMEType(types ...string) ([]file.Location, error) {
	files, err := r.tree.ByType(types...)
	if err != nil {
		return nil, err
	}
	found := collection{tree: r.tree}
	for _, f := range files {
		found.add(f.Path(), f)
	}
	return found.locations, nil
}

// RelativeFileByPath returns the file at a path. There is one tree only, so it does
// not matter beside which other file.
func (r resolver) RelativeFileByPath(_ file.Location, path string) *file.Location {
	found, err := r.FilesByPath(path)
	if err != nil || len(found) == 0 {
		return nil
	}
	return &found[0]
}

// AllLocations returns everything that a layer has an entry for, without following
// links.
func (r resolver) AllLocations(ctx context.Context) <-chan file.Location {
	locations := make(chan file.Location)
	go func() {
		defer close(locations)
		_ = r.tree.Walk(func(f *filetree.File) error { // the end of ctx is no error of anybody
			if f.Implied() {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case locations <- locate(r.tree, f.Path(), f):
				return nil
			}
		})
	}()
	return locations
}

// FileContentsByLocation returns the content of a file, or of the file that a link
// points to.
func (r resolver) FileContentsByLocation(location file.Location) (io.ReadCloser, error) {
	f, err := r.at(location)
	if err != nil {
		return nil, err
	}
	if kind := f.Kind(); kind == filetree.Symlink || kind == filetree.HardLink {
		if f = r.tree.Find(location.RealPath); f == nil {
			return nil, fmt.Errorf("opening %s: the link leads nowhere", location.RealPath)
		}
	}
	if f.Kind() == filetree.Directory {
		return nil, fmt.Errorf("opening %s: it is a folder", location.RealPath)
	}
	log, err := unapplied(r.tree, f)
	switch {
	case err != nil:
		return nil, err
	case log != nil:
		return applied(r.tree, r.temp, f, log)
	}
	return r.tree.Open(f)
}

// FileMetadataByLocation returns what the layer says of a file.
func (r resolver) FileMetadataByLocation(location file.Location) (file.Metadata, error) {
	f, err := r.at(location)
	if err != nil {
		return file.Metadata{}, err
	}
	mediaType, err := r.tree.Type(f)
	if err != nil {
		return file.Metadata{}, err
	}
	uid, gid := f.Owner()
	return file.Metadata{
		FileInfo: stereofile.ManualInfo{
			NameValue: f.Name(), SizeValue: f.Size(), ModeValue: f.Mode(), ModTimeValue: f.Modified(),
		},
		Path: f.Path(), LinkDestination: f.Link(), UserID: uid, GroupID: gid, Type: typeOf(f.Kind()), MIMEType: mediaType,
	}, nil
}

// at returns the file of a location that came from here.
func (r resolver) at(location file.Location) (*filetree.File, error) {
	f := r.tree.Lookup(location.RealPath)
	if f == nil || f.Implied() || f.Path() != location.RealPath || r.tree.Layer(f) != location.FileSystemID {
		return nil, &fs.PathError{Op: "open", Path: location.RealPath, Err: fs.ErrNotExist}
	}
	return f, nil
}

// collection is locations of which each is another file.
type collection struct {
	tree      *filetree.Tree
	locations []file.Location
	seen      map[*filetree.File]bool
}

// add adds a file that was found at a path, if there is one and it is no folder.
func (c *collection) add(path string, f *filetree.File) {
	if f == nil || f.Kind() == filetree.Directory || c.seen[f] {
		return
	}
	if c.seen == nil {
		c.seen = map[*filetree.File]bool{}
	}
	c.seen[f] = true
	c.locations = append(c.locations, locate(c.tree, path, f))
}

func locate(tree *filetree.Tree, path string, f *filetree.File) file.Location {
	return file.NewVirtualLocationFromCoordinates(file.NewCoordinates(f.Path(), tree.Layer(f)), path)
}

func typeOf(kind filetree.Kind) stereofile.Type {
	switch kind {
	case filetree.Regular:
		return stereofile.TypeRegular
	case filetree.Directory:
		return stereofile.TypeDirectory
	case filetree.Symlink:
		return stereofile.TypeSymLink
	case filetree.HardLink:
		return stereofile.TypeHardLink
	case filetree.CharDevice:
		return stereofile.TypeCharacterDevice
	case filetree.BlockDevice:
		return stereofile.TypeBlockDevice
	case filetree.FIFO:
		return stereofile.TypeFIFO
	default:
		return stereofile.TypeIrregular
	}
}
