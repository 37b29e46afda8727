package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

const (
	maxLabels = 200  // of an image
	maxLabel  = 1000 // bytes of a label
)

// ImageFacts is what is known of an image besides what is in its packages.
type ImageFacts struct {
	Digest   string // sha256:…
	Platform string
	System   string // as debian 12; empty: none
	Files    *Files // nil: nobody has read them
	Config   []byte // as OCI has it

	EndOfLife *time.Time       // of the system; nil: nobody says
	Database  finding.Database // that says so
}

// Files is what is known of an image's files, both lists in the order of paths.
type Files struct{ Setuid, Shells []string }

// The predicate of an image's own facts, docs/schema/image.json.
type (
	imagePredicate struct {
		Images []imageEntry `json:"images"`
	}
	imageEntry struct {
		Digest       string            `json:"digest"`
		Platform     string            `json:"platform,omitempty"`
		Distribution string            `json:"distribution,omitempty"`
		EndOfLife    *imageEnd         `json:"endOfLife,omitempty"`
		Created      string            `json:"created,omitempty"`
		Base         *imageBase        `json:"base,omitempty"`
		User         string            `json:"user"`
		Root         bool              `json:"root"`
		Ports        []string          `json:"ports"`
		Entrypoint   []string          `json:"entrypoint"`
		Command      []string          `json:"command"`
		Healthcheck  bool              `json:"healthcheck"`
		Shells       *[]string         `json:"shells,omitempty"`
		Setuid       *[]string         `json:"setuid,omitempty"`
		Labels       map[string]string `json:"labels"`
	}
	imageEnd struct {
		Date     time.Time        `json:"date"`
		Database finding.Database `json:"database"`
	}
	imageBase struct {
		Name   string `json:"name,omitempty"`
		Digest string `json:"digest,omitempty"`
	}
)

// Image returns the facts of an image, or of each image of an index, by which one
// tells how hard it is to break out of it. Its environment is not among them: there
// may be secrets in it.
func Image(images []ImageFacts) (attest.Predicate, error) {
	p := imagePredicate{Images: []imageEntry{}}
	for _, one := range images {
		entry, err := one.entry()
		if err != nil {
			return attest.Predicate{}, err
		}
		p.Images = append(p.Images, entry)
	}
	body, err := json.Marshal(p)
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("encoding the facts of the image: %w", err)
	}
	return attest.Predicate{Type: attest.TypeImage, Body: body}, nil
}

func (f ImageFacts) entry() (imageEntry, error) {
	parsed, err := v1.ParseConfigFile(bytes.NewReader(f.Config))
	if err != nil {
		return imageEntry{}, fmt.Errorf("reading the configuration of the image: %w", err)
	}
	c := parsed.Config
	e := imageEntry{
		Digest: f.Digest, Platform: f.Platform, Distribution: plain.Line(f.System, maxQuoted), User: plain.Line(c.User, maxQuoted), Root: root(c.User),
		Ports: slices.Sorted(maps.Keys(c.ExposedPorts)), Entrypoint: append([]string{}, c.Entrypoint...), Command: append([]string{}, c.Cmd...),
		Healthcheck: c.Healthcheck != nil && len(c.Healthcheck.Test) > 0 && c.Healthcheck.Test[0] != "NONE", Labels: map[string]string{},
	}
	if e.Ports == nil {
		e.Ports = []string{}
	}
	if parsed.Created.Unix() > 0 && parsed.Created.Year() <= 9999 {
		e.Created = parsed.Created.UTC().Format(time.RFC3339)
	}
	if f.Files != nil {
		e.Shells, e.Setuid = &f.Files.Shells, &f.Files.Setuid
	}
	if f.EndOfLife != nil {
		e.EndOfLife = &imageEnd{Date: f.EndOfLife.UTC(), Database: f.Database}
		e.EndOfLife.Database.Built, e.EndOfLife.Database.Source = f.Database.Built.UTC(), published(f.Database.Source)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		if len(e.Labels) < maxLabels {
			e.Labels[plain.Line(name, maxQuoted)] = plain.Line(c.Labels[name], maxLabel)
		}
	}
	if base := (imageBase{Name: e.Labels[labelBaseName], Digest: e.Labels[labelBaseDigest]}); base != (imageBase{}) {
		e.Base = &base
	}
	return e, nil
}

// root reports whether a container of the image runs as root if nobody says
// otherwise.
func root(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	return name == "" || name == "root" || strings.TrimLeft(name, "0") == ""
}
