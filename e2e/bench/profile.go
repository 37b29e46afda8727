package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// spent is what one first run spent the processors' time on.
type spent struct {
	image string
	total time.Duration
	parts map[string]time.Duration // by the name of the part
}

// part is something that time is spent on, told by the functions of it. The one that
// is closest to where a sample was taken counts.
type part struct {
	name      string
	functions []string // what their names begin with
}

// Parts of a run, in the order of the table.
func parts() []part {
	const ours = "github.com/hallmark-ci/hallmark/internal/"
	return []part{
		{"unpacking gzip and zstd", []string{"github.com/klauspost/compress/"}},
		{"digests", []string{"crypto/sha256", "crypto/internal/fips140/sha256"}},
		{"keeping what was unpacked", []string{ours + "filetree", ours + "image"}},
		{"reading Go programs and their symbols", []string{"github.com/anchore/syft/syft/pkg/cataloger/golang", "debug/gosym", "github.com/kastenhq/goversion"}},
		{"building what recognizes licences", []string{"github.com/google/licensecheck"}},
		{"the rest of syft", []string{"github.com/anchore/syft/", "github.com/gohugoio/hashstructure", "github.com/jinzhu/copier"}},
		{"matching, with the database", []string{"github.com/anchore/grype/", "gorm.io/", "modernc.org/", ours + "scan"}},
		{"decrypting the key", []string{"golang.org/x/crypto/scrypt"}},
		{"encoding, signing, verifying, gating, reporting", []string{ours}},
		{"starting", []string{"runtime.doInit"}},
		{"collecting garbage", []string{"runtime.gcBgMarkWorker", "runtime.gcAssistAlloc", "runtime.bgsweep", "runtime.bgscavenge"}},
	}
}

const otherParts = "the rest"

// profiles lets the product run once on each image, outside of the race, and looks at
// where it was.
func (r *race) profiles(ctx context.Context, out io.Writer, images []string) ([]spent, error) {
	var all []spent
	for _, image := range images {
		if image == "multi" {
			continue
		}
		_, _ = fmt.Fprintf(out, "profiling a first run on %s\n", image)
		s, err := r.profile(ctx, image)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func (r *race) profile(ctx context.Context, image string) (spent, error) {
	h := heat{image: image, contender: product}
	ref := fmt.Sprintf("%s/profiled/%s:v1", r.meter.host, image)
	work := filepath.Join(r.dir, "work-profiled")
	if err := r.prepare(ctx, h, ref, work); err != nil {
		return spent{}, err
	}
	path := filepath.Join(r.dir, "profile-"+image)
	own := *r
	own.env = append(slices.Clone(r.env), "CPUPROFILE="+path)
	if _, err := own.measure(ctx, r.command(h, ref, work)...); err != nil {
		return spent{}, err
	}
	file, err := os.Open(path)
	if err != nil {
		return spent{}, fmt.Errorf("reading the profile: %w", err)
	}
	read, err := profile.Parse(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return spent{}, fmt.Errorf("reading the profile: %w", err)
	}
	return divide(image, read), nil
}

// divide sorts the samples of a profile into parts.
func divide(image string, p *profile.Profile) spent {
	s := spent{image: image, parts: map[string]time.Duration{}}
	for _, sample := range p.Sample {
		took := time.Duration(sample.Value[len(sample.Value)-1])
		s.total += took
		s.parts[partOf(sample)] += took
	}
	return s
}

// partOf returns the part of the innermost function that is of any.
func partOf(sample *profile.Sample) string {
	for _, location := range sample.Location { // the innermost is the first
		for _, line := range location.Line {
			if line.Function == nil {
				continue
			}
			for _, p := range parts() {
				if slices.ContainsFunc(p.functions, func(f string) bool { return strings.HasPrefix(line.Function.Name, f) }) {
					return p.name
				}
			}
		}
	}
	return otherParts
}

// spentTable renders where the time went.
func spentTable(all []spent) string {
	var b strings.Builder
	b.WriteString("| of the processors' time |")
	for _, s := range all {
		fmt.Fprintf(&b, " %s |", s.image)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(all)) + "\n")
	for _, name := range append(partNames(), otherParts) {
		fmt.Fprintf(&b, "| %s |", name)
		for _, s := range all {
			fmt.Fprintf(&b, " %.2f s, %.0f %% |", s.parts[name].Seconds(), 100*float64(s.parts[name])/float64(max(s.total, 1)))
		}
		b.WriteString("\n")
	}
	b.WriteString("| **all** |")
	for _, s := range all {
		fmt.Fprintf(&b, " %.2f s |", s.total.Seconds())
	}
	return b.String() + "\n"
}

func partNames() []string {
	var names []string
	for _, p := range parts() {
		names = append(names, p.name)
	}
	return names
}
