package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cpe"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Foreign reports whether the SBOM was read from a document that does not hold all that
// a scan reads: its package URLs say what is missing, such as the source package and the
// distribution of each package. syft's own JSON holds it all.
func (b SBOM) Foreign() bool { return b.foreign && !b.complete }

// listed is one component of a document that names a package.
type listed struct {
	id   string // its bom-ref, SPDXID or the like, made to differ from others
	name string // for people
	why  string // it was not read; empty: it should be among the packages
}

// listing compares what a document of somebody else lists with what was read of it.
type listing struct {
	components int           // that name a package
	matchable  int           // of these, the ones that a scanner can look up
	missed     []finding.Gap // the others
	notes      []string
}

const (
	maxMissed       = 20  // components that are named in gaps, one gap each
	maxMissedInNote = 5   // and in a note
	maxMissedName   = 200 // bytes of one name
)

// readForeign reads a document that another program wrote, in a format or, where that is
// empty, in syft's JSON. Each component that it lists is read, also where two share one
// identifier, of which syft's reader would drop the second.
func readForeign(format Format, document []byte) (content *sbom.SBOM, l listing, err error) {
	defer recoverTo(&err)
	var components []listed
	var notes []string
	switch format {
	case CycloneDX:
		content, components, notes, err = readForeignCycloneDX(document)
	case SPDX:
		content, components, err = readForeignSPDX(document)
	default:
		content, components, err = readForeignSyft(document)
	}
	if err == nil && content == nil {
		err = errors.New("it holds no SBOM")
	}
	if err != nil {
		return nil, listing{}, err
	}
	l = compareListed(components, content.Artifacts.Packages)
	l.notes = append(l.notes, notes...)
	return content, l, nil
}

// recoverTo makes an error of a panic. The readers of formats are not made for hostile
// documents: an element that is null ends one of them.
func recoverTo(err *error) {
	if reason := recover(); reason != nil {
		*err = fmt.Errorf("its reader gave up: %s", plain.Line(fmt.Sprint(reason), maxMissedName))
	}
}

// compareListed finds out which of the components that a document lists a scanner can look up.
func compareListed(components []listed, packages *pkg.Collection) listing {
	read := map[string]pkg.Package{}
	for p := range packages.Enumerate() {
		read[string(p.ID())] = p
	}
	l := listing{components: len(components)}
	for _, c := range components {
		p, found := read[c.id]
		switch {
		case c.why != "":
		case !found:
			c.why = "the document lists it as what the image was made from, not as a package in it"
		case matchable(p):
			l.matchable++
			continue
		case p.PURL == "":
			c.why = "it has neither a package URL nor a CPE that a scanner could look up"
		default:
			c.why = "no scanner looks up package URLs of its type, and it has no CPE"
		}
		l.missed = append(l.missed, finding.Gap{What: "SBOM component " + c.name, Why: c.why})
	}
	return l
}

// matchable reports whether a scanner can look a package up: by its ecosystem or by a
// CPE that names a product.
func matchable(p pkg.Package) bool {
	known := p.Type != "" && p.Type != pkg.UnknownPkg
	return known || slices.ContainsFunc(p.CPEs, func(c cpe.CPE) bool { return c.Attributes.Product != cpe.Any })
}

// Missed says which components an SBOM by somebody else lists that no scan of it looks
// at, as gaps of the scan, at most maxMissed of them and then how many more.
func (b SBOM) Missed() []finding.Gap {
	if !b.lists() {
		return nil
	}
	l := b.listing
	all := plain.Count(l.components, "component")
	switch {
	case l.components == 0:
		return []finding.Gap{{What: "SBOM", Why: "it lists no component that names a package"}}
	case l.matchable == 0:
		return []finding.Gap{{What: "SBOM", Why: "it lists " + all + ", none of which a scanner can look up"}}
	case len(l.missed) <= maxMissed:
		return slices.Clone(l.missed)
	}
	rest := finding.Gap{
		What: "SBOM: " + plain.Count(len(l.missed)-maxMissed, "more component"), Why: "no scanner can look them up",
	}
	return append(slices.Clone(l.missed[:maxMissed]), rest)
}

// Notes says what a person should know of an SBOM by somebody else.
func (b SBOM) Notes() []string {
	if !b.lists() {
		return nil
	}
	notes := slices.Clone(b.listing.notes)
	l := b.listing
	all := plain.Count(l.components, "component")
	switch {
	case l.components == 0:
		return append(notes, "the SBOM lists no component that names a package: nothing could be looked up")
	case l.matchable == 0:
		notes = append(notes, "the SBOM lists "+all+", none of which the scanner can match")
	case len(l.missed) > 0:
		notes = append(notes, fmt.Sprintf("of %s that the SBOM lists, the scanner can match %d, and not: %s",
			all, l.matchable, named(l.missed)))
	}
	return notes
}

// lists reports whether what the document lists counts: of what was made here, it is all
// that was found.
func (b SBOM) lists() bool { return b.foreign && b.origin.Kind != attest.Made }

func named(missed []finding.Gap) string {
	text := ""
	for i, gap := range missed[:min(len(missed), maxMissedInNote)] {
		if i > 0 {
			text += ", "
		}
		text += gap.What[len("SBOM component "):]
	}
	if rest := len(missed) - maxMissedInNote; rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}

// nameOf names a component for people.
func nameOf(purl, name, version string) string {
	if purl == "" {
		purl = name + " " + version
	}
	return plain.Line(purl, maxMissedName)
}

// names gives each component an identifier of its own.
type names map[string]bool

// unique returns the identifier to use in place of one, and whether that is another.
func (n names) unique(id string) (string, bool) {
	own := cmp.Or(id, "component")
	for i := 2; n[own]; i++ {
		own = fmt.Sprintf("%s-%d", id, i)
	}
	n[own] = true
	return own, own != id
}

// syftDocument is as much of syft's JSON as is looked at.
type syftDocument struct {
	Artifacts []struct {
		ID, Name, Version, PURL string
	} `json:"artifacts"`
}

func readForeignSyft(document []byte) (*sbom.SBOM, []listed, error) {
	var form syftDocument
	if err := json.Unmarshal(document, &form); err != nil {
		return nil, nil, err
	}
	var components []listed
	taken := names{}
	renamed := map[int]string{}
	for i, a := range form.Artifacts {
		id, changed := taken.unique(a.ID)
		if changed {
			renamed[i] = id
		}
		components = append(components, listed{id: id, name: nameOf(a.PURL, a.Name, a.Version)})
	}
	if len(renamed) > 0 {
		var err error
		if document, err = renameArtifacts(document, renamed); err != nil {
			return nil, nil, err
		}
	}
	content, _, _, err := syftjson.NewFormatDecoder().Decode(bytes.NewReader(document))
	return content, components, err
}

// renameArtifacts returns a document in syft's JSON with other identifiers of some of
// its artifacts.
func renameArtifacts(document []byte, renamed map[int]string) ([]byte, error) {
	return inField(document, "artifacts", func(list []byte) ([]byte, error) {
		var artifacts []json.RawMessage
		if err := json.Unmarshal(list, &artifacts); err != nil {
			return nil, err
		}
		for i, id := range renamed {
			encoded, err := encodeJSON(artifact.ID(id))
			if err != nil {
				return nil, err
			}
			own := func([]byte) ([]byte, error) { return []byte(encoded), nil }
			if artifacts[i], err = inField(artifacts[i], "id", own); err != nil {
				return nil, err
			}
		}
		return json.Marshal(artifacts)
	})
}
