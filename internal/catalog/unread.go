package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// maxUnreadLine bounds what is told of a file that could not be read, in bytes.
const maxUnreadLine = 300

// emptyDatabase is syft's reason where it read a file to its end and found no
// package in it.
const emptyDatabase = "unable to determine packages"

// unread is a file that a cataloger could not read, or not to its end: what is
// in it may be missing from the SBOM. syft calls it an unknown, and no error.
type unread struct{ path, cataloger, reason string }

// unreadOf returns syft's unknowns in a stable order. Those that come of trying
// what a file was never meant for are left out.
func unreadOf(found *sbom.SBOM) []unread {
	var out []unread
	programs := goPrograms(found.Artifacts.Packages)
	for coordinates, texts := range found.Artifacts.Unknowns {
		for _, text := range texts {
			cataloger, reason, _ := strings.Cut(text, ": ")
			u := unread{coordinates.RealPath, cataloger, reason}
			// A Go program that knows the mark of .NET bundles, as syft does, is none.
			noBundle := programs[coordinates] && cataloger == "dotnet-deps-binary-cataloger"
			if !noBundle && !u.besideDatabase() {
				out = append(out, u)
			}
		}
	}
	slices.SortFunc(out, func(a, b unread) int {
		return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.cataloger, b.cataloger), strings.Compare(a.reason, b.reason))
	})
	return out
}

// goPrograms returns the files whose Go modules were found.
func goPrograms(packages *pkg.Collection) map[file.Coordinates]bool {
	out := map[file.Coordinates]bool{}
	for p := range packages.Enumerate(pkg.GoModulePkg) {
		if p.FoundBy == "go-module-binary-cataloger" {
			for _, location := range p.Locations.ToSlice() {
				out[location.Coordinates] = true
			}
		}
	}
	return out
}

// besideDatabase reports whether the file lies in dpkg's status.d, as in images
// without a package manager, and holds the checksums or the names of a package's
// files. syft tries it as a database, too.
func (u unread) besideDatabase() bool {
	extension := path.Ext(u.path)
	return u.cataloger == "dpkg-db-cataloger" && u.reason == emptyDatabase &&
		path.Base(path.Dir(u.path)) == "status.d" && (extension == ".md5sums" || extension == ".conffiles")
}

// harmless reports whether nothing is missing from the SBOM because of u: the file was
// read and is no package's, or what is missing only adds to a package that is listed.
func (u unread) harmless(content func(path string) []byte) bool {
	switch text := content(u.path); {
	case text != nil && len(text) == 0 && !strings.Contains(u.reason, "write-ahead log"):
		return true // empty
	case u.reason == emptyDatabase, u.reason == "no package identified in archive":
		return true // read to its end
	case u.cataloger == "alpm-db-cataloger":
		return path.Base(u.path) != "desc"
	case u.cataloger == "javascript-package-cataloger":
		// Node refuses what is no JSON, as in the fixtures of well-known modules.
		return text != nil && !json.Valid(bytes.TrimPrefix(text, []byte("\ufeff")))
	}
	for _, prefix := range []string{
		"could not read python package ", "unable to read python record file", "unable to parse installed-files.txt for python package",
	} {
		if strings.HasPrefix(u.reason, prefix) {
			return true // they list files
		}
	}
	return false
}

// hidesPackages reports whether packages of an operating system may be missing
// because of u. isEmpty tells whether the file at a path has no bytes.
func (u unread) hidesPackages(isEmpty func(path string) bool) bool {
	switch u.cataloger {
	case "dpkg-db-cataloger", "apk-db-cataloger", "portage-cataloger":
		return u.reason != emptyDatabase || !isEmpty(u.path)
	case "rpm-db-cataloger":
		// rpm makes an empty database where it is only called, as on Debian.
		return u.reason != emptyDatabase && !isEmpty(u.path)
	case "alpm-db-cataloger":
		return path.Base(u.path) == "desc" // its other files only add to a package
	}
	return false
}

// checkDatabases returns an error for the first package database of an operating
// system that was not read whole: a scan without its packages would find nothing.
func checkDatabases(subject attest.Subject, found []unread, src source.Source) error {
	isEmpty := func(path string) bool { return emptyFile(src, path) }
	i := slices.IndexFunc(found, func(u unread) bool { return u.hidesPackages(isEmpty) })
	if i < 0 {
		return nil
	}
	err := fault.Undecidedf("cataloging %s: the package database %s cannot be read: %s",
		subject, plain.Line(found[i].path, maxUnreadLine), plain.Line(found[i].reason, maxUnreadLine))
	return fault.WithHint(err, "packages may be missing from the SBOM: rebuild the image from a sound base, "+
		"or delete the file from it if nothing is installed there; an error about a temporary file is about this machine's TMPDIR")
}

// emptyFile reports whether the image has a file of no bytes at a path.
func emptyFile(src source.Source, path string) bool {
	resolver, err := src.FileResolver(source.SquashedScope)
	if err != nil {
		return false
	}
	locations, err := resolver.FilesByPath(path)
	if err != nil || len(locations) != 1 {
		return false
	}
	metadata, err := resolver.FileMetadataByLocation(locations[0])
	return err == nil && metadata.Size() == 0
}

// gaps returns what was not read of the image: files that catalogers could not read, and
// databases that are not there.
func (s *imageSource) gaps(found *sbom.SBOM, missed []unread) []finding.Gap {
	var out []finding.Gap
	for _, u := range missed {
		if !u.harmless(s.small) {
			out = append(out, finding.Gap{What: plain.Line(u.path, maxUnreadLine), Why: plain.Line(u.cataloger+": "+u.reason, maxUnreadLine)})
		}
	}
	out = append(out, missingDatabases(found.Artifacts.LinuxDistribution, found.Artifacts.Packages, s.tree)...)
	return out
}

// maxSmall bounds a file that is looked at again, in bytes.
const maxSmall = 4 << 20

// small returns the content of a small file; nil: there is none, or it is not small.
func (s *imageSource) small(path string) []byte {
	f := s.tree.Find(path)
	if f == nil || f.Size() > maxSmall {
		return nil
	}
	content, err := s.tree.Open(f)
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(content)
	if err != nil {
		return nil
	}
	return text
}
