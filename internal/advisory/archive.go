package advisory

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/klauspost/compress/zstd"
)

// Archive writes the database in the folder dir to w as grype's feed packs one:
// a tar archive that holds vulnerability.db, compressed with zstd. The same
// database gives the same bytes.
func Archive(ctx context.Context, w io.Writer, dir string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("packing the vulnerability database in %s: %w", dir, err)
		}
	}()
	file, err := os.Open(filepath.Join(dir, v6.VulnerabilityDBFileName))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	compressed, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	header := &tar.Header{Name: v6.VulnerabilityDBFileName, Mode: 0o644, Size: info.Size(), Typeflag: tar.TypeReg}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.Copy(archive, io.LimitReader(file, info.Size())); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(archive.Close(), compressed.Close())
}
