package e2e_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// Twenty processes attach five attestations each, none of which replaces
// another.
const (
	processes = 20
	each      = 5
)

// TestConcurrent: whoever is told of success is there, however many write at
// once, and whoever else writes beside them without looking twice.
func TestConcurrent(t *testing.T) {
	for _, at := range []struct {
		name      string
		referrers bool
		cosign    []string // what it writes with in the meantime
	}{
		{"without the referrers API", false, nil},
		{"with the referrers API", true, nil},
		{"beside cosign", false, []string{"attest"}},
		{"beside cosign with bundles", false, []string{"attest", "--new-bundle-format"}},
	} {
		t.Run(at.name, func(t *testing.T) {
			p := newPlace(t, "")
			if at.referrers {
				p.useReferrers()
			}
			image := p.bare("contended")
			p.must("hallmark", "keygen")
			p.keys("other")
			p.file("predicate.json", `{}`)

			stop := func() int { return 0 }
			if at.cosign != nil {
				stop = p.keepWriting(append(at.cosign, "-y", "--tlog-upload=false", "--key", "other.key", "--type", "custom", "--predicate", "predicate.json", image)...)
			}
			p.attachAtOnce(image)
			t.Logf("cosign attached %d times meanwhile", stop())
			for store, n := range p.countOurs(image) {
				if n != processes*each {
					t.Errorf("%s holds %d of our %d attestations", store, n, processes*each)
				}
			}
		})
	}
}

// attachAtOnce runs the processes, all of which must succeed.
func (p *place) attachAtOnce(image string) {
	p.t.Helper()
	var group sync.WaitGroup
	for i := range processes {
		args := []string{"attest", image, "--key", "cosign.key", "--attestation-format", "both"}
		for j := range each {
			args = append(args, "--predicate", fmt.Sprintf("https://example.com/%d/%d=predicate.json", i, j))
		}
		group.Go(func() {
			if got := p.run("hallmark", args...); got.code != 0 {
				p.t.Errorf("process %d: exit %d\n%s", i, got.code, got.stderr)
			}
		})
	}
	group.Wait()
}

// keepWriting runs cosign again and again until it is stopped, and then tells
// how often it succeeded.
func (p *place) keepWriting(args ...string) (stop func() int) {
	p.t.Helper()
	cosign, err := world.Tool("cosign")
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(p.t.Context())
	ended := make(chan int, 1)
	go func() {
		n := 0
		for ctx.Err() == nil {
			cmd := exec.Command(cosign, args...) //nolint:noctx // it is to end by itself: half a write proves nothing
			cmd.Dir, cmd.Env = p.dir, p.env
			if out, err := cmd.CombinedOutput(); err != nil {
				p.t.Logf("cosign: %v: %s", err, lastLine(string(out)))
				continue
			}
			n++
		}
		ended <- n
	}()
	return func() int {
		cancel()
		return <-ended
	}
}

// countOurs counts, for each store, the types of ours that it holds.
func (p *place) countOurs(image string) map[string]int {
	p.t.Helper()
	all, err := world.Attached(p.t.Context(), image)
	if err != nil {
		p.t.Fatal(err)
	}
	out := map[string]int{"att": 0, "bundle": 0}
	seen := map[string]bool{}
	for _, a := range all {
		if key := a.Store + a.PredicateType; strings.HasPrefix(a.PredicateType, "https://example.com/") && !seen[key] {
			seen[key] = true
			out[a.Store]++
		}
	}
	return out
}

// TestConcurrentCosign tells how many of as many cosign processes survive: it
// asserts only that they all say that they succeeded.
func TestConcurrentCosign(t *testing.T) {
	p := newPlace(t, "")
	image := p.bare("contended")
	p.keys("cosign")
	p.file("predicate.json", `{}`)
	var group sync.WaitGroup
	for i := range processes {
		group.Go(func() {
			p.cosignAttest("cosign.key", fmt.Sprintf("https://example.com/%d", i), "predicate.json", image)
		})
	}
	group.Wait()
	t.Logf("of %d cosign processes that attached at once and exited 0, %d attestations are there", processes, p.countOurs(image)["att"])
}

// TestConcurrentSameTypes: jobs of one signer that attach the same types at once
// all succeed, and leave one attestation of each type in each format.
func TestConcurrentSameTypes(t *testing.T) {
	for name, referrers := range map[string]bool{"without the referrers API": false, "with the referrers API": true} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, "")
			if referrers {
				p.useReferrers()
			}
			image := p.bare("disputed")
			p.must("hallmark", "keygen")
			var group sync.WaitGroup
			for i := range processes / 2 {
				p.file(fmt.Sprint("predicate", i, ".json"), fmt.Sprintf(`{"by":%d}`, i))
				group.Go(func() {
					predicate := fmt.Sprint("=predicate", i, ".json")
					got := p.run("hallmark", "attest", image, "--key", "cosign.key", "--attestation-format", "both",
						"--predicate", typeA+predicate, "--predicate", typeB+predicate)
					if got.code != 0 {
						p.t.Errorf("process %d: exit %d\n%s", i, got.code, got.stderr)
					}
				})
			}
			group.Wait()
			all, err := world.Attached(t.Context(), image)
			if err != nil {
				t.Fatal(err)
			}
			held := map[string]int{}
			for _, a := range all {
				held[a.Store+" "+a.PredicateType]++
			}
			for _, store := range []string{"att ", "bundle "} {
				for _, predicateType := range []string{typeA, typeB} {
					if n := held[store+predicateType]; n != 1 {
						t.Errorf("%s%s: %d are attached, want 1", store, predicateType, n)
					}
				}
			}
			p.must("hallmark", "verify", image, "--key", "cosign.pub")
		})
	}
}
