package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// The contenders, as they are named in the table.
const (
	product  = "hallmark run"
	rerun    = "hallmark run, again"
	peers    = "separate tools"
	bare     = "floor"
	one      = "hallmark run, one platform"
	rescan   = "hallmark rescan"
	peerScan = "grype, cosign attest"
)

// lap is one contender doing the job once.
type lap struct {
	image, contender string
	wall, cpu        time.Duration
	memory           int64 // bytes: the largest single process at its largest
	requests, pulled int64 // of the registry; bytes of its answers
	findings         int
}

// race is everything that the contenders need.
type race struct {
	dir       string
	meter     *meter // before the registry
	databases string // grype's, imported
	pipeline  string // the script of the separate tools
	hallmark  string
	self      string // this program
	env       []string
}

// The same question that the pipeline of separate tools asks, in the product's
// dialect.
const gate = `# METADATA
# custom:
#   predicateType: vuln
package sigstore

import rego.v1

isCompliant if input.predicateType == "https://cosign.sigstore.dev/attestation/vuln/v1"
`

func newRace(ctx context.Context, dir, shared string, m *meter) (*race, error) {
	r := &race{dir: dir, meter: m, databases: filepath.Join(dir, "databases"), pipeline: filepath.Join(shared, "realworld", "peer-pipeline")}
	var err error
	if r.hallmark, err = world.Tool("hallmark"); err != nil {
		return nil, err
	}
	if r.self, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	if r.env, err = world.Environ(dir, r.databases); err != nil {
		return nil, err
	}
	archive, err := world.SharedArchive(shared)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "gate.rego"), []byte(gate), 0o600); err != nil {
		return nil, fmt.Errorf("writing the policy: %w", err)
	}
	for _, setup := range [][]string{
		{"grype", "db", "import", archive},
		{"cosign", "generate-key-pair"},
	} {
		if _, err := r.measure(ctx, setup...); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// heat is what one contender does to one image, on its own copy of it.
type heat struct {
	image, contender string
	after            string // the contender that was on this copy before; empty: a fresh copy
}

// heats are the contenders in the order of a round: each is first in every other.
func heats(image string, round int) []heat {
	ours := []heat{{image, product, ""}, {image, rerun, product}}
	var theirs []heat
	switch image {
	case "multi": // the separate tools have no way to do an index
		theirs = []heat{{image, one, ""}}
	case "big":
		ours = append(ours, heat{image, rescan, product})
		theirs = []heat{{image, peers, ""}, {image, peerScan, peers}, {image, bare, ""}}
	default:
		theirs = []heat{{image, peers, ""}, {image, bare, ""}}
	}
	if round%2 == 1 {
		return append(theirs, ours...)
	}
	return append(ours, theirs...)
}

// run lets the contenders do the job in turn.
func (r *race) run(ctx context.Context, out io.Writer, images []string, rounds int) ([]lap, error) {
	var laps []lap
	for round := range rounds {
		for _, image := range images {
			for _, h := range heats(image, round) {
				l, err := r.lap(ctx, h, round)
				if err != nil {
					return nil, err
				}
				laps = append(laps, l)
				_, _ = fmt.Fprintf(out, "round %d: %-5s %-26s %7.2f s, CPU %7.2f s, %5.0f MiB, %4d requests, %7.1f MiB pulled, %d findings\n", round+1,
					l.image, l.contender, l.wall.Seconds(), l.cpu.Seconds(), mebibytes(l.memory), l.requests, mebibytes(l.pulled), l.findings)
			}
		}
	}
	return laps, nil
}

// lap lets a contender do its job once.
func (r *race) lap(ctx context.Context, h heat, round int) (lap, error) {
	owner := h.contender
	if h.after != "" {
		owner = h.after
	}
	copied := map[string]string{product: "product", peers: "peers", bare: "floor", one: "one"}[owner]
	ref := fmt.Sprintf("%s/%s/%s-%d:v1", r.meter.host, copied, h.image, round)
	work := filepath.Join(r.dir, "work-"+copied)
	if h.after == "" {
		if err := r.prepare(ctx, h, ref, work); err != nil {
			return lap{}, err
		}
	}
	r.meter.reset()
	l, err := r.measure(ctx, r.command(h, ref, work)...)
	if err != nil {
		return lap{}, err
	}
	l.image, l.contender, l.requests, l.pulled = h.image, h.contender, r.meter.requests.Load(), r.meter.bytes.Load()
	result, ok := map[string]string{product: "scan.json", rerun: "scan.json", one: "scan.json", peers: "vuln.json"}[h.contender]
	if !ok {
		return l, nil
	}
	l.findings, err = countFindings(filepath.Join(work, result))
	return l, err
}

// prepare gives the contender a repository of its own, to which nothing is attached
// yet, and a folder.
func (r *race) prepare(ctx context.Context, h heat, ref, work string) error {
	if _, err := r.measure(ctx, "crane", "copy", "--insecure", r.meter.host+"/real/"+h.image+":v1", ref); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(work), os.MkdirAll(work, 0o755)); err != nil {
		return fmt.Errorf("making room: %w", err)
	}
	// The separate tools make a key pair where they find none; that is no part of the job.
	for _, key := range []string{"cosign.key", "cosign.pub"} {
		if err := os.Link(filepath.Join(r.dir, key), filepath.Join(work, key)); err != nil {
			return fmt.Errorf("handing over the key: %w", err)
		}
	}
	return nil
}

// command is what a contender does.
func (r *race) command(h heat, ref, work string) []string {
	common := []string{
		ref, "--key", filepath.Join(r.dir, "cosign.key"),
		"--vuln-db", r.databases, "--vuln-db-max-age", "876000h", "--policy", filepath.Join(r.dir, "gate.rego"),
	}
	whole := append([]string{r.hallmark, "run", "--sbom", "cyclonedx", "--output-dir", work}, common...)
	switch h.contender {
	case one:
		return append(whole, "--platforms", "linux/amd64")
	case rescan:
		return append([]string{r.hallmark, "rescan"}, common...)
	case peers:
		return []string{r.pipeline, ref, work}
	case peerScan: // of what peers left in its folder, with the same predicate
		return []string{"bash", "-euc", `cd "$1"; grype sbom:syft.json -q -o json > again.json
cosign attest -y --tlog-upload=false --key cosign.key --type vuln --predicate vuln.json "${2%:*}@$(crane digest "$2")" 2>/dev/null`, "again", work, ref}
	case bare:
		return []string{r.self, "-floor", ref}
	}
	return whole
}

// measure runs a program to its end. CPU time is that of all its processes.
func (r *race) measure(ctx context.Context, argv ...string) (lap, error) {
	program, err := exec.LookPath(argv[0])
	if err != nil {
		if program, err = world.Tool(argv[0]); err != nil {
			return lap{}, err
		}
	}
	cmd := exec.CommandContext(ctx, program, argv[1:]...)
	cmd.Dir, cmd.Env = r.dir, r.env
	start := time.Now()
	out, err := cmd.CombinedOutput()
	wall := time.Since(start)
	if err != nil {
		return lap{}, fmt.Errorf("running %v: %w\n%s", argv, err, out)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return lap{}, errors.New("measuring: this system does not tell what a process used")
	}
	return lap{
		wall:   wall,
		cpu:    cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		memory: usage.Maxrss * 1024, // Linux counts in KiB, over all the processes waited for
	}, nil
}

// countFindings counts what a contender's vulnerability predicate lists, so
// that the table shows that both did the work.
func countFindings(path string) (int, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("counting the findings: %w", err)
	}
	var predicate struct {
		Scanner struct {
			Result struct{ Findings, Matches []json.RawMessage }
		}
	}
	if err := json.Unmarshal(content, &predicate); err != nil {
		return 0, fmt.Errorf("counting the findings in %s: %w", path, err)
	}
	return len(predicate.Scanner.Result.Findings) + len(predicate.Scanner.Result.Matches), nil
}
