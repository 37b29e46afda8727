package scan

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// entry is a file or folder with a mode and an owner.
type entry struct {
	fs.FileInfo
	mode fs.FileMode
	uid  int
}

func (e entry) Mode() fs.FileMode { return e.mode }
func (e entry) Sys() any          { return &syscall.Stat_t{Uid: uint32(e.uid)} } //nolint:gosec // a user's number

// Who else could have put a database into a cache is asked of each folder and file.
func TestACacheIsDoubted(t *testing.T) {
	mine, somebody := os.Geteuid(), 4711
	for name, test := range map[string]struct {
		entry entry
		above bool
		want  string
	}{
		"a folder of mine":                 {entry: entry{mode: fs.ModeDir | 0o755, uid: mine}},
		"a folder of root":                 {entry: entry{mode: fs.ModeDir | 0o755}},
		"of somebody else":                 {entry: entry{mode: fs.ModeDir | 0o700, uid: somebody}, want: "belongs to the user 4711"},
		"above, of somebody else":          {entry: entry{mode: fs.ModeDir | 0o755, uid: somebody}, above: true, want: "belongs to the user 4711"},
		"a group's":                        {entry: entry{mode: fs.ModeDir | 0o775, uid: mine}, want: "can be written to by others (0775)"},
		"above, a group's":                 {entry: entry{mode: fs.ModeDir | 0o775, uid: mine}, above: true, want: "can be written to by others (0775)"},
		"everybody's":                      {entry: entry{mode: fs.ModeDir | 0o757, uid: mine}, want: "can be written to by others (0757)"},
		"a file for everybody":             {entry: entry{mode: 0o666, uid: mine}, want: "can be written to by others (0666)"},
		"above, as /tmp":                   {entry: entry{mode: fs.ModeDir | fs.ModeSticky | 0o777}, above: true},
		"above, as /tmp, of somebody else": {entry: entry{mode: fs.ModeDir | fs.ModeSticky | 0o777, uid: somebody}, above: true, want: "belongs to"},
		"as /tmp, but the cache itself":    {entry: entry{mode: fs.ModeDir | fs.ModeSticky | 0o777, uid: mine}, want: "can be written to"},
		"a link of mine":                   {entry: entry{mode: fs.ModeSymlink | 0o777, uid: mine}},
		"a link of somebody else":          {entry: entry{mode: fs.ModeSymlink | 0o777, uid: somebody}, want: "belongs to"},
		"above, a link of somebody else":   {entry: entry{mode: fs.ModeSymlink | 0o777, uid: somebody}, above: true, want: "belongs to"},
	} {
		t.Run(name, func(t *testing.T) {
			got := cache{}.doubtOf(test.entry, test.above)
			if test.want == "" && got != "" || !strings.HasPrefix(got, test.want) {
				t.Errorf("doubt = %q, want %q", got, test.want)
			}
		})
	}
}

// The owner of the home folder is believed: in a container that runs as root it is who
// started it.
func TestTheOwnerOfTheHomeIsBelieved(t *testing.T) {
	home := t.TempDir()
	info, err := os.Stat(home)
	if err != nil {
		t.Fatal(err)
	}
	uid, known := ownerOf(info)
	if users := (cache{home: home}).believed(); !known || users[len(users)-1] != uid || len(users) != 3 {
		t.Errorf("believed are %v", users)
	}
	if users := (cache{home: filepath.Join(home, "absent")}).believed(); len(users) != 2 {
		t.Errorf("believed are %v", users)
	}
}
