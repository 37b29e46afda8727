package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/scan"
	"github.com/hallmark-ci/hallmark/internal/secrets"
)

var errPulled = errors.New("the image is pulled")

// Whatever raises a doubt about an earlier SBOM has the image pulled.
func TestAnSBOMThatIsNotTheOneIsMadeAnew(t *testing.T) {
	for says, doubt := range map[string]func(t *testing.T, p *place, job *pipeline.Job){
		"nobody asked for it":      func(_ *testing.T, _ *place, job *pipeline.Job) { job.Reuse = false },
		"another version made it":  func(_ *testing.T, _ *place, job *pipeline.Job) { job.Makers = "hallmark v2" },
		"another signer signed it": func(t *testing.T, p *place, _ *pipeline.Job) { p.identity.Own = trustIn(t, newKey(t)) },
		"a format is not there":    func(_ *testing.T, _ *place, job *pipeline.Job) { job.Formats = append(job.Formats, catalog.SPDX) },
		"the files are asked for":  func(_ *testing.T, _ *place, job *pipeline.Job) { job.Further = []string{attest.TypeImage} },
		"it is of SPDX alone":      func(_ *testing.T, _ *place, job *pipeline.Job) { job.Formats = []catalog.Format{catalog.SPDX} },
		"scans read other things":  func(_ *testing.T, p *place, _ *pipeline.Job) { p.rooms.Inputs = reading("other things") },
		"nobody can tell":          func(_ *testing.T, p *place, _ *pipeline.Job) { p.rooms.Inputs = nil },
		"its files are to be told": func(_ *testing.T, _ *place, job *pipeline.Job) { job.Further = []string{attest.TypeImage} },
		"secrets are to be looked for": func(_ *testing.T, p *place, job *pipeline.Job) {
			job.Further = []string{attest.TypeSecrets}
			p.rooms.Secrets = func() (pipeline.SecretSearch, error) { return secrets.New(secrets.DefaultLimits(), time.Now) }
		},
		"it was read too long ago": func(_ *testing.T, p *place, job *pipeline.Job) {
			job.ReuseFor, p.rooms.Now = 24*time.Hour, func() time.Time { return noon().Add(25 * time.Hour) }
		},
		"it was read in a time to come": func(_ *testing.T, p *place, _ *pipeline.Job) {
			p.rooms.Now = func() time.Time { return noon().Add(-time.Hour) }
		},
		"nothing says when it was read": func(t *testing.T, p *place, _ *pipeline.Job) {
			p.attest(t, attest.TypeVuln, `{"scanner":{"result":{}}}`)
		},
		"the scan is of another SBOM": func(t *testing.T, p *place, _ *pipeline.Job) {
			p.attest(t, attest.TypeVuln, `{"scanner":{"result":{"origin":{"kind":"made","inputs":[{"name":"sbom","digest":"sha256:0",`+
				`"origin":{"kind":"made","readAt":"2026-11-22T12:00:00Z"}}]}}}}`)
		},
		"it was brought": func(t *testing.T, p *place, _ *pipeline.Job) {
			p.replace(t, strings.Replace(p.sbom(t), `{\"kind\":\"made\"`, `{\"kind\":\"brought\"`, 1))
		},
		"it says twice how it came to be": func(t *testing.T, p *place, _ *pipeline.Job) {
			p.replace(t, strings.Replace(p.sbom(t), `"properties":[{"name":"hallmark:origin"`,
				`"properties":[{"name":"hallmark:origin","value":"{}"},{"name":"hallmark:origin"`, 1))
		},
		"it has no seal": func(t *testing.T, p *place, _ *pipeline.Job) {
			p.replace(t, `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[]}`)
		},
		"a package is missing":       func(t *testing.T, p *place, _ *pipeline.Job) { p.replace(t, p.lacking(t)) },
		"it is no SBOM any more":     func(t *testing.T, p *place, _ *pipeline.Job) { p.replace(t, `{"bomFormat":"CycloneDX"}`) },
		"there are two of them":      func(t *testing.T, p *place, _ *pipeline.Job) { p.bring(t, `{"bomFormat":"CycloneDX"}`, true) },
		"the registry gives no more": func(_ *testing.T, p *place, _ *pipeline.Job) { p.rooms.Attached = unreadable{p.rooms.Attached} },
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			p, job := ranBefore(t)
			doubt(t, p, &job)
			p.rooms.Catalog = pulled
			if _, err := pipeline.Run(t.Context(), job, p.rooms); !errors.Is(err, errPulled) {
				t.Errorf("error %v, want that %v", err, errPulled)
			}
		})
	}
}

// An SBOM that says all is taken, and all that a run says is as it was.
func TestAnSBOMOfAnEarlierRunIsTaken(t *testing.T) {
	p, job := ranBefore(t)
	first, err := pipeline.Run(t.Context(), withoutReuse(job), p.rooms)
	must(t, err)
	p.rooms.Catalog = pulled
	again, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)
	if !again.Reused || first.Reused || again.Unchanged != 2 {
		t.Errorf("reused %t, then %t with %d unchanged", first.Reused, again.Reused, again.Unchanged)
	}
	for name, both := range map[string][2]any{
		"SBOMs":      {first.SBOMs, again.SBOMs},
		"packages":   {first.Packages, again.Packages},
		"ecosystems": {first.Ecosystems, again.Ecosystems},
		"system":     {first.System, again.System},
		"facts":      {first.Facts, again.Facts},
		"scan":       {first.ScanBody, again.ScanBody}, // the test's clock stands
	} {
		if a, b := encoded(t, both[0]), encoded(t, both[1]); a != b {
			t.Errorf("%s: %.300s\nand %.300s", name, a, b)
		}
	}
}

// ranBefore is a place where a run has left its attestations, and its job.
func ranBefore(t *testing.T) (*place, pipeline.Job) {
	t.Helper()
	p := newPlace(t)
	p.rooms.Inputs = func(bom catalog.SBOM) (string, error) { return scan.Inputs(bom.Syft()) }
	job := p.job()
	job.Reuse, job.Version, job.Makers = true, "v1", "hallmark v1"
	_, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)
	return p, job
}

func withoutReuse(job pipeline.Job) pipeline.Job {
	job.Reuse = false
	return job
}

func pulled(context.Context, attest.Subject, v1.Image, string, ...catalog.Look) (catalog.SBOM, error) {
	return catalog.SBOM{}, errPulled
}

func reading(what string) func(catalog.SBOM) (string, error) {
	return func(catalog.SBOM) (string, error) { return what, nil }
}

// replace lets the signer itself attest another SBOM in place of its own.
func (p *place) replace(t *testing.T, document string) {
	t.Helper()
	p.bring(t, document, false)
	p.readFor(t)
}

func (p *place) bring(t *testing.T, document string, history bool) {
	t.Helper()
	brought := attest.Predicate{Type: attest.TypeCycloneDX, Body: json.RawMessage(document)}
	_, err := pipeline.Attest(t.Context(), pipeline.Job{Reference: p.reference, Brought: []attest.Predicate{brought}, Push: true, History: history}, p.rooms)
	must(t, err)
}

// attest lets the signer itself attest something.
func (p *place) attest(t *testing.T, predicateType, predicate string) {
	t.Helper()
	brought := attest.Predicate{Type: predicateType, Body: json.RawMessage(predicate)}
	_, err := pipeline.Attest(t.Context(), pipeline.Job{Reference: p.reference, Brought: []attest.Predicate{brought}, Push: true}, p.rooms)
	must(t, err)
}

// sbom returns the attested SBOM. Its scan says when the image was read for it, and for
// no other.
func (p *place) sbom(t *testing.T) string {
	t.Helper()
	for _, e := range p.attached(t) {
		envelope, err := e.Envelope()
		must(t, err)
		statement, err := attest.ParseStatement(envelope.Payload())
		must(t, err)
		if statement.PredicateType == attest.TypeCycloneDX {
			return string(statement.Predicate)
		}
	}
	t.Fatal("there is no SBOM")
	return ""
}

// readFor lets the signer say that the image was read for the SBOM that is attested now.
func (p *place) readFor(t *testing.T) {
	t.Helper()
	digest := attest.DocumentDigest([]byte(p.sbom(t)))
	p.attest(t, attest.TypeVuln, `{"scanner":{"result":{"origin":{"kind":"made","inputs":[{"name":"sbom","digest":"`+digest+
		`","origin":{"kind":"made","readAt":"`+noon().Format(time.RFC3339)+`"}}]}}}}`)
}

// lacking returns the attested SBOM without its first component, and with its seal.
func (p *place) lacking(t *testing.T) string {
	t.Helper()
	for _, e := range p.attached(t) {
		envelope, err := e.Envelope()
		must(t, err)
		statement, err := attest.ParseStatement(envelope.Payload())
		must(t, err)
		if statement.PredicateType != attest.TypeCycloneDX {
			continue
		}
		var document map[string]json.RawMessage
		must(t, json.Unmarshal(statement.Predicate, &document))
		var components []json.RawMessage
		must(t, json.Unmarshal(document["components"], &components))
		document["components"] = json.RawMessage(encoded(t, components[1:]))
		return encoded(t, document)
	}
	t.Fatal("there is no SBOM")
	return ""
}

func encoded(t *testing.T, value any) string {
	t.Helper()
	content, err := json.Marshal(value)
	must(t, err)
	return string(content)
}
