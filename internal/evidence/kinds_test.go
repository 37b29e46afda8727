package evidence_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/forge"
)

func TestWhatIsNoSARIF(t *testing.T) {
	for says, content := range map[string]string{
		"it is no SARIF":                       "[]",
		`version is "2.0.0": it must be 2.1.0`: `{"version":"2.0.0","runs":[]}`,
		"runs is missing":                      `{"version":"2.1.0"}`,
		"x says that it failed":                `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[],"invocations":[{"executionSuccessful":false}]}]}`,
		"the run of x has no results":          `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"y"}},"results":[]},{"tool":{"driver":{"name":"x"}}}]}`,
		"runs[0].tool.driver.name is missing":  `{"version":"2.1.0","runs":[{}]}`,
		"runs[0]: ":                            `{"version":"2.1.0","runs":[{"results":{}}]}`,
		"more than 33554432 bytes":             strings.Repeat(" ", 32<<20+1),
	} {
		_, err := evidence.SARIF([]evidence.Brought{{Path: "s.sarif", Content: []byte(content)}})
		refused(t, err, "reading the SARIF file s.sarif: ", says)
	}
	many := `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[{"ruleId":"a"}`
	for i := range 10_001 {
		many += `,{"ruleId":"` + strings.Repeat("r", i%50) + string(rune('a'+i/50%26)) + string(rune('a'+i/1300)) + `"}`
	}
	_, err := evidence.SARIF([]evidence.Brought{{Path: "s.sarif", Content: []byte(many + "]}]}")}})
	refused(t, err, "of more than 10000 rules")
}

func TestSARIF(t *testing.T) {
	const first = `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"lint","rules":[{"id":"R1","defaultConfiguration":{"level":"error"}},{"id":"R2"}]}},"results":[
		{"ruleId":"R1"},{"ruleIndex":0},{"ruleId":"R2"},{"ruleId":"R1","level":"note"},{"ruleId":"R9","kind":"pass"},
		{"ruleId":"R3","kind":"review","level":"error"},{"ruleId":"R3","kind":"open"},{"ruleId":"R3","baselineState":"absent","level":"error"},
		{"ruleId":"R1","suppressions":[{"kind":"inSource"}]},{"ruleId":"R1","suppressions":[{"kind":"external","status":"rejected"}]}]}]}`
	const second = `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"sast"}},"results":[],
		"invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[{"level":"error","message":{"text":"cannot read a.js"}}]}]}]}`
	p, err := evidence.SARIF([]evidence.Brought{{Path: "a", Content: []byte(first)}, {Path: "b", Content: []byte(second)}})
	must(t, err)
	var log struct {
		Version    string
		Runs       []json.RawMessage
		Properties struct{ Hallmark json.RawMessage }
	}
	must(t, json.Unmarshal(p.Body, &log))
	if p.Type != attest.TypeSARIF || log.Version != "2.1.0" || len(log.Runs) != 2 {
		t.Errorf("got %s", p.Body)
	}
	const want = `"levels":{"error":3,"none":2,"note":1,"warning":1},"suppressed":1,"undecided":2,"unread":[{"what":"sast","why":"cannot read a.js"}],"rules":[` +
		`{"tool":"lint","rule":"R1","level":"error","count":3},{"tool":"lint","rule":"R1","level":"note","count":1},` +
		`{"tool":"lint","rule":"R2","level":"warning","count":1},{"tool":"lint","rule":"R3","level":"none","count":1},` +
		`{"tool":"lint","rule":"R3","level":"undecided","count":2},{"tool":"lint","rule":"R9","level":"none","count":1}]`
	if !strings.Contains(string(log.Properties.Hallmark), want) {
		t.Errorf("have %s\nwant %s", log.Properties.Hallmark, want)
	}
}

func FuzzSARIF(f *testing.F) {
	f.Add([]byte(`{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"lint"}},"results":[{"ruleId":"R","ruleIndex":-1}]}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if p, err := evidence.SARIF([]evidence.Brought{{Content: content}}); err == nil && !json.Valid(p.Body) {
			t.Errorf("got %s", p.Body)
		}
	})
}

// One document stays as it is; of several, each statement keeps its time.
func TestOpenVEX(t *testing.T) {
	document := func(author, at, cve string) []byte {
		return []byte(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/` + cve + `","author":"` + author + `","timestamp":"` + at + `","version":1,` +
			`"statements":[{"vulnerability":{"name":"` + cve + `"},"products":[{"@id":"pkg:oci/x"}],"status":"fixed"}]}`)
	}
	one := document("ada", "2026-01-01T00:00:00Z", "CVE-1")
	p, err := evidence.OpenVEX([][]byte{one})
	must(t, err)
	if p.Type != attest.TypeOpenVEX || !bytes.Equal(p.Body, one) {
		t.Errorf("got %s", p.Body)
	}
	both := [][]byte{one, document("bob", "2026-02-01T00:00:00Z", "CVE-2")}
	p, err = evidence.OpenVEX(both)
	must(t, err)
	var merged struct {
		Author, Timestamp string
		Statements        []struct{ Timestamp string }
	}
	must(t, json.Unmarshal(p.Body, &merged))
	if merged.Author != "ada, bob" || merged.Timestamp != "2026-02-01T00:00:00Z" || len(merged.Statements) != 2 ||
		merged.Statements[0].Timestamp != "2026-01-01T00:00:00Z" || merged.Statements[1].Timestamp != "2026-02-01T00:00:00Z" {
		t.Errorf("got %s", p.Body)
	}
	again, err := evidence.OpenVEX(both)
	must(t, err)
	if !bytes.Equal(p.Body, again.Body) {
		t.Error("the same documents gave other bytes")
	}
	path := filepath.Join(t.TempDir(), "merged.json")
	must(t, os.WriteFile(path, p.Body, 0o600))
	_, err = evidence.File("openvex="+path, noon())
	must(t, err)
	_, err = evidence.OpenVEX([][]byte{one, []byte("{")})
	refused(t, err, "merging the VEX documents")
}

func TestRelease(t *testing.T) {
	p, err := evidence.Release(subject(t), "v1.4.2")
	must(t, err)
	want := `{"purl":"pkg:oci/app@sha256%3A` + strings.Repeat("ab", 32) + `?repository_url=registry.example%2Fteam%2Fapp\u0026tag=1","version":"v1.4.2"}`
	if p.Type != attest.TypeRelease || string(p.Body) != want {
		t.Errorf("have %s\nwant %s", p.Body, want)
	}
	path := filepath.Join(t.TempDir(), "release.json")
	must(t, os.WriteFile(path, p.Body, 0o600))
	_, err = evidence.File("release="+path, noon())
	must(t, err)
}

func TestApproval(t *testing.T) {
	p, err := evidence.Approval(forge.Review{
		URL: "https://example.com/7", Number: "7", Author: "Ada", Head: "2b", Required: new(1),
		Approvals: []forge.Approval{{By: "ada", At: noon(), Commit: "2b"}, {By: "bob", Teams: []string{"security"}}},
	}, "3c")
	must(t, err)
	const want = `{"request":{"url":"https://example.com/7","number":"7","author":"Ada"},"commit":"2b","built":"3c","approvals":[` +
		`{"by":"ada","teams":[],"at":"2026-11-22T12:00:00Z","commit":"2b","self":true},{"by":"bob","teams":["security"],"self":false}],"required":1}`
	if p.Type != attest.TypeApproval || string(p.Body) != want {
		t.Errorf("have %s\nwant %s", p.Body, want)
	}
	fits(t, "approval.json", p.Body)
	p, err = evidence.Approval(forge.Review{}, "")
	must(t, err)
	fits(t, "approval.json", p.Body)
	p, err = evidence.Approval(forge.Review{Approvals: []forge.Approval{{By: "bob"}}, TeamsUnknown: "not allowed"}, "3c")
	must(t, err)
	fits(t, "approval.json", p.Body)
	if !strings.Contains(string(p.Body), `"approvals":[{"by":"bob","self":false}],"teamsUnknown":"not allowed"`) {
		t.Errorf("teams that are not known: %s", p.Body)
	}
}

func TestLicences(t *testing.T) {
	p, err := evidence.Licences([]evidence.Licensed{
		{Name: "b", Version: "1", Type: "deb", Licences: []string{"GPL-2.0-only", "MIT OR Apache-2.0"}},
		{Name: "a", Version: "1", Type: "npm", Licences: []string{"MIT"}},
		{Name: "a", Version: "1", Type: "npm", Licences: []string{"MIT"}}, // of another platform
		{Name: "c", Version: "1", Type: "npm"},
		{Name: "<d>", Version: "1", Type: "npm", Licences: []string{"see\x1b[31m file"}},
		{Name: "e", Version: "1", Type: "npm", Licences: []string{strings.Repeat("(", 600)}},
	})
	must(t, err)
	var out struct {
		Packages    int
		Expressions json.RawMessage
		Unknown     []struct{ Name string }
	}
	must(t, json.Unmarshal(p.Body, &out))
	const want = `[{"expression":"GPL-2.0-only AND (MIT OR Apache-2.0)","packages":1},{"expression":"MIT","packages":1}]`
	if p.Type != attest.TypeLicences || out.Packages != 5 || string(out.Expressions) != want || len(out.Unknown) != 3 || bytes.ContainsRune(p.Body, '\x1b') {
		t.Errorf("got %s", p.Body)
	}
	fits(t, "licences.json", p.Body)
}

func TestImage(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	end := time.Date(2028, time.June, 30, 0, 0, 0, 0, time.UTC)
	database := finding.Database{Schema: "v6.1.10", Built: end.AddDate(-2, 0, 0).In(time.FixedZone("", 7200)), Source: "/home/ada/db"}
	p, err := evidence.Image([]evidence.ImageFacts{
		{Digest: digest, Platform: "linux/amd64", System: "debian 12", EndOfLife: &end, Database: database, Files: &evidence.Files{Setuid: []string{}, Shells: []string{"/bin/bash"}}, Config: []byte(
			`{"created":"2026-11-22T12:00:00Z","config":{"User":"10001:0","Env":["TOKEN=SECRET"],"ExposedPorts":{"8080/tcp":{}},"Entrypoint":["/app"],"Healthcheck":{"Test":["CMD","x"]},"Labels":{"org.opencontainers.image.base.name":"debian:12"}}}`)},
		{Digest: digest, Config: []byte(`{"created":"1970-01-01T00:00:00Z","config":{"Healthcheck":{"Test":["NONE"]}}}`)},
	})
	must(t, err)
	want := `{"images":[{"digest":"` + digest + `","platform":"linux/amd64","distribution":"debian 12",` +
		`"endOfLife":{"date":"2028-06-30T00:00:00Z","database":{"schema":"v6.1.10","built":"2026-06-30T00:00:00Z","source":"db"}},"created":"2026-11-22T12:00:00Z","base":{"name":"debian:12"},` +
		`"user":"10001:0","root":false,"ports":["8080/tcp"],"entrypoint":["/app"],"command":[],"healthcheck":true,"shells":["/bin/bash"],"setuid":[],"labels":{"org.opencontainers.image.base.name":"debian:12"}},` +
		`{"digest":"` + digest + `","user":"","root":true,"ports":[],"entrypoint":[],"command":[],"healthcheck":false,"labels":{}}]}`
	if p.Type != attest.TypeImage || string(p.Body) != want {
		t.Errorf("have %s\nwant %s", p.Body, want)
	}
	fits(t, "image.json", p.Body)
	_, err = evidence.Image([]evidence.ImageFacts{{Config: []byte("{")}})
	refused(t, err, "reading the configuration of the image")
}

func TestWhoIsRoot(t *testing.T) {
	for user, root := range map[string]string{"": "true", "0": "true", "root": "true", "0:0": "true", "00": "true", "root:adm": "true", "nobody": "false", "1000": "false", "10:0": "false"} {
		p, err := evidence.Image([]evidence.ImageFacts{{Config: []byte(`{"config":{"User":"` + user + `"}}`)}})
		must(t, err)
		if !strings.Contains(string(p.Body), `"root":`+root) {
			t.Errorf("%q: %s", user, p.Body)
		}
	}
}

// fits checks a predicate by its published schema.
func fits(t *testing.T, schema string, body []byte) {
	t.Helper()
	compiled, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "docs", "schema", schema))
	must(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	must(t, err)
	must(t, compiled.Validate(value))
}

func subject(t *testing.T) attest.Subject {
	t.Helper()
	digest, err := name.NewDigest("registry.example/team/app@sha256:" + strings.Repeat("ab", 32))
	must(t, err)
	s, err := attest.NewSubject(digest, "registry.example/team/app:1")
	must(t, err)
	return s
}
