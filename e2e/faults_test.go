package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// TestFaults lets each request of a run fail in turn. Whatever the run says, every
// store holds the complete set of before or the complete new one; if it says that
// it succeeded, the new one; and the next run succeeds.
//
// With FAULTS=all every request meets every kind of fault, of a run that attaches
// everything: thousands of runs, more than an hour. By default the kinds are dealt out.
func TestFaults(t *testing.T) {
	databases := t.TempDir()
	database, err := world.MakeDatabase(t.Context(), databases)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	defer group.Wait()
	for n, at := range faultyPlaces() {
		// Not t.Parallel: while a run waits for an answer the others have the processor.
		group.Go(func() {
			t.Run(at.name, func(t *testing.T) {
				f := newFaulty(t, at, database)
				requests := f.requests()
				f.eachInTurn(at, n, requests)
				if at.format == "both" || everyFault() {
					f.persistent(requests)
				}
				t.Logf("%d requests, %d faults, %d runs", len(requests), f.faults, f.edition)
			})
		})
	}
}

// faultyPlace is a format at a kind of registry.
type faultyPlace struct {
	name, format string
	referrers    bool // whether it has their API
	each         int  // which requests meet a fault by default: one of so many
}

func faultyPlaces() []faultyPlace {
	return []faultyPlace{
		{"att at docker-registry", "att", false, 1},
		{"bundle at docker-registry", "bundle", false, 1},
		{"bundle at go-containerregistry with the referrers API", "bundle", true, 1},
		{"both at docker-registry", "both", false, 3},
		{"both at go-containerregistry with the referrers API", "both", true, 3},
	}
}

func everyFault() bool { return os.Getenv("FAULTS") == "all" }

// dealt returns the kinds of faults that a request meets. By default it is one, and
// not the same at two places; where a single format is written, what changes what
// is visible meets all of them.
func (at faultyPlace) dealt(turn int, request world.Request) []world.Fault {
	all := []world.Fault{world.Broken, world.Limited, world.Reset, world.Stall, world.Cut}
	switch {
	case everyFault(), at.each == 1 && changes(request):
		return all
	case turn%at.each == 0 || changes(request):
		return all[turn/at.each%len(all):][:1]
	}
	return nil
}

// changes reports whether a request changes what is visible.
func changes(r world.Request) bool {
	return (r.Method == http.MethodPut || r.Method == http.MethodDelete) && strings.Contains(r.Path, "/manifests/")
}

// faulty is a place behind a proxy, with an image whose attestations are told
// apart by the edition that they are of.
type faulty struct {
	*place
	proxy   *world.Proxy
	args    []string // of a run through the proxy
	image   string   // straight at the registry
	format  string
	edition int
	steps   [][]string // the types that are attached together, and those that follow when they were read back
	met     int        // faults of single requests
	faults  int        // the runs that were to meet one
}

const (
	typeA = "https://example.com/a/v1"
	typeB = "https://example.com/b/v1"
)

func newFaulty(t *testing.T, at faultyPlace, database string) *faulty {
	t.Helper()
	p := newPlace(t, "")
	if at.referrers {
		p.useReferrers()
	}
	proxy, err := world.StartProxy(p.host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Stop() })
	image, err := world.PushSmall(t.Context(), p.host+"/sample/faulty:v1")
	if err != nil {
		t.Fatal(err)
	}
	p.must("hallmark", "keygen")
	f := &faulty{place: p, proxy: proxy, image: image.String(), format: at.format, steps: [][]string{{typeVuln, typeA}}}
	f.args = []string{
		"run", proxy.Host + "/sample/faulty:v1", "--key", "cosign.key", "--attestation-format", at.format,
		"--vuln-db", database, "--vuln-db-max-age", anyAge, "--predicate", typeA + "=edition.json",
	}
	if everyFault() {
		f.steps = [][]string{{typeVuln, typeA, typeCycloneDX}, {typeVerdict}}
		f.args = append(f.args, "--policy", p.file("allow.rego", about(typeVuln, "isCompliant = true\n")))
	} else {
		f.args = append(f.args, "--sbom", "none")
	}
	return f
}

// attempt runs for a new edition, in which nothing is as it was but the SBOM.
func (f *faulty) attempt(timeout time.Duration, choose func(n int, r *http.Request) world.Fault) outcome {
	f.t.Helper()
	f.edition++
	f.file("edition.json", fmt.Sprintf(`{"edition":%d}`, f.edition))
	f.proxy.Fail(choose)
	return f.run("hallmark", append(f.args, "--timeout", timeout.String())...)
}

func nothing(int, *http.Request) world.Fault { return world.None }

// undisturbed is an attempt without a fault.
func (f *faulty) undisturbed() outcome {
	f.t.Helper()
	return f.attempt(10*time.Minute, nothing)
}

// requests returns those of a run that replaces what is there, without a fault.
func (f *faulty) requests() []world.Request {
	f.t.Helper()
	for range 2 {
		if got := f.undisturbed(); got.code != 0 {
			f.t.Fatalf("without a fault: exit %d\n%s", got.code, got.stderr)
		}
	}
	return f.proxy.Requests()
}

// eachInTurn lets one request after the other meet the faults that it is dealt.
func (f *faulty) eachInTurn(at faultyPlace, turn int, requests []world.Request) {
	f.t.Helper()
	dealt := 0
	for n, request := range requests {
		for _, fault := range at.dealt(n+turn, request) {
			dealt++
			f.single(n, request, fault)
		}
	}
	if f.met < dealt*9/10 {
		f.t.Errorf("of %d faults %d were met", dealt, f.met)
	}
}

// single lets the nth request meet a fault. A run that is made to wait ends with
// its timeout, which grows until the run comes as far as that request. How often a
// tag is looked at depends on the time, so that the last ones may not be made.
func (f *faulty) single(n int, request world.Request, fault world.Fault) {
	f.t.Helper()
	timeout := 10 * time.Minute
	if fault == world.Stall {
		timeout = 2*request.After + time.Second/2
	}
	for range 5 {
		met := ""
		failed := f.try(fmt.Sprintf("%s at request %d (%s)", fault, n+1, request), timeout, func(i int, r *http.Request) world.Fault {
			if i != n+1 {
				return world.None
			}
			met = r.Method + " " + r.URL.Path
			return fault
		})
		switch {
		case met != "" && fault == world.Stall && !failed:
			f.t.Errorf("stall at %s: the run succeeds", met)
			return
		case met != "":
			f.met++
			return
		case !failed:
			return
		}
		timeout *= 2
	}
	f.t.Errorf("%s at request %d (%s): no run came as far", fault, n+1, request)
}

// persistent lets every request of a kind fail: that no run survives.
func (f *faulty) persistent(requests []world.Request) {
	f.t.Helper()
	for _, path := range []string{"/blobs/uploads/", "/manifests/sha256-", "/manifests/sha256:"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut} {
			if !slices.ContainsFunc(requests, func(r world.Request) bool { return r.Method == method && strings.Contains(r.Path, path) }) {
				continue
			}
			fault := fmt.Sprintf("503 to every %s %s", method, path)
			if !f.try(fault, 10*time.Minute, func(_ int, r *http.Request) world.Fault {
				if r.Method == method && strings.Contains(r.URL.Path, path) {
					return world.Unavailable
				}
				return world.None
			}) {
				f.t.Errorf("%s: the run succeeds", fault)
			}
		}
	}
}

// try runs with a fault and checks what the stores hold then, and after a run
// without. It reports whether the first one failed.
func (f *faulty) try(fault string, timeout time.Duration, choose func(n int, r *http.Request) world.Fault) (failed bool) {
	f.t.Helper()
	f.faults++
	before := f.held()
	got := f.attempt(timeout, choose)
	f.proxy.Fail(nothing) // from here on the choice is over
	if got.code != 0 && got.code != 1 {
		f.t.Errorf("%s: exit %d\n%s", fault, got.code, got.stderr)
	}
	f.whole(fault, got, before, f.held())
	if got.code == 0 {
		return false
	}
	f.t.Logf("%s: exit %d: %s", fault, got.code, lastLine(got.stderr))
	before = f.held()
	again := f.undisturbed()
	if again.code != 0 {
		f.t.Errorf("%s: the next run: exit %d\n%s", fault, again.code, again.stderr)
	}
	f.whole("the run after "+fault, again, before, f.held())
	f.verified(fault)
	return true
}
