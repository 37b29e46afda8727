package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

const (
	typeCustom    = "https://cosign.sigstore.dev/attestation/v1"
	typeCycloneDX = "https://cyclonedx.org/bom"
	typeVuln      = "https://cosign.sigstore.dev/attestation/vuln/v1"
	typeOfOurOwn  = "https://example.com/approval/v1"
)

// cosignVerify lets stock cosign verify the attestations of a type.
func (p *place) cosignVerify(key, predicateType, image string) outcome {
	p.t.Helper()
	return p.run("cosign", "verify-attestation", "--key", key, "--insecure-ignore-tlog", "--type", predicateType, image)
}

func TestCosignAcceptsWhatHallmarkWrote(t *testing.T) {
	databases := t.TempDir()
	database, err := world.MakeDatabase(t.Context(), databases)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, databases)
	pinned, err := world.PushSample(t.Context(), p.host+"/sample/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	image := pinned.String()
	p.must("hallmark", "keygen")
	p.keys("other")
	p.file("custom.json", `{"key":"test-attestation"}`+"\n")
	p.file("approval.json", `{"by":"the release team"}`)

	p.must("hallmark", "run", image, "--key", "cosign.key", "--vuln-db", database, "--vuln-db-max-age", anyAge,
		"--predicate", "custom=custom.json", "--predicate", typeOfOurOwn+"=approval.json", "--output-dir", "out")

	if got := p.cosignVerify("other.pub", "vuln", image); got.code == 0 {
		t.Error("cosign accepts the attestations for a key that did not sign them")
	}
	for short, file := range map[string]string{
		"cyclonedx": "out/sbom.cdx.json", "vuln": "out/scan.json", typeOfOurOwn: "approval.json",
	} {
		predicate := p.cosignPredicate(short, image)
		if want := p.read(file); !sameJSON(t, predicate, want) {
			t.Errorf("%s: the predicate that cosign reads is not the file %s", short, file)
		}
	}
	var custom struct{ Data, Timestamp string }
	decode(t, p.cosignPredicate("custom", image), &custom)
	if want := string(p.read("custom.json")); custom.Data != want || custom.Timestamp == "" {
		t.Errorf("custom: cosign reads %+v, want Data %q and a time", custom, want)
	}
}

// cosignPredicate returns the one predicate of a type that cosign accepts.
func (p *place) cosignPredicate(predicateType, image string) []byte {
	p.t.Helper()
	got := p.cosignVerify("cosign.pub", predicateType, image)
	if got.code != 0 {
		p.t.Fatalf("cosign refuses the attestation of type %s:\n%s", predicateType, got.stderr)
	}
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if len(lines) != 1 {
		p.t.Fatalf("cosign accepts %d attestations of type %s, want 1", len(lines), predicateType)
	}
	var envelope struct{ Payload string }
	decode(p.t, []byte(lines[0]), &envelope)
	payload, err := base64.StdEncoding.DecodeString(envelope.Payload)
	if err != nil {
		p.t.Fatal(err)
	}
	var statement struct{ Predicate json.RawMessage }
	decode(p.t, payload, &statement)
	return statement.Predicate
}

func TestHallmarkAcceptsWhatCosignWrote(t *testing.T) {
	p := newPlace(t, "")
	image := p.bare("cosigned")
	p.keys("cosign")
	p.keys("other")
	p.file("custom.json", `{"key":"test-attestation"}`)
	p.file("sbom.json", `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[]}`)
	p.file("approval.json", `{"by":"the release team"}`)

	if got := p.run("hallmark", "verify", image, "--key", "cosign.pub", "--type", "custom"); got.code != 4 {
		t.Errorf("nothing is attached yet: exit %d, want 4\n%s", got.code, got.stderr)
	}
	p.cosignAttest("cosign.key", "custom", "custom.json", image)
	p.cosignAttest("cosign.key", "cyclonedx", "sbom.json", image)
	p.cosignAttest("cosign.key", typeOfOurOwn, "approval.json", image)

	for predicateType, uri := range map[string]string{
		"custom": typeCustom, "cyclonedx": typeCycloneDX, typeOfOurOwn: typeOfOurOwn,
	} {
		if got := p.run("hallmark", "verify", image, "--key", "other.pub", "--type", predicateType); got.code != 4 {
			t.Errorf("%s: another key did not sign it: exit %d, want 4\n%s", predicateType, got.code, got.stderr)
		}
		out := p.must("hallmark", "verify", image, "--key", "cosign.pub", "--type", predicateType, "--output", "json")
		var verified []struct {
			Statement             struct{ PredicateType string }
			Signer, PredicateType string
			Digest                string
		}
		decode(t, []byte(out), &verified)
		if len(verified) != 1 || verified[0].PredicateType != uri || verified[0].Statement.PredicateType != uri {
			t.Errorf("%s: hallmark verifies %+v, want one statement of type %s", predicateType, verified, uri)
		}
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var left, right any
	decode(t, a, &left)
	decode(t, b, &right)
	return reflect.DeepEqual(left, right)
}
