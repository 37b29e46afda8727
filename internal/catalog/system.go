package catalog

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"

	"github.com/hallmark-ci/hallmark/internal/filetree"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// chiselManifest lists the packages that an image without a package manager was cut
// from. It does not say which sources they were built from, by which advisories name
// them, so that matching them would find less than there is.
const chiselManifest = "/var/lib/chisel/manifest.wall"

// systemDatabase names the gap of an image of which the packages of the operating system
// are not known.
const systemDatabase = "the operating system's package database"

// manager is a package manager of operating systems: the type of its packages, who finds
// them, and the distributions that it installs.
type manager struct {
	kind          pkg.Type
	foundBy       string
	distributions []string
	isDatabase    func(path string) bool
}

// managers returns the package managers whose databases are read.
func managers() []manager {
	return []manager{
		{
			pkg.DebPkg, "dpkg-db-cataloger",
			[]string{"debian", "ubuntu", "devuan", "kali", "linuxmint", "pop", "raspbian"},
			func(p string) bool { return p == "/var/lib/dpkg/status" || path.Dir(p) == "/var/lib/dpkg/status.d" },
		},
		{
			pkg.ApkPkg, "apk-db-cataloger",
			[]string{"alpine", "wolfi", "chainguard", "minimos", "postmarketos"},
			func(p string) bool { return strings.HasSuffix(p, "lib/apk/db/installed") },
		},
		{
			pkg.RpmPkg, "rpm-db-cataloger",
			[]string{
				"almalinux", "amzn", "anolis", "azurelinux", "centos", "cloudlinux", "fedora", "mageia", "mariner", "ol", "openeuler", "opensuse",
				"opensuse-leap", "opensuse-tumbleweed", "photon", "rhel", "rocky", "scientific", "sle-micro", "sled", "sles", "suse",
			},
			isRPMDatabase,
		},
		{
			pkg.AlpmPkg, "alpm-db-cataloger",
			[]string{"arch", "archarm", "manjaro"},
			func(p string) bool { return strings.HasPrefix(p, "/var/lib/pacman/local/") && path.Base(p) == "desc" },
		},
		{
			pkg.PortagePkg, "portage-cataloger",
			[]string{"gentoo"},
			func(p string) bool { return strings.HasPrefix(p, "/var/db/pkg/") && path.Base(p) == "CONTENTS" },
		},
	}
}

func isRPMDatabase(p string) bool {
	switch path.Base(p) {
	case "Packages", "Packages.db", "rpmdb.sqlite":
		return slices.Contains([]string{"/var/lib/rpm", "/usr/share/rpm", "/usr/lib/sysimage/rpm"}, path.Dir(p))
	case "container-manifest-2":
		return path.Dir(p) == "/var/lib/rpmmanifest"
	}
	return false
}

// missingDatabases returns a gap where packages of an operating system have to be and
// none was found: the image says which distribution it is, or one of its layers has a
// database that a later one removes. Without its database a system is as vulnerable as
// before, and a scan finds nothing.
func missingDatabases(release *linux.Release, packages *pkg.Collection, tree *filetree.Tree) []finding.Gap {
	var gaps []finding.Gap
	for _, m := range managers() {
		if m.found(packages) {
			continue
		}
		if m.installs(release) {
			why := fmt.Sprintf("none with a package in it is there, though the image says that it is %s", system(release))
			if tree.Find(chiselManifest) != nil {
				why += "; of " + chiselManifest + " no scanner knows the sources"
			}
			gaps = append(gaps, finding.Gap{What: systemDatabase, Why: plain.Line(why, maxUnreadLine)})
		}
		if removed := m.removed(tree); removed != "" {
			gaps = append(gaps, finding.Gap{What: systemDatabase, Why: plain.Line(fmt.Sprintf("a later layer removes %s", removed), maxUnreadLine)})
		}
	}
	return gaps
}

// found reports whether any package came from a database of the manager.
func (m manager) found(packages *pkg.Collection) bool {
	found := false
	for p := range packages.Enumerate(m.kind) { // to its end, as the collection asks for
		found = found || p.FoundBy == m.foundBy
	}
	return found
}

// installs reports whether the manager installs a distribution, or one that it is like.
func (m manager) installs(release *linux.Release) bool {
	if release == nil {
		return false
	}
	return slices.ContainsFunc(append([]string{release.ID}, release.IDLike...), func(id string) bool {
		return slices.Contains(m.distributions, strings.ToLower(id))
	})
}

// removed returns the path of a database that a layer has and the image does not.
func (m manager) removed(tree *filetree.Tree) string {
	return tree.AnyLayerHas(func(path string, size int64) bool {
		return size > 0 && m.isDatabase(path) && tree.Find(path) == nil
	})
}
