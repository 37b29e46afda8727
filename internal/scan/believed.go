package scan

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A cache is believed where nobody else could have put a database into it. Its folders
// and files must belong to who runs the program, to root, or to the owner of the home
// folder: in a container that runs as root, that is who started it and gave it its home.
// None of them may be writable by a group or by everybody, and no folder above them
// either, unless it is sticky as /tmp is. What a symbolic link names is looked at just so.

// otherWrite are the permissions to write of a group and of everybody.
const otherWrite fs.FileMode = 0o022

// doubt says why a cache is not believed; empty: it is.
func (c cache) doubt() string {
	whole, err := filepath.Abs(c.dir)
	if c.dir == "" || err != nil {
		return ""
	}
	paths := []string{whole}
	if target, err := filepath.EvalSymlinks(whole); err == nil && target != whole {
		paths = append(paths, target)
	}
	for _, path := range paths {
		for dir := path; ; dir = filepath.Dir(dir) {
			info, err := os.Lstat(dir)
			if err == nil { // else it is still to be made, or nobody can use it
				if why := c.doubtOf(info, dir != path); why != "" {
					return dir + " " + why
				}
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return ""
}

// doubtOf says why one file or folder is not believed. Above the cache a sticky folder
// is: nobody can take away in it what is somebody else's.
func (c cache) doubtOf(info fs.FileInfo, above bool) string {
	uid, known := ownerOf(info)
	if known && !slices.Contains(c.believed(), uid) {
		return fmt.Sprintf("belongs to the user %d", uid)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return "" // its permissions say nothing; what it names is looked at
	}
	if info.Mode()&otherWrite != 0 && (!above || info.Mode()&fs.ModeSticky == 0) {
		return fmt.Sprintf("can be written to by others (%#o)", info.Mode().Perm())
	}
	return ""
}

// believed returns the users whose files are believed.
func (c cache) believed() []int {
	users := []int{0, os.Geteuid()}
	if info, err := os.Stat(c.home); c.home != "" && err == nil {
		if uid, known := ownerOf(info); known {
			users = append(users, uid)
		}
	}
	return users
}

// trusts reports whether the parts of the cache are its own: each is a file or a folder,
// and nobody else's.
func (c cache) trusts(parts ...string) bool {
	return !slices.ContainsFunc(parts, func(path string) bool {
		info, err := os.Lstat(path)
		return err != nil || !info.Mode().IsRegular() && !info.IsDir() || c.doubtOf(info, false) != ""
	})
}

// private returns the cache if it is believed, and else one for this process alone,
// which remove removes, and a note that says why.
func (c cache) private() (use cache, note string, remove func() error, err error) {
	nothing := func() error { return nil }
	why := c.doubt()
	if why == "" {
		return c, "", nothing, nil
	}
	dir, err := os.MkdirTemp("", "hallmark-")
	if err != nil {
		return c, "", nothing, fmt.Errorf("making a temporary folder for the vulnerability database: %w", err)
	}
	note = fmt.Sprintf("the cache of vulnerability databases is not used: %s; take the right to write away from "+
		"others, or name a folder that is yours alone with cache-dir", strings.TrimSpace(bounded(why)))
	return cache{dir: dir, home: c.home}, note, func() error { return os.RemoveAll(dir) }, nil
}
