package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// Bounds of what is read as policies.
const (
	MaxPolicySize  = 256 << 10 // bytes of one file; the time of compiling can grow with the square
	maxPolicyFiles = 1000      // of one call of Load
)

// Load reads and compiles policies: files, and folders with all *.rego files
// below them in the order of their names. In folders *_test.rego and hidden
// entries are left out.
//
// A file that is not a valid policy is no error: it becomes a Policy that is
// undecided and says why, so that the others are still evaluated. A path that
// cannot be read, or a folder without policies, is an error of kind Undecided:
// a policy that was asked for and is not there must not go unnoticed.
func Load(paths []string, s Setting) ([]Policy, error) {
	files, err := Read(paths)
	if err != nil {
		return nil, err
	}
	policies := Compile(files, s)
	if len(policies) == 0 && len(files) > 0 {
		return nil, fault.Undecidedf("loading policies from %s: there are shared rules (hallmark.lib) and no policy", strings.Join(paths, ", "))
	}
	return policies, nil
}

// Read returns the files that Load compiles, each once.
func Read(paths []string) ([]File, error) {
	var names []string
	for _, path := range paths {
		found, err := find(path)
		if err != nil {
			return nil, fault.WithHint(fault.Undecidedf("loading policies from %s: %w", path, err),
				"give a Rego file, or a folder with *.rego files")
		}
		for _, name := range found {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		if len(names) > maxPolicyFiles {
			return nil, fault.Undecidedf("loading policies from %s: more than %d files", path, maxPolicyFiles)
		}
	}
	files := make([]File, 0, len(names))
	for _, name := range names {
		text, err := read(name)
		if err != nil {
			return nil, fault.Undecidedf("loading the policy %s: %w", name, err)
		}
		files = append(files, File{Name: filepath.ToSlash(name), Text: text})
	}
	return files, nil
}

// find returns the policy files that a path stands for.
func find(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, cause(err)
	}
	if !info.IsDir() {
		return []string{filepath.Clean(path)}, nil
	}
	files, err := walk(path)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, errors.New("the folder holds no policy (*.rego)")
	}
	return files, nil
}

// walk returns the policy files in a folder. Links to files are followed, since
// that is how clusters mount them; a link to a folder is refused, since it may
// lead in a circle and passing over it would lose policies.
func walk(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", folder, cause(err))
	}
	var files []string
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", path, cause(err))
		case info.IsDir() && entry.Type()&fs.ModeSymlink != 0:
			return nil, fmt.Errorf("%s is a link to a folder; name that folder itself", path)
		case info.IsDir():
			below, err := walk(path)
			if err != nil {
				return nil, err
			}
			files = append(files, below...)
		case isPolicy(entry.Name()) && !info.Mode().IsRegular():
			return nil, fmt.Errorf("%s is not a regular file", path)
		case isPolicy(entry.Name()):
			files = append(files, path)
		}
	}
	return files, nil
}

func isPolicy(name string) bool {
	return strings.HasSuffix(name, ".rego") && !strings.HasSuffix(name, "_test.rego")
}

func read(path string) (string, error) { return ReadFile(path, MaxPolicySize) }

// pipeLimit is how long a pipe may take to say something.
const pipeLimit = 10 * time.Second

// ReadFile returns the text of a file of at most limit bytes. A pipe, as a shell makes
// one for <(command), is waited for, and not for ever. Its errors do not name the file.
func ReadFile(path string, limit int64) (string, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a named pipe that nobody writes to would never open
	if err != nil {
		return "", cause(err)
	}
	defer file.Close()
	_ = file.SetReadDeadline(time.Now().Add(pipeLimit)) // files on a disk have none, and need none
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return "", cause(err)
	}
	if int64(len(content)) > limit {
		return "", fmt.Errorf("the file is over the limit of %d bytes (%d KiB)", limit, limit>>10)
	}
	return string(content), nil
}

// cause returns err without the path that package os puts before it, which the
// message already has.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
