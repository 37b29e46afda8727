package catalog

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/filetree"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Syft goes on without a word where an archive inside of a Java archive cannot be read:
// one that is encrypted, damaged, or compressed in a way that it does not know. So these
// are tried here, too, as far as to see that they can be opened.

// Bounds of what is opened. What is beyond is a gap.
const (
	maxNesting  = 8         // archives in each other
	maxNested   = 256 << 20 // bytes of one that lies compressed in another
	maxUnpacked = 2 << 30   // bytes of all that lie compressed in others
)

// unreadArchives returns the Java archives of an image in which something cannot be read.
func unreadArchives(ctx context.Context, tree *filetree.Tree) ([]finding.Gap, error) {
	a := archives{ctx: ctx, left: maxUnpacked}
	err := tree.Walk(func(f *filetree.File) error {
		if f.Kind() != filetree.Regular || f.Size() == 0 || !isJavaArchive(f.Name()) {
			return ctx.Err()
		}
		content, err := tree.Open(f)
		if err != nil {
			return err
		}
		opened, err := zip.NewReader(content, f.Size())
		if err != nil {
			return nil //nolint:nilerr // syft says so itself
		}
		if why := a.look(opened, content, 1); why != nil {
			a.gaps = append(a.gaps, finding.Gap{
				What: plain.Line(f.Path(), maxUnreadLine), Why: plain.Line(why.Error(), maxUnreadLine),
			})
		}
		return ctx.Err()
	})
	return a.gaps, err
}

type archives struct {
	ctx  context.Context
	left int64 // bytes that may still be decompressed
	gaps []finding.Gap
}

// look returns why something in an archive cannot be read.
func (a *archives) look(opened *zip.Reader, content io.ReaderAt, depth int) error {
	for _, f := range opened.File {
		const encrypted = 0x1
		metadata := strings.HasPrefix(f.Name, "META-INF/")
		nested := isJavaArchive(f.Name) && !f.FileInfo().IsDir() && f.UncompressedSize64 > 0
		switch {
		case f.Flags&encrypted != 0 && (metadata || nested):
			return fmt.Errorf("%s in it is encrypted", f.Name)
		case !nested:
			continue
		case depth == maxNesting:
			return fmt.Errorf("%s in it is nested deeper than %d archives", f.Name, maxNesting)
		}
		inner, size, err := a.open(f, content)
		if err != nil {
			return fmt.Errorf("%s in it cannot be read: %w", f.Name, err)
		}
		read, err := zip.NewReader(inner, size)
		if err != nil {
			return fmt.Errorf("%s in it cannot be read: %w", f.Name, err)
		}
		if err := a.look(read, inner, depth+1); err != nil {
			return fmt.Errorf("%s: %w", path.Base(f.Name), err)
		}
	}
	return a.ctx.Err()
}

// open returns the content of an archive in another: where it lies, if it is stored as it
// is, else decompressed.
func (a *archives) open(f *zip.File, content io.ReaderAt) (io.ReaderAt, int64, error) {
	if f.Method == zip.Store {
		at, err := f.DataOffset()
		return io.NewSectionReader(content, at, int64(f.UncompressedSize64)), int64(f.UncompressedSize64), err //nolint:gosec // NewReader refuses more
	}
	if a.left -= maxNested; f.UncompressedSize64 > maxNested || a.left < 0 {
		return nil, 0, errors.New("it is larger than what is looked into")
	}
	packed, err := f.Open()
	if err != nil {
		return nil, 0, err
	}
	defer packed.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(packed, maxNested))
	a.left += maxNested - int64(len(text))
	return bytes.NewReader(text), int64(len(text)), err
}

// isJavaArchive reports whether syft looks for packages in an archive of that name.
func isJavaArchive(name string) bool {
	return slices.Contains([]string{
		".jar", ".war", ".ear", ".par", ".sar", ".nar", ".jpi", ".hpi", ".kar", ".far", ".lpkg", ".rar", ".zap",
	}, strings.ToLower(path.Ext(name)))
}
