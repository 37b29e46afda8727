package git

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/objfile"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

const (
	maxFolders    = 32      // with objects: the repository's own and those that it borrows from
	maxAlternates = 1 << 20 // bytes of the list of them
)

// objects is a storage of go-git that looks an object up without reading what else
// there is. Every object is summed: one that is not what its name says is an
// error, whatever index led to it.
type objects struct {
	*filesystem.Storage
	folders []string
	packs   []*pack
	listed  bool // what packs there are
}

// lazily has a repository look objects up one by one. What it returns is to be
// closed.
func lazily(repository *gogit.Repository) (*objects, error) {
	stored, ok := repository.Storer.(*filesystem.Storage)
	if !ok {
		return nil, errors.New("it is not on a file system")
	}
	own, err := stored.Filesystem().Chroot("objects")
	if err != nil {
		return nil, err
	}
	folders, err := withAlternates(own.Root())
	if err != nil {
		return nil, err
	}
	o := &objects{Storage: stored, folders: folders}
	repository.Storer = o
	return o, nil
}

// withAlternates returns a folder of objects and those that it borrows from.
func withAlternates(folder string) ([]string, error) {
	folders := []string{folder}
	for i := 0; i < len(folders); i++ {
		more, err := alternates(folders[i])
		if err != nil {
			return nil, err
		}
		for _, m := range more {
			if !slices.Contains(folders, m) {
				folders = append(folders, m)
			}
		}
		if len(folders) > maxFolders {
			return nil, fmt.Errorf("it borrows objects from more than %d folders", maxFolders-1)
		}
	}
	return folders, nil
}

// alternates reads from where a folder borrows objects
// (https://git-scm.com/docs/gitrepository-layout).
func alternates(folder string) ([]string, error) {
	file, err := os.Open(filepath.Join(folder, "info", "alternates"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read from
	var folders []string
	lines := bufio.NewScanner(io.LimitReader(file, maxAlternates))
	for lines.Scan() {
		line := lines.Text()
		if unquoted, err := strconv.Unquote(line); err == nil {
			line = unquoted
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !filepath.IsAbs(line) {
			line = filepath.Join(folder, line)
		}
		folders = append(folders, filepath.Clean(line))
	}
	return folders, lines.Err()
}

// EncodedObject returns an object.
func (o *objects) EncodedObject(kind plumbing.ObjectType, hash plumbing.Hash) (plumbing.EncodedObject, error) {
	limit := int64(maxBase)
	if kind == plumbing.CommitObject {
		limit = maxObject
	}
	c, err := o.find(hash, limit)
	if err != nil {
		return nil, err
	}
	if kind != plumbing.AnyObject && kind != c.kind {
		return nil, plumbing.ErrObjectNotFound
	}
	if size := int64(len(c.data)); size > limit {
		return nil, tooLong(size, limit)
	}
	if sum := plumbing.ComputeHash(c.kind, c.data); sum != hash {
		return nil, fmt.Errorf("the object %s is damaged: it is %s", hash, sum)
	}
	object := &plumbing.MemoryObject{}
	object.SetType(c.kind)
	_, err = object.Write(c.data)
	return object, err
}

// HasEncodedObject reports whether an object is there.
func (o *objects) HasEncodedObject(hash plumbing.Hash) error {
	_, err := o.EncodedObject(plumbing.AnyObject, hash)
	return err
}

// EncodedObjectSize returns the length of an object.
func (o *objects) EncodedObjectSize(hash plumbing.Hash) (int64, error) {
	object, err := o.EncodedObject(plumbing.AnyObject, hash)
	if err != nil {
		return 0, err
	}
	return object.Size(), nil
}

func (o *objects) find(hash plumbing.Hash, limit int64) (content, error) {
	for _, folder := range o.folders {
		c, found, err := loose(folder, hash, limit)
		if err != nil || found {
			return c, err
		}
	}
	if err := o.list(); err != nil {
		return content{}, err
	}
	for i, p := range o.packs {
		c, found, err := p.object(hash, limit)
		if err != nil {
			return content{}, err
		}
		if found { // what is asked for next is likely beside it
			copy(o.packs[1:i+1], o.packs[:i])
			o.packs[0] = p
			return c, nil
		}
	}
	return content{}, plumbing.ErrObjectNotFound
}

// loose reads an object that is in a file of its own.
func loose(folder string, hash plumbing.Hash, limit int64) (c content, found bool, err error) {
	name := hash.String()
	file, err := os.Open(filepath.Join(folder, name[:2], name[2:]))
	if errors.Is(err, fs.ErrNotExist) {
		return c, false, nil
	}
	if err != nil {
		return c, false, err
	}
	defer file.Close() //nolint:errcheck // only read from
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", file.Name(), err)
		}
	}()
	reader, err := objfile.NewReader(file)
	if err != nil {
		return c, false, err
	}
	defer reader.Close() //nolint:errcheck // it only gives its buffer back
	kind, size, err := reader.Header()
	if err != nil {
		return c, false, err
	}
	if size > limit {
		return c, false, tooLong(size, limit)
	}
	data, err := io.ReadAll(io.LimitReader(reader, size+1))
	return content{kind, data}, err == nil, err
}

// list opens the indexes of all packs.
func (o *objects) list() error {
	if o.listed {
		return nil
	}
	for _, folder := range o.folders {
		names, err := os.ReadDir(filepath.Join(folder, "pack"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, name := range names {
			if filepath.Ext(name.Name()) != ".idx" {
				continue
			}
			p, err := openPack(filepath.Join(folder, "pack", name.Name()))
			if err != nil {
				return err
			}
			o.packs = append(o.packs, p)
		}
	}
	o.listed = true
	return nil
}

func (o *objects) close() {
	for _, p := range o.packs {
		p.close()
	}
	o.packs = nil
}
