package world

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Bases of the product's image, made from packages of the distribution: no image
// can be pulled here.

// Company is what a base of ImportBusybox holds in place of certificate authorities.
const Company = "the company's authorities"

// ImportBase makes a small Debian with the certificate authorities and gives it to
// the engine under a name. GitLab's runner moves files with rsync in jobs of its own.
func (d *Docker) ImportBase(ctx context.Context, name string) error {
	return d.importBase(ctx, base{name: name, debootstrap: []string{"--variant=essential", "--include=ca-certificates,rsync"}})
}

// ImportForeign makes one of another architecture, without authorities. Its
// packages are unpacked only, for none of its programs can run here.
func (d *Docker) ImportForeign(ctx context.Context, name, architecture string) error {
	return d.importBase(ctx, base{name: name, platform: "linux/" + architecture, debootstrap: []string{
		"--variant=extract", "--architectures=" + architecture, "--include=dash,coreutils,grep",
	}})
}

// ImportBusybox makes one that is all that Alpine is: a static BusyBox under the
// names of its programs, with no package manager, no bash and no C library, and
// with authorities of its own.
func (d *Docker) ImportBusybox(ctx context.Context, name string) error {
	return d.importBase(ctx, base{name: name, debootstrap: []string{"--variant=extract", "--include=busybox-static"}, lines: []string{
		`RUN ["/bin/busybox", "--install", "-s", "/bin"]`,
		"RUN echo root:x:0:0:root:/root:/bin/sh > /etc/passwd",
		"RUN mkdir -p /etc/ssl/certs && echo \"" + Company + "\" > /etc/ssl/certs/ca-certificates.crt",
	}})
}

// PushIndexOf pushes images of the engine under one name, as what Docker Hub has for
// several platforms.
func (d *Docker) PushIndexOf(ctx context.Context, reference string, images ...string) error {
	index := v1.ImageIndex(empty.Index)
	for n, image := range images {
		pushed, err := d.push(ctx, image, fmt.Sprintf("%s-%d", reference, n))
		if err != nil {
			return err
		}
		config, err := pushed.ConfigFile()
		if err != nil {
			return fmt.Errorf("reading %s: %w", image, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: pushed, Descriptor: v1.Descriptor{Platform: config.Platform()}})
	}
	ref, err := name.ParseReference(reference)
	if err != nil {
		return err
	}
	if err := remote.WriteIndex(ref, index, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("pushing %s: %w", reference, err)
	}
	return nil
}

// base says how a base is made.
type base struct {
	name, platform string
	debootstrap    []string // arguments of mmdebstrap
	lines          []string // of a Dockerfile, after the packages
}

func (d *Docker) importBase(ctx context.Context, b base) error {
	release, err := codename()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(d.dir, "base-")
	if err != nil {
		return fmt.Errorf("making a base: %w", err)
	}
	made, err := exec.CommandContext(ctx, "mmdebstrap", append(b.debootstrap, release, filepath.Join(dir, "base.tar"))...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("making a base: %w\n%s", err, made)
	}
	lines := append([]string{"FROM scratch", "ADD base.tar /"}, b.lines...)
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return fmt.Errorf("making a base: %w", err)
	}
	args := []string{"build", "--network", "host", "--tag", b.name}
	if b.platform != "" {
		args = append(args, "--platform", b.platform) // an import has the engine's own, whatever it is told
	}
	_, err = d.Do(ctx, nil, append(args, dir)...)
	return errors.Join(err, os.RemoveAll(dir))
}

// codename returns the name of this machine's Debian.
func codename() (string, error) {
	content, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", fmt.Errorf("finding the release of Debian: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "VERSION_CODENAME="); ok {
			return strings.Trim(name, `"`), nil
		}
	}
	return "", errors.New("finding the release of Debian: /etc/os-release does not name it")
}
