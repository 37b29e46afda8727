package world

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Bases are the images that the product's Dockerfile stands on, by its arguments.
type Bases struct{ Base, Authorities string }

func (b Bases) args() []string {
	return []string{"--build-arg", "BASE=" + b.Base, "--build-arg", "AUTHORITIES=" + b.Authorities}
}

// BuildHallmark builds the product's image from its Dockerfile, with the binary
// that make has built, and names it.
func (d *Docker) BuildHallmark(ctx context.Context, bases Bases, image string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	binary, err := Tool("hallmark")
	if err != nil {
		return err
	}
	source := filepath.Join(d.dir, "source")
	if err := os.MkdirAll(filepath.Join(source, "dist"), 0o755); err != nil {
		return fmt.Errorf("building the image: %w", err)
	}
	for _, c := range [][2]string{{filepath.Join(root, "Dockerfile"), "Dockerfile"}, {filepath.Join(root, ".dockerignore"), ".dockerignore"}, {binary, "dist/hallmark-linux-" + runtime.GOARCH}} {
		content, err := os.ReadFile(c[0])
		if err != nil {
			return fmt.Errorf("building the image: %w", err)
		}
		if err := os.WriteFile(filepath.Join(source, c[1]), content, 0o755); err != nil {
			return fmt.Errorf("building the image: %w", err)
		}
	}
	_, err = d.Do(ctx, nil, append(append([]string{"build", "--network", "host", "--build-arg", "BINARY=prebuilt", "--tag", image}, bases.args()...), source)...)
	return err
}

// CompileHallmark builds the product's image for an architecture from its
// Dockerfile and its sources alone, and names it.
func (d *Docker) CompileHallmark(ctx context.Context, builder string, bases Bases, architecture, image string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	args := []string{"build", "--network", "host", "--build-arg", "BUILDER=" + builder, "--platform", "linux/" + architecture, "--tag", image}
	_, err = d.Do(ctx, nil, append(append(args, bases.args()...), root)...)
	return err
}

// Shipped is the product's image as a registry has it.
type Shipped struct {
	Config      *v1.ConfigFile
	Added       int64 // bytes of its compressed layers without the first, which is its base
	Binary      []byte
	Authorities []byte
}

// Ship pushes the product's image and reads it back, which needs no container: it
// may be of another architecture.
func (d *Docker) Ship(ctx context.Context, image, reference string) (Shipped, error) {
	pushed, err := d.push(ctx, image, reference)
	if err != nil {
		return Shipped{}, err
	}
	return readShipped(pushed)
}

// push pushes an image and returns what the registry has of it.
func (d *Docker) push(ctx context.Context, image, reference string) (v1.Image, error) {
	for _, args := range [][]string{{"tag", image, reference}, {"push", "--quiet", reference}} {
		if _, err := d.Do(ctx, nil, args...); err != nil {
			return nil, err
		}
	}
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, err
	}
	pushed, err := remote.Image(ref, remote.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("reading %s back: %w", reference, err)
	}
	return pushed, nil
}

func readShipped(image v1.Image) (shipped Shipped, err error) {
	if shipped.Config, err = image.ConfigFile(); err != nil {
		return Shipped{}, fmt.Errorf("reading the image's configuration: %w", err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		return Shipped{}, fmt.Errorf("reading the image's manifest: %w", err)
	}
	for _, layer := range manifest.Layers[1:] {
		shipped.Added += layer.Size
	}
	tree := mutate.Extract(image)
	defer func() { _ = tree.Close() }()
	files := map[string]*[]byte{"usr/local/bin/hallmark": &shipped.Binary, "etc/ssl/certs/ca-certificates.crt": &shipped.Authorities}
	reader := tar.NewReader(tree)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return shipped, nil
		}
		if err != nil {
			return Shipped{}, fmt.Errorf("reading the image's files: %w", err)
		}
		content := files[header.Name]
		if content == nil {
			continue
		}
		if *content, err = io.ReadAll(reader); err != nil {
			return Shipped{}, fmt.Errorf("reading %s in the image: %w", header.Name, err)
		}
	}
}
