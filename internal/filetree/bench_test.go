package filetree_test

import (
	"archive/tar"
	"fmt"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/filetree"
)

// The time is to go with the bytes where files are large, and with their number where
// they are small.
func BenchmarkRead(b *testing.B) {
	for _, image := range []struct {
		name  string
		files int
		size  int64
	}{
		{"many small files", 20_000, 100},
		{"some large files", 8, 8 << 20},
	} {
		layers := make([]filetree.Layer, 2)
		var total int64
		for i := range layers {
			entries := make([]tar.Header, image.files)
			for n := range entries {
				entries[n] = withContent(fmt.Sprintf("layer-%d/folder-%d/file-%d", i, n%100, n), image.size)
			}
			layers[i] = layerOf(b, entries...)
			total += layers[i].Size
		}
		b.Run(image.name, func(b *testing.B) {
			b.SetBytes(total)
			b.ReportAllocs()
			for b.Loop() {
				tree, err := filetree.Read(b.Context(), layers, b.TempDir(), filetree.DefaultLimits())
				if err != nil {
					b.Fatal(err)
				}
				if err := tree.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
