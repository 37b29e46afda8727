package catalog

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/anchore/syft/syft/pkg"
)

// lostFields returns the fields of syft's metadata that matter to a scan and that
// syft does not write in CycloneDX; nil: there are none.
func lostFields(metadata any) any {
	switch m := metadata.(type) {
	case pkg.GolangBinaryBuildinfoEntry:
		if len(m.Symbols) > 0 {
			return goFields{Symbols: m.Symbols}
		}
	case pkg.ApkDBEntry:
		fields := apkFields{Architecture: m.Architecture}
		for _, f := range m.Files {
			fields.Files = append(fields.Files, f.Path)
		}
		return fields
	case pkg.RpmDBEntry:
		return rpmFields{Arch: m.Arch}
	case pkg.RpmArchive:
		return rpmFields{Arch: m.Arch}
	case pkg.JavaArchive: // also where there are none: syft's reader makes some up
		fields := javaFields{Properties: m.PomProperties}
		if m.Manifest != nil {
			fields.Manifest = slices.DeleteFunc(slices.Clone(m.Manifest.Main), func(kv pkg.KeyValue) bool { return kv.Key != "Name" })
		}
		return fields
	case pkg.JavaVMInstallation:
		return vmFields{Release: m.Release}
	}
	return nil
}

// The fields that lostFields returns, for each kind of package.
type (
	goFields struct {
		Symbols map[string][]string `json:"symbols,omitempty"` // function names by package: what is not in a program cannot harm it
	}
	apkFields struct {
		Architecture string   `json:"architecture,omitempty"`
		Files        []string `json:"files,omitempty"`
	}
	rpmFields struct {
		Arch string `json:"architecture,omitempty"`
	}
	javaFields struct {
		Properties *pkg.JavaPomProperties `json:"pomProperties,omitempty"`
		Manifest   pkg.KeyValues          `json:"manifest,omitempty"`
	}
	vmFields struct {
		Release pkg.JavaVMRelease `json:"release"`
	}
)

// restored returns syft's metadata with the fields of a supplement.
func restored(metadata any, fields json.RawMessage) (any, error) {
	switch m := metadata.(type) {
	case pkg.GolangBinaryBuildinfoEntry:
		f, err := fieldsFrom[goFields](fields)
		m.Symbols = f.Symbols
		return m, err
	case pkg.ApkDBEntry:
		f, err := fieldsFrom[apkFields](fields)
		m.Architecture = f.Architecture
		for _, path := range f.Files {
			m.Files = append(m.Files, pkg.ApkFileRecord{Path: path})
		}
		return m, err
	case pkg.RpmDBEntry:
		f, err := fieldsFrom[rpmFields](fields)
		m.Arch = f.Arch
		return m, err
	case pkg.RpmArchive:
		f, err := fieldsFrom[rpmFields](fields)
		m.Arch = f.Arch
		return m, err
	case pkg.JavaArchive:
		f, err := fieldsFrom[javaFields](fields)
		m.PomProperties = f.Properties
		if len(f.Manifest) > 0 {
			m.Manifest = &pkg.JavaManifest{Main: f.Manifest}
		}
		return m, err
	case pkg.JavaVMInstallation:
		f, err := fieldsFrom[vmFields](fields)
		m.Release = f.Release
		return m, err
	}
	return nil, errors.New("the supplement is about other kinds of packages")
}

func fieldsFrom[T any](raw json.RawMessage) (T, error) {
	var fields T
	err := json.Unmarshal(raw, &fields)
	return fields, err
}
