package advisory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/anchore/grype/grype/version"

	"github.com/hallmark-ci/hallmark/internal/finding"
)

// The bounds of a table: bytes of the whole, and of one text in it.
const (
	maxTable = 16 << 20
	maxText  = 1024
)

// Parse reads a table: one JSON array of advisories. It is strict. An unknown
// field, a severity that is none or not given, an identifier that no database
// would give out, a range that does not parse or that holds its own fixed
// version, and a second entry for the same advisory and package are errors that
// name the entry.
func Parse(r io.Reader) ([]Advisory, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxTable+1))
	if err != nil {
		return nil, fmt.Errorf("reading the advisories: %w", err)
	}
	if len(content) > maxTable {
		return nil, fmt.Errorf("reading the advisories: more than %d MiB", maxTable>>20)
	}
	rows, err := decode(content)
	if err != nil {
		return nil, fmt.Errorf("reading the advisories: %w", err)
	}
	advisories := make([]Advisory, 0, len(rows))
	seen := map[[3]string]bool{}
	for i, row := range rows {
		if err := row.check(); err != nil {
			return nil, fmt.Errorf("reading advisory %d (%.40q): %w", i+1, row.ID, err)
		}
		key := [3]string{row.ID, row.Ecosystem, row.Package}
		if seen[key] {
			return nil, fmt.Errorf("reading advisory %d (%.40q): there is one already for %s", i+1, row.ID, row.Package)
		}
		seen[key] = true
		row.Advisory.Severity = *row.Severity
		advisories = append(advisories, row.Advisory)
	}
	return advisories, nil
}

// row is an advisory as it is written. Its severity is a pointer, so that one
// that was forgotten differs from one that is unknown.
type row struct {
	Advisory
	Severity *finding.Severity `json:"severity"`
}

func decode(content []byte) ([]row, error) {
	if !utf8.Valid(content) {
		return nil, errors.New("the text is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var rows []row
	if err := decoder.Decode(&rows); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the end of the array")
	}
	return rows, nil
}

func (r row) check() error {
	for _, check := range []func(row) error{checkNames, checkEcosystem, checkTexts, checkRange, checkRatings} {
		if err := check(r); err != nil {
			return err
		}
	}
	return nil
}

func checkNames(r row) error {
	pattern := regexp.MustCompile(`^(CVE-[0-9]{4}-[0-9]{4,12}|GHSA(-[0-9a-z]{4}){3}|GO-[0-9]{4}-[0-9]{4,12})$`)
	for _, name := range append([]string{r.ID}, r.Aliases...) {
		if !pattern.MatchString(name) {
			return fmt.Errorf("%.40q is not a CVE, GHSA or GO identifier", name)
		}
	}
	if _, debian := r.debian(); debian && !strings.HasPrefix(r.ID, "CVE-") {
		return errors.New("the id of an advisory of Debian is a CVE")
	}
	return nil
}

func checkEcosystem(r row) error {
	_, debian := r.debian()
	if r.Ecosystem != "npm" && r.Ecosystem != "go" && !debian {
		return fmt.Errorf("ecosystem %.40q is none of npm, go and debian:RELEASE", r.Ecosystem)
	}
	return nil
}

func checkTexts(r row) error {
	if r.Package == "" || r.Summary == "" {
		return errors.New("the package or the summary is empty")
	}
	for _, text := range []string{r.Package, r.Affected, r.Fixed, r.CVSS, r.Summary} {
		if len(text) > maxText {
			return fmt.Errorf("a text is longer than %d bytes", maxText)
		}
	}
	return nil
}

func checkRange(r row) error {
	switch {
	case r.FixState != "" && r.FixState != "not-fixed" && r.FixState != "wont-fix":
		return fmt.Errorf("fixState %.40q is neither not-fixed nor wont-fix", r.FixState)
	case r.FixState != "" && r.Fixed != "":
		return errors.New("it is fixed, so it has no other fixState")
	}
	format := version.ParseFormat(r.format())
	constraint, err := version.GetConstraint(r.constraint(), format)
	if err != nil {
		return fmt.Errorf("the affected range %.80q does not parse: %w", r.constraint(), err)
	}
	if r.Fixed == "" {
		return nil
	}
	affected, err := constraint.Satisfied(version.New(r.Fixed, format))
	if err != nil {
		return fmt.Errorf("the fixed version %.80q does not parse: %w", r.Fixed, err)
	}
	if affected {
		return fmt.Errorf("the fixed version %.80q lies in the affected range", r.Fixed)
	}
	return nil
}

func checkRatings(r row) error {
	if r.Severity == nil {
		return errors.New("the severity is missing")
	}
	if r.CVSS != "" && cvssVersion(r.CVSS) == "" {
		return fmt.Errorf("%.80q is not a CVSS vector of version 3 or 4", r.CVSS)
	}
	return checkExploitation(r)
}

func checkExploitation(r row) error {
	if (r.EPSS != nil || r.KEV != nil) && r.CVE() == "" {
		return errors.New("EPSS and KEV are about a CVE, and it has none")
	}
	if e := r.EPSS; e != nil && (min(e.Score, e.Percentile) < 0 || max(e.Score, e.Percentile) > 1) {
		return errors.New("EPSS lies outside of 0 to 1")
	}
	if r.KEV != nil && r.KEV.DateAdded.IsZero() {
		return errors.New("kev has no dateAdded")
	}
	return nil
}

// debian returns the release of a Debian advisory, and whether it is one.
func (a Advisory) debian() (string, bool) {
	release, ok := strings.CutPrefix(a.Ecosystem, "debian:")
	number, err := strconv.ParseUint(release, 10, 16)
	return release, ok && err == nil && strconv.FormatUint(number, 10) == release
}

// format names how the ecosystem compares versions, in grype's words.
func (a Advisory) format() string {
	switch a.Ecosystem {
	case "npm", "go":
		return a.Ecosystem
	default:
		return "dpkg"
	}
}

// constraint returns the affected range in grype's notation.
func (a Advisory) constraint() string {
	if a.Affected == "" && a.Fixed != "" {
		return "< " + a.Fixed
	}
	return a.Affected
}

// cvssVersion returns the version that a CVSS vector says it is of, or the
// empty string.
func cvssVersion(vector string) string {
	for _, known := range []string{"3.0", "3.1", "4.0"} {
		if strings.HasPrefix(vector, "CVSS:"+known+"/") {
			return known
		}
	}
	return ""
}

// UnmarshalJSON decodes a day.
func (d *Date) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("decoding a day: %w", err)
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return fmt.Errorf("decoding a day: %.40q is not of the form 2006-01-02", text)
	}
	d.Time = day
	return nil
}

// MarshalJSON encodes the day as UnmarshalJSON takes it.
func (d Date) MarshalJSON() ([]byte, error) { return json.Marshal(d.Format(time.DateOnly)) }
