package scan_test

import (
	"fmt"
	"testing"

	"github.com/anchore/syft/syft/pkg"

	"github.com/hallmark-ci/hallmark/internal/scan"
)

// The time per package is to stay the same, however many there are.
func BenchmarkScan(b *testing.B) {
	database, err := scan.Open(b.Context(), scan.Config{Source: folder(b), CacheDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer database.Close() //nolint:errcheck // only read from
	for _, size := range []int{500, 1000, 2000} {
		packages := make([]pkg.Package, size)
		for i := range packages {
			packages[i] = deb(fmt.Sprintf("package-%d", i), "1.0-1", "source")
			packages[i].SetID()
		}
		bom := image(debian12(), packages...)
		b.Run(fmt.Sprintf("packages=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := database.Scan(b.Context(), bom); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("inputs of packages=%d", size), func(b *testing.B) {
			for b.Loop() {
				if _, err := scan.Inputs(bom); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
