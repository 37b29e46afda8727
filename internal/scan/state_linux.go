package scan

import (
	"os"
	"syscall"
)

// stateOf returns the state of a regular file, and false where it cannot be told.
func stateOf(file string) (fileState, bool) {
	info, err := os.Stat(file)
	if err != nil || !info.Mode().IsRegular() {
		return fileState{}, false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileState{}, false
	}
	return fileState{Device: s.Dev, Inode: s.Ino, Size: s.Size, Written: s.Mtim.Nano(), Changed: s.Ctim.Nano()}, true
}
