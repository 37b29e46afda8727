package scan_test

import (
	"testing"
	"time"

	"github.com/anchore/syft/syft/linux"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/scan"
)

// endings are what a database may say of when distributions end.
func endings() []string {
	row := func(values string) string {
		return "INSERT INTO operating_systems (name, release_id, major_version, minor_version, codename, channel, eol_date) VALUES (" + values + ")"
	}
	return []string{
		row("'redhat', 'rhel', '9', '', '', '', '2032-05-31 00:00:00+00:00'"),
		row("'redhat', 'rhel', '9', '2', '', 'eus', '2027-05-31 00:00:00+00:00'"),
		row("'alpine', 'alpine', '3', '12', '', '', '2022-05-01 00:00:00+00:00'"),
		row("'ubuntu', 'ubuntu', '24', '4', 'noble', '', NULL"),
		row("'fedora', 'fedora', '43', '', 'a', '', '2026-12-09 00:00:00+00:00'"),
		row("'fedora', 'fedora', '43', '', 'b', '', '2027-12-09 00:00:00+00:00'"),
	}
}

// TestTheEndOfADistribution: what the database does not say of this very release
// nobody says. A date of another would be worse than none.
func TestTheEndOfADistribution(t *testing.T) {
	database := open(t, scan.Config{Source: changed(t, folder(t), endings()...), CacheDir: t.TempDir()})
	for name, test := range map[string]struct {
		release *linux.Release
		want    string
	}{
		"another release":                 {&linux.Release{ID: "debian", VersionID: "11", VersionCodename: "bullseye"}, ""},
		"no release":                      {&linux.Release{ID: "debian"}, ""},
		"the next of the same major one":  {&linux.Release{ID: "alpine", VersionID: "3.24.0"}, ""},
		"one that another stands for":     {&linux.Release{ID: "centos", VersionID: "9"}, ""},
		"a distribution nobody knows":     {&linux.Release{ID: "homemade", VersionID: "12", IDLike: []string{"debian"}}, ""},
		"known, but not when it ends":     {&linux.Release{ID: "ubuntu", VersionID: "24.04", VersionCodename: "noble"}, ""},
		"records that disagree":           {&linux.Release{ID: "fedora", VersionID: "43"}, ""},
		"a release":                       {debian12(), "2026-06-10"},
		"one without its code name":       {&linux.Release{ID: "debian", VersionID: "12"}, "2026-06-10"},
		"one of two numbers":              {&linux.Release{ID: "alpine", VersionID: "3.12.4"}, "2022-05-01"},
		"one whose major release ends":    {&linux.Release{ID: "rhel", VersionID: "9.4"}, "2032-05-31"},
		"nor one that is paid for longer": {&linux.Release{ID: "rhel", VersionID: "9.2"}, "2032-05-31"},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := database.Scan(t.Context(), image(test.release, lodash()))
			if err != nil {
				t.Fatal(err)
			}
			d := result.Distribution
			if d == nil || d.Name != test.release.ID || d.Version != test.release.VersionID {
				t.Fatalf("the distribution is %+v", d)
			}
			if got := day(d.EndOfLife); got != test.want {
				t.Errorf("it ends %q, want %q", got, test.want)
			}
		})
	}
	for _, release := range []*linux.Release{nil, {}} {
		if result, err := database.Scan(t.Context(), image(release, lodash())); err != nil || result.Distribution != nil {
			t.Errorf("no distribution: %+v, %v", result.Distribution, err)
		}
	}
}

// TestADatabaseThatCannotSayWhenADistributionEnds is a damaged one: it is not the
// same as one that knows nothing of it.
func TestADatabaseThatCannotSayWhenADistributionEnds(t *testing.T) {
	damaged := "UPDATE operating_systems SET eol_date = 'soon' WHERE name = 'debian'"
	database := open(t, scan.Config{Source: changed(t, folder(t), damaged), CacheDir: t.TempDir()})
	if _, err := database.Scan(t.Context(), image(debian12())); fault.KindOf(err) != fault.Undecided {
		t.Errorf("got %v", err)
	}
}

func day(at *time.Time) string {
	if at == nil {
		return ""
	}
	return at.Format(time.DateOnly)
}
