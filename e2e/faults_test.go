package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// faulty is a place behind a proxy, with an image whose attestations are told
// apart by the edition that they are of.
type faulty struct {
	*place
	proxy   *world.Proxy
	format  string
	image   string // straight at the registry
	through string // the same behind the proxy
	edition int
}

const (
	typeA = "https://example.com/a/v1"
	typeB = "https://example.com/b/v1"
)

// TestFaults lets each request of a run fail in turn. Whatever the
// run says, every store holds the complete set of before or the complete new
// one; if it says that it succeeded, the new one; and the next run succeeds.
func TestFaults(t *testing.T) {
	for _, at := range []struct {
		name, format string
		referrers    bool
	}{
		{"att at docker-registry", "att", false},
		{"both at docker-registry", "both", false},
		{"both at go-containerregistry with the referrers API", "both", true},
	} {
		t.Run(at.name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, at.format, at.referrers)
			requests := f.requests()
			for n, request := range requests {
				for _, fault := range f.faults(n, request) {
					f.try(fmt.Sprintf("%s at request %d (%s)", fault, n+1, request),
						func(i int, _ *http.Request) world.Fault { return only(i == n+1, fault) })
				}
			}
			for _, path := range []string{"/blobs/uploads/", "/manifests/sha256-", "/manifests/sha256:"} {
				for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut} {
					if slices.ContainsFunc(requests, func(r string) bool { return strings.HasPrefix(r, method+" ") && strings.Contains(r, path) }) {
						f.persistent(method, path)
					}
				}
			}
			for _, n := range interesting(requests) {
				f.try(fmt.Sprintf("stall at request %d (%s)", n+1, requests[n]),
					func(i int, _ *http.Request) world.Fault { return only(i == n+1, world.Stall) })
			}
		})
	}
}

// faults returns what a request meets: all of it where it changes what is
// visible, or FAULTS=all is set. For the sake of time, others meet one after the
// other in turn, and where both formats are written each second one none.
func (f *faulty) faults(n int, request string) []world.Fault {
	all := []world.Fault{world.Broken, world.Limited, world.Reset, world.Cut}
	changes := (strings.HasPrefix(request, "PUT ") || strings.HasPrefix(request, "DELETE ")) && strings.Contains(request, "/manifests/")
	if changes || os.Getenv("FAULTS") == "all" {
		return all
	}
	if f.format == "both" {
		if n%2 == 1 {
			return nil
		}
		n /= 2
	}
	return all[n%len(all):][:1]
}

func only(when bool, fault world.Fault) world.Fault {
	if when {
		return fault
	}
	return world.None
}

// interesting returns the requests that write a tag or a referrer, and the first
// upload.
func interesting(requests []string) []int {
	out := []int{slices.IndexFunc(requests, func(r string) bool { return strings.HasPrefix(r, "PATCH ") })}
	for n, r := range requests {
		if strings.HasPrefix(r, "PUT ") && strings.Contains(r, "/manifests/") {
			out = append(out, n)
		}
	}
	return out
}

func newFaulty(t *testing.T, format string, referrers bool) *faulty {
	t.Helper()
	p := newPlace(t, "")
	if referrers {
		p.useReferrers()
	}
	proxy, err := world.StartProxy(p.host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Stop() })
	f := &faulty{place: p, proxy: proxy, format: format, image: p.bare("faulty")}
	f.through = strings.Replace(f.image, p.host, proxy.Host, 1)
	p.must("hallmark", "keygen")
	return f
}

// attest attaches two attestations of a new edition through the proxy.
func (f *faulty) attest() outcome {
	f.t.Helper()
	f.edition++
	f.file("edition.json", fmt.Sprintf(`{"edition":%d}`, f.edition))
	return f.run("hallmark", "attest", f.through, "--key", "cosign.key", "--attestation-format", f.format, "--timeout", "4s",
		"--predicate", typeA+"=edition.json", "--predicate", typeB+"=edition.json")
}

// requests returns those of a run that replaces what is there, without a fault.
func (f *faulty) requests() []string {
	f.t.Helper()
	var all []string
	for range 2 {
		f.proxy.Fail(func(int, *http.Request) world.Fault { return world.None })
		if got := f.attest(); got.code != 0 {
			f.t.Fatalf("without a fault: exit %d\n%s", got.code, got.stderr)
		}
		all = f.proxy.Requests()
	}
	f.t.Logf("%d requests", len(all))
	return all
}

// try runs with a fault and checks what the stores hold then, and after a run
// without.
func (f *faulty) try(fault string, choose func(n int, r *http.Request) world.Fault) {
	f.t.Helper()
	old := f.edition
	f.proxy.Fail(choose)
	got := f.attest()
	f.proxy.Fail(func(int, *http.Request) world.Fault { return world.None })
	if got.code != 0 && got.code != 1 {
		f.t.Errorf("%s: exit %d\n%s", fault, got.code, got.stderr)
	}
	if held := f.held(); !f.complete(held, old, got.code == 0) {
		f.t.Errorf("%s: exit %d, of edition %d after %d, and attached is %v\n%s", fault, got.code, f.edition, old, held, got.stderr)
	}
	if got.code == 0 {
		f.verified(fault)
		return
	}
	f.t.Logf("%s: exit %d: %s", fault, got.code, lastLine(got.stderr))
	if again := f.attest(); again.code != 0 {
		f.t.Errorf("%s: the next run: exit %d\n%s", fault, again.code, again.stderr)
	}
	if held := f.held(); !f.complete(held, f.edition, true) {
		f.t.Errorf("%s: after the next run attached is %v, want edition %d", fault, held, f.edition)
	}
	f.verified(fault)
}

// persistent lets every request of a kind fail.
func (f *faulty) persistent(method, path string) {
	f.t.Helper()
	old := f.held()
	f.proxy.Fail(func(_ int, r *http.Request) world.Fault {
		return only(r.Method == method && strings.Contains(r.URL.Path, path), world.Unavailable)
	})
	got := f.attest()
	f.proxy.Fail(func(int, *http.Request) world.Fault { return world.None })
	if got.code != 1 {
		f.t.Errorf("503 to every %s %s: exit %d, want 1\n%s", method, path, got.code, got.stderr)
	}
	// The stores are written one after the other.
	for store, held := range f.held() {
		if !slices.Equal(held, old[store]) && !slices.Equal(held, f.set(f.edition)) {
			f.t.Errorf("503 to every %s %s: attached is %v, was %v", method, path, held, old[store])
		}
	}
	f.t.Logf("503 to every %s %s: exit %d: %s", method, path, got.code, lastLine(got.stderr))
	if again := f.attest(); again.code != 0 {
		f.t.Errorf("503 to every %s %s: the next run: exit %d\n%s", method, path, again.code, again.stderr)
	}
}

// complete reports whether every store holds one complete set: the new one, or
// that of an old edition unless the run succeeded. Where the referrers API shows
// each bundle as it comes, both may be there until the old one is removed.
func (f *faulty) complete(held map[string][]string, old int, succeeded bool) bool {
	before, now := f.set(old), f.set(f.edition)
	for store, set := range held {
		switch {
		case slices.Equal(set, now):
		case !succeeded && slices.Equal(set, before):
		case !succeeded && store == "bundle" && slices.Equal(set, sorted(append(before, now...))):
		default:
			return false
		}
	}
	return len(held) > 0
}

func (f *faulty) set(edition int) []string {
	return sorted([]string{fmt.Sprint(typeA, " ", edition), fmt.Sprint(typeB, " ", edition)})
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

// held returns what each store holds, by its manifests: types and editions.
func (f *faulty) held() map[string][]string {
	f.t.Helper()
	all, err := world.Attached(f.t.Context(), f.image)
	if err != nil {
		f.t.Fatal(err)
	}
	out := map[string][]string{"att": {}}
	if f.format == "both" {
		out["bundle"] = []string{}
	}
	for _, a := range all {
		var body struct{ Edition int }
		decode(f.t, a.Predicate, &body)
		out[a.Store] = append(out[a.Store], fmt.Sprint(a.PredicateType, " ", body.Edition))
	}
	for store := range out {
		out[store] = sorted(out[store])
	}
	return out
}

// verified lets hallmark verify straight at the registry.
func (f *faulty) verified(fault string) {
	f.t.Helper()
	var found []struct {
		Statement struct {
			PredicateType string
			Predicate     struct{ Edition int }
		}
	}
	decode(f.t, []byte(f.must("hallmark", "verify", f.image, "--key", "cosign.pub", "--output", "json")), &found)
	for _, v := range found {
		if v.Statement.Predicate.Edition != f.edition {
			f.t.Errorf("%s: hallmark verifies edition %d of %s, want %d", fault, v.Statement.Predicate.Edition, v.Statement.PredicateType, f.edition)
		}
	}
	if len(found) != 2 { // what both stores hold is counted once
		f.t.Errorf("%s: hallmark verifies %d attestations, want 2", fault, len(found))
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
