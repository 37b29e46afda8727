package git

import (
	"crypto/sha1" // git names its objects by it
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// maxIndex bounds the index file of a repository, in bytes.
const maxIndex = 256 << 20

// dirty reports whether tracked files differ from the commit, staged or not; nil
// if that could not be told. As git does, it believes size and time of a file
// where they are those that git left, and reads it otherwise. Files that are not
// tracked do not count: a build leaves many.
func dirty(folder string, repository *gogit.Repository, head plumbing.Hash) *bool {
	written, ok := indexTime(repository)
	if !ok {
		return nil
	}
	staged, err := repository.Storer.Index()
	if err != nil {
		return nil
	}
	committed, err := treeOf(repository, head)
	if err != nil {
		return nil
	}
	tracked := 0
	for _, entry := range staged.Entries {
		tracked++
		if committed[entry.Name] != (leaf{entry.Hash, entry.Mode}) {
			return new(true)
		}
		if entry.SkipWorktree || entry.Mode == filemode.Submodule {
			continue
		}
		changed, err := changed(folder, entry, written)
		if err != nil {
			return nil
		}
		if changed {
			return new(true)
		}
	}
	return new(tracked != len(committed))
}

// indexTime returns when the index was written. A repository without one has
// nothing checked out.
func indexTime(repository *gogit.Repository) (time.Time, bool) {
	stored, ok := repository.Storer.(*objects)
	if !ok {
		return time.Time{}, false
	}
	info, err := stored.Filesystem().Stat("index")
	if err != nil || info.Size() > maxIndex {
		return time.Time{}, false
	}
	return info.ModTime(), true
}

type leaf struct {
	hash plumbing.Hash
	mode filemode.FileMode
}

// treeOf returns all files of a commit by their paths.
func treeOf(repository *gogit.Repository, hash plumbing.Hash) (map[string]leaf, error) {
	c, err := repository.CommitObject(hash)
	if err != nil {
		return nil, err
	}
	tree, err := c.Tree()
	if err != nil {
		return nil, err
	}
	walker := object.NewTreeWalker(tree, true, nil)
	defer walker.Close()
	leaves := map[string]leaf{}
	for {
		name, entry, err := walker.Next()
		if err == io.EOF { //nolint:errorlint // as the walker has it
			return leaves, nil
		}
		if err != nil {
			return nil, err
		}
		if entry.Mode != filemode.Dir {
			leaves[name] = leaf{entry.Hash, entry.Mode}
		}
	}
}

// changed reports whether a file is another than the index says. Times of the same
// moment as the index's own prove nothing.
func changed(folder string, entry *index.Entry, written time.Time) (bool, error) {
	if !filepath.IsLocal(entry.Name) {
		return true, nil
	}
	path := filepath.Join(folder, entry.Name)
	info, err := os.Lstat(path)
	if os.IsNotExist(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if info.ModTime().Equal(entry.ModifiedAt) && uint32(info.Size()) == entry.Size && entry.ModifiedAt.Before(written) { // git keeps 32 bits
		return false, nil
	}
	hash, err := blobHash(path, info)
	return hash != entry.Hash, err
}

// blobHash returns the hash that git gives to a file's content.
func blobHash(path string, info os.FileInfo) (plumbing.Hash, error) {
	var sum plumbing.Hash
	h := sha1.New() // git names its objects by it
	_, _ = fmt.Fprintf(h, "blob %d\x00", info.Size())
	switch {
	case info.Mode()&os.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return sum, err
		}
		_, _ = io.WriteString(h, filepath.ToSlash(target))
	case info.Mode().IsRegular():
		file, err := os.Open(path)
		if err != nil {
			return sum, err
		}
		defer file.Close() //nolint:errcheck // only read from
		if _, err := io.Copy(h, file); err != nil {
			return sum, err
		}
	default:
		return sum, nil // a folder or a device, where a file was
	}
	copy(sum[:], h.Sum(nil))
	return sum, nil
}
