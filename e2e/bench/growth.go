package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// series is how the time of a job grows with one thing that there is more of.
type series struct {
	what   string // there is more of
	job    string
	points []point
}

type point struct {
	size int
	wall time.Duration // the median of the rounds
}

// factor is how much longer the last step takes than the one before it, each for
// one more: 1 is linear.
func (s series) factor() float64 {
	if len(s.points) < 3 {
		return 0
	}
	last := s.points[len(s.points)-3:]
	slope := func(a, b point) float64 { return (b.wall - a.wall).Seconds() / float64(b.size-a.size) }
	if before := slope(last[0], last[1]); before > 0 {
		return slope(last[1], last[2]) / before
	}
	return 0
}

// growing is a kind of image, made in sizes.
type growing struct {
	what  string
	sizes []int
	write func(w *tar.Writer, size int) error
}

func growingImages() []growing {
	return []growing{
		{"MiB of layers", []int{64, 128, 256, 512}, manyBytes},
		{"files", []int{20_000, 40_000, 80_000, 160_000}, manyFiles},
		{"packages", []int{1000, 2000, 4000, 8000}, manyPackages},
		{"findings", []int{250, 500, 1000, 2000}, manyFindings},
	}
}

// growth measures a run on images that have more and more of one thing, and the gate
// on an image with more and more attestations.
func (r *race) growth(ctx context.Context, out io.Writer, rounds int) ([]series, error) {
	var all []series
	for _, g := range growingImages() {
		s := series{what: g.what, job: product}
		for _, size := range g.sizes {
			ref := fmt.Sprintf("%s/growth/%s-%d:v1", r.meter.host, strings.ReplaceAll(strings.ToLower(g.what), " ", "-"), size)
			if err := push(ctx, ref, func(w *tar.Writer) error { return g.write(w, size) }); err != nil {
				return nil, err
			}
			command := append(r.command(heat{contender: product}, ref, filepath.Join(r.dir, "growth")), "--reuse-sbom=false")
			p, err := r.point(ctx, size, rounds, command)
			if err != nil {
				return nil, err
			}
			s.points = append(s.points, p)
		}
		tellSeries(out, s)
		all = append(all, s)
	}
	attestations, err := r.attestations(ctx, out, rounds)
	return append(all, attestations...), err
}

func tellSeries(out io.Writer, s series) {
	_, _ = fmt.Fprintf(out, "growth: %s, %s: %v\n", s.job, s.what, s.points)
}

func (r *race) point(ctx context.Context, size, rounds int, command []string) (point, error) {
	walls := make([]time.Duration, rounds)
	for i := range walls {
		l, err := r.measure(ctx, command...)
		if err != nil {
			return point{}, err
		}
		walls[i] = l.wall
	}
	return point{size, median(walls)}, nil
}

// countingPolicy reads every component of an SBOM.
const countingPolicy = `# METADATA
# custom:
#   predicateType: cyclonedx
package sigstore

import rego.v1

isCompliant if count([c | some c in input.predicate.components; c.purl]) > 1000
`

// policies is how many the gate is asked about in attestations.
const policies = 50

// attestations measures the gate by 50 policies on an image with up to 1,000
// attestations, and on one with an SBOM of 15 MB.
func (r *race) attestations(ctx context.Context, out io.Writer, rounds int) ([]series, error) {
	var gated []string
	for i := range policies {
		path := filepath.Join(r.dir, fmt.Sprintf("gate-%d.rego", i))
		text := strings.ReplaceAll(gate, "predicateType: vuln", "predicateType: https://example.com/growth/"+strconv.Itoa(i))
		text = strings.ReplaceAll(text, "https://cosign.sigstore.dev/attestation/vuln/v1", "https://example.com/growth/"+strconv.Itoa(i))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("writing a policy: %w", err)
		}
		gated = append(gated, "--policy", path)
	}
	predicate := filepath.Join(r.dir, "growth.json")
	if err := os.WriteFile(predicate, []byte(`{"by":"the release team","says":"`+strings.Repeat("fine ", 200)+`"}`), 0o600); err != nil {
		return nil, fmt.Errorf("writing a predicate: %w", err)
	}
	many := series{what: "attestations, by 50 policies", job: "hallmark gate"}
	for _, size := range []int{125, 250, 500, 1000} {
		var types []string
		for i := range size {
			types = append(types, "--predicate", "https://example.com/growth/"+strconv.Itoa(i)+"="+predicate)
		}
		p, err := r.gated(ctx, "many-"+strconv.Itoa(size), size, rounds, types, gated)
		if err != nil {
			return nil, err
		}
		many.points = append(many.points, p)
	}
	tellSeries(out, many)
	counting := filepath.Join(r.dir, "counting.rego")
	if err := os.WriteFile(counting, []byte(countingPolicy), 0o600); err != nil {
		return nil, fmt.Errorf("writing a policy: %w", err)
	}
	large := series{what: "MB of one SBOM", job: "hallmark gate"}
	for _, size := range []int{4, 8, 15} {
		sbom := filepath.Join(r.dir, "large.cdx.json")
		if err := os.WriteFile(sbom, largeSBOM(size<<20), 0o600); err != nil {
			return nil, fmt.Errorf("writing an SBOM: %w", err)
		}
		p, err := r.gated(ctx, "large-"+strconv.Itoa(size), size, rounds, []string{"--predicate", "cyclonedx=" + sbom}, []string{"--policy", counting})
		if err != nil {
			return nil, err
		}
		large.points = append(large.points, p)
	}
	tellSeries(out, large)
	return []series{many, large}, nil
}

// gated attaches predicates to an image of its own and measures the gate.
func (r *race) gated(ctx context.Context, image string, size, rounds int, predicates, by []string) (point, error) {
	ref := r.meter.host + "/growth/" + image + ":v1"
	if err := push(ctx, ref, func(w *tar.Writer) error { return manyFiles(w, 1) }); err != nil {
		return point{}, err
	}
	key := filepath.Join(r.dir, "cosign.key")
	if _, err := r.measure(ctx, append([]string{r.hallmark, "attest", ref, "--key", key}, predicates...)...); err != nil {
		return point{}, err
	}
	return r.point(ctx, size, rounds, append([]string{r.hallmark, "gate", ref, "--key", filepath.Join(r.dir, "cosign.pub")}, by...))
}

// largeSBOM returns one of about so many bytes.
func largeSBOM(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[`)
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"type":"library","bom-ref":"%d","name":"package-%d","version":"1.%d","purl":"pkg:npm/package-%d@1.%d","licenses":[{"license":{"id":"MIT"}}]}`, i, i, i, i, i)
	}
	b.WriteString("]}")
	return b.Bytes()
}

// push makes an image of one layer.
func push(ctx context.Context, reference string, write func(*tar.Writer) error) error {
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	release := "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"
	if err := errors.Join(add(w, "etc/os-release", []byte(release)), write(w), w.Close()); err != nil {
		return fmt.Errorf("making %s: %w", reference, err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil })
	if err != nil {
		return fmt.Errorf("making %s: %w", reference, err)
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return fmt.Errorf("making %s: %w", reference, err)
	}
	ref, err := name.ParseReference(reference)
	if err != nil {
		return fmt.Errorf("making %s: %w", reference, err)
	}
	if err := remote.Write(ref, img, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("pushing %s: %w", reference, err)
	}
	return nil
}

func add(w *tar.Writer, path string, content []byte) error {
	if err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}

// manyBytes writes files of 4 MiB that do not compress.
func manyBytes(w *tar.Writer, mebibytes int) error {
	random := rand.NewChaCha8([32]byte{1})
	block := make([]byte, 4<<20)
	for i := range mebibytes / 4 {
		_, _ = random.Read(block) // never fails
		if err := add(w, fmt.Sprintf("data/%d.bin", i), block); err != nil {
			return err
		}
	}
	return nil
}

func manyFiles(w *tar.Writer, count int) error {
	for i := range count {
		if err := add(w, fmt.Sprintf("data/%d/%d.txt", i/1000, i), []byte("text")); err != nil {
			return err
		}
	}
	return nil
}

func manyPackages(w *tar.Writer, count int) error {
	var status bytes.Buffer
	for i := range count {
		fmt.Fprintf(&status, "Package: package-%d\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.%d-1\nMaintainer: nobody\nDescription: one\n\n", i, i)
	}
	return add(w, "var/lib/dpkg/status", status.Bytes())
}

// manyFindings writes versions of a module that all have one vulnerability.
func manyFindings(w *tar.Writer, count int) error {
	for i := range count {
		content := fmt.Sprintf(`{"name":"minimist","version":"0.%d.%d"}`, i/100, i%100)
		if err := add(w, fmt.Sprintf("app/%d/node_modules/minimist/package.json", i), []byte(content)); err != nil {
			return err
		}
	}
	return nil
}
