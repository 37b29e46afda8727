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
	product = "hallmark run"
	peers   = "separate tools"
)

// lap is one contender doing the job once.
type lap struct {
	image, contender string
	wall, cpu        time.Duration
	memory           int64 // bytes: the largest single process at its largest
	findings         int
}

// race is everything that the contenders need.
type race struct {
	dir, host string
	databases string // grype's, imported
	pipeline  string // the script of the separate tools
	hallmark  string
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

func newRace(ctx context.Context, dir, shared, host string) (*race, error) {
	r := &race{dir: dir, host: host, databases: filepath.Join(dir, "databases"), pipeline: filepath.Join(shared, "realworld", "peer-pipeline")}
	var err error
	if r.hallmark, err = world.Tool("hallmark"); err != nil {
		return nil, err
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
		if _, err := r.measure(ctx, dir, setup...); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// run lets the contenders do the job in turn, each of them first in every other
// round.
func (r *race) run(ctx context.Context, out io.Writer, images []string, rounds int) ([]lap, error) {
	var laps []lap
	for round := range rounds {
		for _, image := range images {
			order := []string{product, peers}
			if round%2 == 1 {
				order = []string{peers, product}
			}
			for _, contender := range order {
				l, err := r.lap(ctx, image, contender, round)
				if err != nil {
					return nil, err
				}
				laps = append(laps, l)
				_, _ = fmt.Fprintf(out, "round %d: %-4s %-15s %6.2f s, CPU %6.2f s, %5.0f MiB, %d findings\n",
					round+1, l.image, l.contender, l.wall.Seconds(), l.cpu.Seconds(), mebibytes(l.memory), l.findings)
			}
		}
	}
	return laps, nil
}

// lap gives the contender a repository of its own, to which nothing is attached
// yet, and measures the job.
func (r *race) lap(ctx context.Context, image, contender string, round int) (lap, error) {
	who, work := "product", filepath.Join(r.dir, "work")
	if contender == peers {
		who = "peers"
	}
	ref := fmt.Sprintf("%s/%s/%s-%d:v1", r.host, who, image, round)
	if _, err := r.measure(ctx, r.dir, "crane", "copy", "--insecure", r.host+"/real/"+image+":v1", ref); err != nil {
		return lap{}, err
	}
	if err := errors.Join(os.RemoveAll(work), os.MkdirAll(work, 0o755)); err != nil {
		return lap{}, fmt.Errorf("making room: %w", err)
	}
	job, result := []string{
		r.hallmark, "run", ref, "--key", filepath.Join(r.dir, "cosign.key"), "--sbom", "cyclonedx",
		"--vuln-db", r.databases, "--vuln-db-max-age", "876000h", "--policy", filepath.Join(r.dir, "gate.rego"), "--output-dir", work,
	}, "scan.json"
	if contender == peers {
		// It makes a key pair where it finds none; that is no part of the job.
		for _, key := range []string{"cosign.key", "cosign.pub"} {
			if err := os.Link(filepath.Join(r.dir, key), filepath.Join(work, key)); err != nil {
				return lap{}, fmt.Errorf("handing over the key: %w", err)
			}
		}
		job, result = []string{r.pipeline, ref, work}, "vuln.json"
	}
	l, err := r.measure(ctx, r.dir, job...)
	if err != nil {
		return lap{}, err
	}
	l.image, l.contender = image, contender
	l.findings, err = countFindings(filepath.Join(work, result))
	return l, err
}

// measure runs a program to its end. CPU time is that of all its processes.
func (r *race) measure(ctx context.Context, dir string, argv ...string) (lap, error) {
	program, err := exec.LookPath(argv[0])
	if err != nil {
		if program, err = world.Tool(argv[0]); err != nil {
			return lap{}, err
		}
	}
	cmd := exec.CommandContext(ctx, program, argv[1:]...)
	cmd.Dir, cmd.Env = dir, r.env
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
