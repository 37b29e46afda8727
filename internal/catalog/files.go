package catalog

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/hallmark-ci/hallmark/internal/filetree"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Look is shown the files of an image: each that has a content, of every layer, also
// those that a later layer covers or removes. layer is the diff ID of its layer.
type Look func(ctx context.Context, path, layer string, content io.Reader) error

// Files is what an image's files say of how hard it is to break out of it.
type Files struct {
	Setuid []string // paths of programs that run as their owner, whoever starts them
	Shells []string // paths of programs with the name of a shell
}

const (
	maxFiles    = 1000 // in each of the lists
	maxFilePath = 1000 // bytes of a path
)

// Files returns what the files say, and false if nobody has read them: the SBOM was
// brought.
func (b SBOM) Files() (Files, bool) {
	if b.files == nil {
		return Files{}, false
	}
	return *b.files, true
}

// filesOf looks at the files that a container would see, in the order of their paths.
func filesOf(tree *filetree.Tree) (*Files, error) {
	out := &Files{Setuid: []string{}, Shells: []string{}}
	note := func(list *[]string, f *filetree.File) {
		if len(*list) < maxFiles {
			*list = append(*list, plain.Line(f.Path(), maxFilePath))
		}
	}
	err := tree.Walk(func(f *filetree.File) error {
		if f.Kind() != filetree.Regular {
			return nil
		}
		if f.Mode()&fs.ModeSetuid != 0 {
			note(&out.Setuid, f)
		}
		if f.Mode()&0o111 != 0 && shell(f.Name()) {
			note(&out.Shells, f)
		}
		return nil
	})
	return out, err
}

// shell reports whether a program of that name is a shell, or has one in it.
func shell(name string) bool {
	switch name {
	case "ash", "bash", "busybox", "csh", "dash", "fish", "ksh", "ksh93", "mksh", "rbash", "sh", "tcsh", "toybox", "zsh":
		return true
	}
	return false
}

// show shows every file to those who want to look.
func show(ctx context.Context, tree *filetree.Tree, looks []Look) error {
	if len(looks) == 0 {
		return nil
	}
	return tree.Every(func(f *filetree.File) error {
		if f.Kind() != filetree.Regular || f.Size() == 0 {
			return nil
		}
		for _, look := range looks {
			content, err := tree.Open(f)
			if err != nil {
				return fmt.Errorf("reading %s: %w", plain.Line(path.Clean(f.Path()), maxFilePath), err)
			}
			if err := look(ctx, f.Path(), tree.Layer(f), content); err != nil {
				return err
			}
		}
		return nil
	})
}
