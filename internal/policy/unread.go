package policy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// What a scan, or the SBOM below it, did not look at is unknown, and unknown is not
// harmless. So severity-cutoff and every policy that reads a scan or an SBOM is undecided
// where something was not read that no pattern allows to stay unread. What they deny
// they deny all the same. There is no exception for policies that only ask whether an
// SBOM is there: one rule, whatever a policy makes of what it reads.

// unreadMark names the gaps in an SBOM: as a property of CycloneDX's metadata, and
// before a = in an annotation of SPDX.
const unreadMark = "hallmark:unread"

// maxGapsNamed is how many gaps a reason names. The rest is counted.
const maxGapsNamed = 5

// Allowance is what may stay unread. Its zero value allows nothing.
type Allowance struct{ patterns []*regexp.Regexp }

// ParseAllowance reads patterns over what a gap is about: * stands for anything but /,
// ** for anything, and **/ also for no directory at all. An empty pattern, or one with
// characters that do not print, is a usage error.
func ParseAllowance(patterns []string) (Allowance, error) {
	var a Allowance
	for _, p := range patterns {
		unprintable := !utf8.ValidString(p) || strings.ContainsFunc(p, func(r rune) bool { return !unicode.IsPrint(r) })
		compiled, err := regexp.Compile(expression(p))
		if strings.TrimSpace(p) == "" || unprintable || err != nil {
			return Allowance{}, fault.WithHint(fault.Usagef("allow-unread has the pattern %q, which nothing can match", clean(p)),
				"write a path such as /opt/fixtures/**, or the name that the report lists")
		}
		a.patterns = append(a.patterns, compiled)
	}
	return a, nil
}

// expression returns the regular expression of a pattern. Clusters are given it, too.
func expression(pattern string) string {
	var out strings.Builder
	out.WriteString("(?s)^")
	for pattern != "" {
		switch {
		case strings.HasPrefix(pattern, "**/"):
			out.WriteString("(.*/)?")
			pattern = pattern[3:]
		case strings.HasPrefix(pattern, "**"):
			out.WriteString(".*")
			pattern = pattern[2:]
		case pattern[0] == '*':
			out.WriteString("[^/]*")
			pattern = pattern[1:]
		default:
			end := strings.IndexByte(pattern, '*')
			if end < 0 {
				end = len(pattern)
			}
			out.WriteString(regexp.QuoteMeta(pattern[:end]))
			pattern = pattern[end:]
		}
	}
	out.WriteString("$")
	return out.String()
}

// expressions returns the patterns as regular expressions, never nil.
func (a Allowance) expressions() []string {
	out := make([]string, len(a.patterns))
	for i, p := range a.patterns {
		out[i] = p.String()
	}
	return out
}

// covers reports whether a gap is allowed.
func (a Allowance) covers(g finding.Gap) bool {
	return slices.ContainsFunc(a.patterns, func(p *regexp.Regexp) bool { return p.MatchString(g.What) })
}

// objection returns why nothing can pass with these gaps; none if all are allowed.
func (a Allowance) objection(gaps []finding.Gap) reasons {
	left := slices.DeleteFunc(slices.Clone(gaps), a.covers)
	if len(left) == 0 {
		return reasons{}
	}
	var named []string
	for _, g := range left[:min(len(left), maxGapsNamed)] {
		named = append(named, fmt.Sprintf("%s (%s)", clean(g.What), clean(g.Why)))
	}
	if more := len(left) - len(named); more > 0 {
		named = append(named, fmt.Sprintf("and %d more", more))
	}
	var why reasons
	why.take(Reason{
		Message: "not everything was read: " + strings.Join(named, ", "),
		Fix:     "make it readable, or name what may stay unread with allow-unread",
	})
	return why
}

// isContent reports whether attestations of a type say what an image holds: an SBOM or
// a scan.
func isContent(predicateType string) bool {
	return slices.ContainsFunc([]string{attest.TypeVuln, attest.TypeCycloneDX, attest.TypeSPDX},
		func(uri string) bool { return attest.SameType(uri, predicateType) })
}

// unread knows what the attestations of one image say was not read.
type unread struct {
	allowed Allowance
	scan    []finding.Gap // of the scan to decide on
	broken  error         // why that is not known
	said    map[string]gaps
}

// gaps is what one attestation says, or why that cannot be told.
type gaps struct {
	listed []finding.Gap
	err    error
}

// newUnread reads the gaps of the newest scan, which count for every policy about
// content. Of several that may be the newest, all count.
func (r Rules) newUnread(e Evidence) *unread {
	u := &unread{allowed: r.AllowUnread, said: map[string]gaps{}}
	u.scan, u.broken = u.all(newestOf(e.scans()))
	return u
}

// newestOf returns the scans that may be the newest, by what they say themselves.
func newestOf(scans []verify.Verified) []verify.Verified {
	var newest []verify.Verified
	var at finding.Predicate
	for _, v := range scans {
		var p finding.Predicate
		if err := json.Unmarshal(v.Statement().Predicate, &p); err != nil {
			continue
		}
		switch finished := p.Metadata.ScanFinishedOn; {
		case len(newest) == 0 || finished.After(at.Metadata.ScanFinishedOn):
			newest, at = []verify.Verified{v}, p
		case finished.Equal(at.Metadata.ScanFinishedOn):
			newest = append(newest, v)
		}
	}
	return newest
}

// of returns the gaps that an attestation lists.
func (u *unread) of(v verify.Verified) gaps {
	digest := v.Envelope().Digest()
	if known, ok := u.said[digest]; ok {
		return known
	}
	listed, err := gapsIn(v.PredicateType(), v.Statement().Predicate)
	if err != nil {
		err = fmt.Errorf("what %s says was not read is not understood: %w", describe(v), err)
	}
	u.said[digest] = gaps{listed, err}
	return u.said[digest]
}

// all returns the gaps that attestations about content list.
func (u *unread) all(some []verify.Verified) (listed []finding.Gap, err error) {
	for _, v := range some {
		if !isContent(v.PredicateType()) {
			continue
		}
		found := u.of(v)
		listed, err = finding.Gaps(listed, found.listed), cmp.Or(err, found.err)
	}
	return listed, err
}

// objection returns why no policy can pass on attestations about content, of which the
// scan to decide on is always one.
func (u *unread) objection(shown ...verify.Verified) reasons {
	listed, err := u.all(shown)
	if err = cmp.Or(u.broken, err); err != nil {
		return because("%v", err)
	}
	return u.allowed.objection(finding.Gaps(u.scan, listed))
}

// gapsIn reads the gaps from a predicate.
func gapsIn(predicateType string, predicate []byte) ([]finding.Gap, error) {
	switch {
	case attest.SameType(predicateType, attest.TypeVuln):
		return gapsOfScan(predicate)
	case !bytes.Contains(predicate, []byte(unreadMark)): // it is never written in another way, and SBOMs are large
		return nil, nil
	case attest.SameType(predicateType, attest.TypeCycloneDX):
		var form struct {
			Metadata struct {
				Properties []struct{ Name, Value string } `json:"properties"`
			} `json:"metadata"`
		}
		err := json.Unmarshal(predicate, &form)
		var all []finding.Gap
		for _, p := range form.Metadata.Properties {
			if p.Name == unreadMark && err == nil {
				all, err = appendGaps(all, p.Value)
			}
		}
		return all, jsonError(err)
	case attest.SameType(predicateType, attest.TypeSPDX):
		var form struct {
			Annotations []struct{ Comment string } `json:"annotations"`
		}
		err := json.Unmarshal(predicate, &form)
		var all []finding.Gap
		for _, a := range form.Annotations {
			if text, ours := strings.CutPrefix(a.Comment, unreadMark+"="); ours && err == nil {
				all, err = appendGaps(all, text)
			}
		}
		return all, jsonError(err)
	}
	return nil, nil
}

func appendGaps(all []finding.Gap, text string) ([]finding.Gap, error) {
	listed, err := decodeGaps([]byte(text))
	return append(all, listed...), err
}

// gapsOfScan reads scanner.result.unread. A result of another form than Hallmark's lists
// none.
func gapsOfScan(predicate []byte) ([]finding.Gap, error) {
	var p finding.Predicate
	if err := json.Unmarshal(predicate, &p); err != nil {
		return nil, nil //nolint:nilerr // what reads the scan says what is wrong with it
	}
	var result map[string]json.RawMessage
	if err := json.Unmarshal(p.Scanner.Result, &result); err != nil {
		return nil, nil //nolint:nilerr // as above
	}
	if !present(result["unread"]) {
		return nil, nil
	}
	return decodeGaps(result["unread"])
}

// decodeGaps reads a list of gaps, each of which says what it is about.
func decodeGaps(text []byte) ([]finding.Gap, error) {
	var listed []finding.Gap
	if err := json.Unmarshal(text, &listed); err != nil {
		return nil, jsonError(err)
	}
	for _, g := range listed {
		if g.What == "" {
			return nil, errors.New("an entry does not say what it is about")
		}
	}
	return listed, nil
}
