//go:build unix

package ci

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// GiveToOwner gives a folder, and the files in it, to the owner of the
// workspace: a container works as root, and who comes after it must be able to
// remove what it left. Links are not followed.
func (c Context) GiveToOwner(folder string) error {
	if c.Host == None || c.Workspace == "" || os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(c.Workspace)
	if err != nil {
		return nil //nolint:nilerr // no workspace, no owner
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || shared(entry) {
			return err
		}
		return os.Lchown(path, int(owner.Uid), int(owner.Gid))
	})
	if err != nil {
		return fmt.Errorf("giving %s to the owner of the workspace: %w", folder, err)
	}
	return nil
}

// shared reports whether a file has another name, which may be anywhere.
func shared(entry fs.DirEntry) bool {
	info, err := entry.Info()
	if err != nil {
		return true
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || !info.IsDir() && stat.Nlink > 1
}
