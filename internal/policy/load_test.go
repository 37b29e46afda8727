package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

const always = "package sigstore\nisCompliant = true\n"

func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(t *testing.T)
		want  string
	}{
		{
			name: "a path that is not there", setup: func(*testing.T) {},
			want: "loading policies from policies: no such file or directory",
		},
		{
			name:  "an empty folder",
			setup: func(t *testing.T) { must(t, os.Mkdir("policies", 0o755)) },
			want:  "loading policies from policies: the folder holds no policy (*.rego)",
		},
		{
			name: "a folder with tests, hidden and other files only",
			setup: func(t *testing.T) {
				write(t, "policies/a_test.rego", always)
				write(t, "policies/.a.rego", always)
				write(t, "policies/.git/a.rego", always)
				write(t, "policies/README.md", "")
			},
			want: "loading policies from policies: the folder holds no policy (*.rego)",
		},
		{
			name: "a link to nothing",
			setup: func(t *testing.T) {
				write(t, "policies/a.rego", always)
				must(t, os.Symlink("gone", "policies/b.rego"))
			},
			want: "loading policies from policies: reading policies/b.rego: no such file or directory",
		},
		{
			name: "a link to a folder",
			setup: func(t *testing.T) {
				write(t, "policies/a.rego", always)
				must(t, os.Symlink(".", "policies/more"))
			},
			want: "loading policies from policies: policies/more is a link to a folder; name that folder itself",
		},
		{
			name:  "a file over the limit",
			setup: func(t *testing.T) { write(t, "policies/a.rego", strings.Repeat("#", MaxPolicySize+1)) },
			want:  "loading the policy policies/a.rego: the file is over the limit of 262144 bytes (256 KiB)",
		},
		{
			name: "more files than the limit",
			setup: func(t *testing.T) {
				for i := range maxPolicyFiles + 1 {
					write(t, fmt.Sprintf("policies/%d.rego", i), "")
				}
			},
			want: "loading policies from policies: more than 1000 files",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			c.setup(t)
			policies, err := Load([]string{"policies"}, Setting{})
			if err == nil || err.Error() != c.want {
				t.Fatalf("want %q, have %v and %d policies", c.want, err, len(policies))
			}
			if fault.KindOf(err) != fault.Undecided {
				t.Errorf("%q is not of the kind undecided", err)
			}
		})
	}
}

func TestLoadFindsAllOnce(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "one.rego", always)
	write(t, "named_test.rego", always)
	write(t, "dir/b.rego", always)
	write(t, "dir/a.rego", "broken")
	write(t, "dir/a_test.rego", always)
	write(t, "dir/below/c.rego", always)
	write(t, "data/real", always)
	must(t, os.Symlink(filepath.Join("..", "data", "real"), "dir/linked.rego"))
	policies, err := Load([]string{"one.rego", "dir", "./dir/b.rego", "named_test.rego"}, Setting{})
	must(t, err)
	var names []string
	for _, p := range policies {
		names = append(names, p.Name())
		if broken := p.Name() == "dir/a.rego"; broken != (len(p.Problems()) > 0) {
			t.Errorf("%s: problems %q", p.Name(), p.Problems())
		}
	}
	want := []string{"one.rego", "dir/a.rego", "dir/b.rego", "dir/below/c.rego", "dir/linked.rego", "named_test.rego"}
	if !slices.Equal(names, want) {
		t.Errorf("want %q, have %q", want, names)
	}
}
