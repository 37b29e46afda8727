package e2e_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

const approved = `{"by":"the release team"}`

func newForging(t *testing.T) forging {
	t.Helper()
	f := forging{interop: newInterop(t)}
	f.useReferrers()
	for name, forger := range map[string]*world.Forger{"cosign.pub": &f.signer, "other.pub": &f.stranger} {
		made, err := world.NewForger()
		if err != nil {
			t.Fatal(err)
		}
		public, err := made.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		*forger = made
		f.file(name, string(public))
	}
	f.policyFiles()
	return f
}

func statement(image, predicateType, predicate string) []byte {
	repository, digest, _ := strings.Cut(image, "@sha256:")
	return fmt.Appendf(nil, `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":%q,"subject":[{"name":%q,"digest":{"sha256":%q}}],"predicate":%s}`,
		predicateType, repository, digest, predicate)
}

func (f forging) sign(by world.Forger, payloadType string, payload []byte) world.Envelope {
	f.t.Helper()
	e, err := by.Sign(payloadType, payload)
	if err != nil {
		f.t.Fatal(err)
	}
	return e
}

// encode returns an envelope as it is attached in a form.
func (f forging) encode(form string, e world.Envelope) []byte {
	f.t.Helper()
	encode := func(e world.Envelope) ([]byte, error) { return json.Marshal(e) }
	if form == "bundle" {
		encode = f.signer.Bundle
	}
	content, err := encode(e)
	if err != nil {
		f.t.Fatal(err)
	}
	return content
}

func (f forging) strangers(form, image string, n int) [][]byte {
	f.t.Helper()
	var all [][]byte
	for i := range n {
		predicate := fmt.Sprintf(`{"by":"number %d"}`, i)
		all = append(all, f.encode(form, f.sign(f.stranger, world.PayloadType, statement(image, typeOfOurOwn, predicate))))
	}
	return all
}

func (f forging) attach(form, image string, contents ...[]byte) {
	f.t.Helper()
	f.attachAs(form, image, typeOfOurOwn, contents...)
}

// attachAs attaches things whose annotations say that they are of a type.
func (f forging) attachAs(form, image, claims string, contents ...[]byte) {
	f.t.Helper()
	if form == "att" {
		if err := world.AttachLayers(f.t.Context(), image, claims, contents); err != nil {
			f.t.Fatal(err)
		}
		return
	}
	for _, content := range contents {
		if err := world.AttachReferrer(f.t.Context(), image, claims, world.BundleType, content); err != nil {
			f.t.Fatal(err)
		}
	}
}

// attachClaiming attaches bundles of which the registry has less than they claim.
func (f forging) attachClaiming(image string, n int, size int64) {
	f.t.Helper()
	for i := range n {
		if err := world.AttachClaiming(f.t.Context(), image, world.BundleType, fmt.Appendf(nil, `{"number":%d}`, i), size); err != nil {
			f.t.Fatal(err)
		}
	}
}

// scans returns a clean scan and a later one with critical findings.
func (f forging) scans(form, image string) (clean, critical []byte) {
	f.t.Helper()
	sign := func(scan string) []byte {
		return f.encode(form, f.sign(f.signer, world.PayloadType, statement(image, typeVuln, scan)))
	}
	return sign(scanOf("2026-01-01", 0)), sign(scanOf("2026-02-01", 1))
}

// withJunk returns an envelope with a second signature, which nobody made.
func (f forging) withJunk(e world.Envelope) world.Envelope {
	f.t.Helper()
	junk := f.sign(f.stranger, world.PayloadType, []byte("{}"))
	e.Signatures = append(slices.Clone(e.Signatures), junk.Signatures...)
	return e
}

func (f forging) refer(image, artifactType string, content []byte) {
	f.t.Helper()
	if err := world.AttachReferrer(f.t.Context(), image, typeOfOurOwn, artifactType, content); err != nil {
		f.t.Fatal(err)
	}
}

func (f forging) genuine(image string) world.Envelope {
	f.t.Helper()
	return f.sign(f.signer, world.PayloadType, statement(image, typeOfOurOwn, approved))
}

// unique names an image of this test.
func (f forging) unique() string {
	return strings.ToLower(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(f.t.Name(), "-"))
}

// sbomWith is an SBOM with a seal and an origin.
func sbomWith(origin string) string {
	return fmt.Sprintf(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"properties":[`+
		`{"name":"hallmark:origin","value":%q},{"name":"hallmark:seal","value":"sha256:%s"}]},"components":[]}`, origin, strings.Repeat("0", 64))
}

// scanOf is a scan that finished on a day and has critical findings.
func scanOf(day string, critical int) string {
	counts := fmt.Sprintf(`{"critical":%d,"high":0,"medium":0,"low":0,"negligible":0,"unknown":0}`, critical)
	findings := strings.TrimSuffix(strings.Repeat(`{"id":"CVE-2026-1","aliases":[],"severity":"critical",`+
		`"package":{"name":"a","version":"1","type":"npm","purl":"pkg:npm/a@1"},"fixedIn":[],"fixState":"not-fixed"},`, critical), ",")
	at := day + "T00:00:00Z"
	return fmt.Sprintf(`{"invocation":{},"scanner":{"uri":"pkg:golang/github.com/anchore/grype@v0.120.1","version":"0.120.1",`+
		`"db":{"uri":"6","version":"v6.1.10"},"result":{"counts":{"raw":%[1]s,"effective":%[1]s},"findings":[%[2]s],`+
		`"database":{"schema":"v6.1.10","built":%[3]q,"source":"6"}}},"metadata":{"scanStartedOn":%[3]q,"scanFinishedOn":%[3]q}}`,
		counts, findings, at)
}
