package e2e_test

import (
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// What a job denies, or cannot decide, the cluster does not admit: neither on the evidence that
// the job attested, nor on its verdict. What a job passes it admits.
func TestTheClusterDecidesAsTheJob(t *testing.T) {
	databases := t.TempDir()
	database, err := world.MakeDatabase(t.Context(), databases)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, databases)
	p.keys("cosign")
	p.file("scanned.rego", "package hallmark.scanned\n\ndeny contains \"not scanned\" if not input.scan.scanner\n")
	p.file("named.rego", "package hallmark.named\n\ndeny contains \"no name\" if input.image.name == \"\"\n")
	p.file("denying.rego", "package hallmark.denying\n\ndeny contains \"nobody has looked at it\" if input.image.name\n")
	p.file("waivers.yaml", "waivers:\n  - {policy: denying, reason: on its way, approver: ada, until: 2999-12-31}\n")

	const age, anyOld = "--vuln-db-max-age=1ns", "--vuln-db-max-age=0"
	whole, part := []string(nil), []string{"--verdict-scope", "policy"}
	for _, c := range []struct {
		name    string
		policy  string
		job     []string // flags of the run
		want    int      // its exit code
		compile []string // flags of policy compile
		admits  bool
		says    string
	}{
		{name: "a joined policy passes", policy: "named.rego", compile: whole, admits: true},
		{name: "a policy on evidence passes", policy: "scanned.rego", admits: true},
		{name: "the cutoff denies", policy: "named.rego", job: []string{"--severity-cutoff", "critical"}, want: 3, compile: whole, says: "the verdict as a whole is FAILED, not PASSED (severity-cutoff: deny)"},
		{name: "the cutoff denies, and only the policy is asked about", policy: "named.rego", job: []string{"--severity-cutoff", "critical"}, want: 3, compile: part, admits: true},
		{name: "the cutoff denies, and the gate only warns", policy: "named.rego", job: []string{"--severity-cutoff", "critical", "--gate", "warn"}, compile: whole, says: "severity-cutoff: deny"},
		{name: "the cutoff denies, and the verdict is asked for", policy: "scanned.rego", job: []string{"--severity-cutoff", "critical"}, want: 3, compile: []string{"--check", "verdict"}, says: "severity-cutoff: deny"},
		{name: "the database is too old, by the verdict", policy: "named.rego", job: []string{age}, want: 4, compile: whole, says: "database-age: undecided"},
		{name: "the database is too old, by the scan", policy: "scanned.rego", job: []string{age}, want: 4, compile: []string{age}, says: "the vulnerability database is older than 1ns"},
		{name: "a database of any age", policy: "scanned.rego", job: []string{anyOld}, compile: []string{anyOld}, admits: true},
		{name: "a waiver lasts", policy: "denying.rego", job: []string{"--waivers", "waivers.yaml"}, compile: whole, admits: true},
		{name: "what it rests on has ended", policy: "named.rego", job: []string{"--max-scan-age", "2s"}, compile: whole, says: "what the verdict rests on ended at 20"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := p.in(t)
			pinned, err := world.PushSample(t.Context(), p.host+"/job/"+strings.NewReplacer(" ", "-", ",", "").Replace(c.name)+":v1")
			if err != nil {
				t.Fatal(err)
			}
			run := append([]string{"run", pinned.String(), "--key", "cosign.key", "--vuln-db", database, "--policy", c.policy}, c.job...)
			if got := p.run("hallmark", run...); got.code != c.want {
				t.Fatalf("the run exits %d, want %d\n%s%s", got.code, c.want, got.stdout, got.stderr)
			}
			got := p.compiled(pinned.String(), c.policy, c.compile...)
			if strings.Contains(c.says, "rests on") {
				got = p.until(pinned.String(), got)
			}
			if (got.code == 0) != c.admits || !strings.Contains(got.stdout+got.stderr, c.says) {
				t.Errorf("the cluster exits %d, want %q\n%s%s", got.code, c.says, got.stdout, got.stderr)
			}
		})
	}
}

// until asks the cluster again for as long as it admits an image that it must refuse in a
// moment. The test's own limit of time ends that.
func (p *place) until(image string, last outcome) outcome {
	p.t.Helper()
	for last.code == 0 {
		last = p.run("tester", "-policy", "compiled.yaml", "-image", image, "-log-level", "error")
	}
	return last
}

// A verdict goes with its image to another repository, and to no other image.
func TestAVerdictIsAboutADigest(t *testing.T) {
	p := newPlace(t, "")
	p.keys("cosign")
	p.file("named.rego", "package hallmark.named\n\ndeny contains \"no name\" if input.image.name == \"\"\n")
	image := p.bare("app")
	p.must("hallmark", "run", image, "--key", "cosign.key", "--sbom", "none", "--scan=false", "--policy", "named.rego", "--predicate", "custom="+p.file("nothing.json", "{}"))
	repository, digest, _ := strings.Cut(image, "@")
	promoted := p.host + "/bare/promoted"
	attestations := ":" + strings.Replace(digest, ":", "-", 1) + ".att"
	p.must("crane", "copy", image, promoted+":v1")
	p.must("crane", "copy", repository+attestations, promoted+attestations)
	if got := p.compiled(promoted+"@"+digest, "named.rego"); got.code != 0 {
		t.Errorf("promoted: exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	other := p.bare("other")
	repository, digest, _ = strings.Cut(other, "@")
	p.must("crane", "copy", promoted+attestations, repository+":"+strings.Replace(digest, ":", "-", 1)+".att")
	if got := p.compiled(other, "named.rego"); got.code == 0 {
		t.Errorf("of another image: admitted\n%s%s", got.stdout, got.stderr)
	}
}
