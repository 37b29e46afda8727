package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// floor is the least that anybody must do who reads an image whole: pull its layers,
// unpack them, and check the digests of both, on all processors. The benchmark runs
// itself for it, so that the memory is that of this alone.
func floor(ctx context.Context, reference string) error {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return fmt.Errorf("the floor: %w", err)
	}
	img, err := remote.Image(ref, remote.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("the floor: %w", err)
	}
	layers, err := img.Layers()
	if err != nil {
		return fmt.Errorf("the floor: %w", err)
	}
	var all errgroup.Group
	all.SetLimit(runtime.NumCPU())
	for _, l := range layers {
		all.Go(func() error { return readWhole(l) })
	}
	return all.Wait()
}

// readWhole pulls a layer, which checks its digest, and unpacks it.
func readWhole(layer v1.Layer) error {
	want, err := layer.DiffID()
	if err != nil {
		return err
	}
	packed, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer packed.Close() //nolint:errcheck // only read from
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		return fmt.Errorf("unpacking a layer: %w", err)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, unpacked); err != nil {
		return fmt.Errorf("unpacking a layer: %w", err)
	}
	if _, err := io.Copy(io.Discard, packed); err != nil {
		return fmt.Errorf("reading a layer to its end: %w", err)
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil)); got != want.Hex {
		return fmt.Errorf("a layer has the diff id %s, and the config says %s", got, want.Hex)
	}
	return nil
}
