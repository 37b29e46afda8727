//go:build unix

package scan

import (
	"io/fs"
	"syscall"
)

// ownerOf returns the user whom a file belongs to, and false where that cannot be told.
func ownerOf(info fs.FileInfo) (uid int, known bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(s.Uid), true
}
