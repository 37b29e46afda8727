//go:build unix

package ci_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/ci"
)

// A container works as root. What it leaves must be the workspace owner's, and
// nothing else may become theirs through a link.
func TestFilesGoToTheOwnerOfTheWorkspace(t *testing.T) {
	workspace, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	folder := filepath.Join(workspace, "hallmark")
	file, second := filepath.Join(folder, "attestations", "a.json"), filepath.Join(folder, "second-name")
	for _, step := range []error{
		os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o600), os.WriteFile(elsewhere, nil, 0o600),
		os.Symlink(elsewhere, filepath.Join(folder, "link")), os.Link(elsewhere, second),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	want := uint32(os.Geteuid())
	if want == 0 {
		want = 12345
		if err := os.Chown(workspace, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	if err := (ci.Context{Host: ci.GitHub, Workspace: workspace}).GiveToOwner(folder); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]uint32{folder: want, file: want, elsewhere: uint32(os.Geteuid()), second: uint32(os.Geteuid())} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Sys().(*syscall.Stat_t).Uid; got != want {
			t.Errorf("%s belongs to %d, want %d", path, got, want)
		}
	}
}
