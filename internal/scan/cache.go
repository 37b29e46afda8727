package scan

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/spf13/afero"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

const (
	keptDatabases = 4                   // imported databases that stay in the cache
	abandoned     = 24 * time.Hour      // after which a temporary folder has no owner any more
	forgotten     = 30 * 24 * time.Hour // after which a note of a database is made anew, if it is still there
	tempPrefix    = "tmp-"
	notePrefix    = "right-"
)

// cache keeps imported databases in folders named after the SHA-256 of what was
// imported. Several processes may use one: each imports into a temporary folder
// of its own and renames the result, and who comes second uses the first one's.
type cache struct {
	dir  string
	home string // the folder whose owner is believed besides; empty: nobody's
}

// importFrom imports what get writes: an archive or a bare database, of which
// something may be demanded. source is what the user knows it by.
func (c cache) importFrom(
	ctx context.Context, source string, must demand, get func(context.Context, io.Writer) error,
) (*Database, error) {
	var database *Database
	err := c.withTemp(func(temp string) error {
		file := filepath.Join(temp, "download")
		sum, err := download(ctx, file, source, get)
		if err != nil {
			return err
		}
		if err := must.check(ctx, file, sum, source); err != nil {
			return err
		}
		if found, ok := c.lookup(sum, source); ok {
			database = found
			return nil
		}
		database, err = c.make(ctx, file, source, sum, temp)
		return err
	})
	return database, err
}

// importFile imports a file of this machine. Where something is demanded of it, it is
// copied first, so that what was checked is what is read.
func (c cache) importFile(ctx context.Context, file, source string, must demand) (*Database, error) {
	if must.asked() {
		return c.importFrom(ctx, source, must, func(_ context.Context, w io.Writer) error { return copyFile(file, w) })
	}
	sum, err := sumOf(ctx, file)
	if err != nil {
		return nil, err
	}
	if database, ok := c.lookup(sum, source); ok {
		return database, nil
	}
	var database *Database
	err = c.withTemp(func(temp string) error {
		database, err = c.make(ctx, file, source, sum, temp)
		return err
	})
	return database, err
}

// make makes an imported database of the file, which has the given SHA-256, and
// puts it into the cache.
func (c cache) make(ctx context.Context, file, source, sum, temp string) (*Database, error) {
	made := filepath.Join(temp, "database")
	if err := os.Mkdir(made, 0o755); err != nil {
		return nil, unwritable(c.dir, err)
	}
	name := plain.Address(source)
	target := filepath.Join(made, v6.VulnerabilityDBFileName)
	if err := unpack(ctx, file, name, target); err != nil {
		return nil, err
	}
	if _, _, err := describe(target); err != nil {
		return nil, renamed(err, target, name)
	}
	if err := v6.Hydrater()(made); err != nil {
		return nil, fault.Undecidedf("indexing the database in %s: %w", name, err)
	}
	if _, err := v6.WriteImportMetadata(afero.NewOsFs(), made, name); err != nil {
		return nil, unwritable(c.dir, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.install(made, sum, name, temp)
}

// install moves a made database to its place. A sound one there, which another
// process has just put there, is used instead; a damaged one is moved away.
func (c cache) install(made, sum, source, temp string) (*Database, error) {
	final := filepath.Join(c.dir, sum)
	var failure error
	for try := range 3 {
		if failure = os.Rename(made, final); failure == nil {
			c.prune(sum)
			return c.openImported(final, source, sum)
		}
		if database, ok := c.lookup(sum, source); ok {
			return database, nil
		}
		_ = os.Rename(final, filepath.Join(temp, fmt.Sprint("damaged", try))) // the next try tells
	}
	return nil, unwritable(c.dir, failure)
}

// lookup opens the imported database of the given SHA-256 if it is there and
// sound.
func (c cache) lookup(sum, source string) (*Database, bool) {
	dir := filepath.Join(c.dir, sum)
	file, metadata := filepath.Join(dir, v6.VulnerabilityDBFileName), filepath.Join(dir, v6.ImportMetadataFileName)
	if c.dir == "" || !c.trusts(dir, file, metadata) {
		return nil, false
	}
	database, err := c.openImported(dir, plain.Address(source), sum)
	if err != nil {
		return nil, false
	}
	now := time.Now()
	_ = os.Chtimes(dir, now, now) // for prune; a cache that is read-only is not pruned either
	return database, true
}

// withTemp calls use with a temporary folder in the cache, and removes it.
func (c cache) withTemp(use func(temp string) error) (err error) {
	if c.dir == "" {
		return fault.Usagef("there is no cache folder for the vulnerability database")
	}
	if strings.ContainsAny(c.dir, unopenable) {
		return fault.Usagef("the cache folder %q has one of the characters %s in its path, with which SQLite opens no file", c.dir, unopenable)
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return unwritable(c.dir, err)
	}
	if why := c.doubt(); why != "" { // it was not there before, or changed since
		return fault.Undecidedf("the cache of vulnerability databases is not believed: %s", bounded(why))
	}
	temp, err := os.MkdirTemp(c.dir, tempPrefix)
	if err != nil {
		return unwritable(c.dir, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	return use(temp)
}

func unwritable(dir string, err error) error {
	return fault.WithHint(fmt.Errorf("writing to the cache folder %s: %w", dir, err),
		"the folder must be writable and have room for the unpacked database")
}

// renamed makes an error about a temporary file one about its source.
func renamed(err error, file, source string) error {
	message := strings.ReplaceAll(err.Error(), file, "the database in "+source)
	return fault.WithHint(fault.Undecidedf("%s", message), "%s", fault.HintOf(err))
}

// prune removes all but the databases that were used last, and temporary folders
// that a killed process left. What cannot be removed stays: the cache works all
// the same.
func (c cache) prune(current string) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	var databases []fs.FileInfo
	for _, entry := range entries {
		info, err := entry.Info()
		switch {
		case err != nil:
		case isNote(entry.Name()) && time.Since(info.ModTime()) > forgotten:
			_ = os.Remove(filepath.Join(c.dir, entry.Name()))
		case !entry.IsDir():
		case strings.HasPrefix(entry.Name(), tempPrefix) && time.Since(info.ModTime()) > abandoned:
			_ = os.RemoveAll(filepath.Join(c.dir, entry.Name()))
		case isSum(entry.Name()) && entry.Name() != current:
			databases = append(databases, info)
		}
	}
	slices.SortFunc(databases, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, old := range databases[min(len(databases), keptDatabases-1):] {
		_ = os.RemoveAll(filepath.Join(c.dir, old.Name()))
	}
}

// sumOf returns the SHA-256 of a file in hexadecimal.
func sumOf(ctx context.Context, file string) (sum string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fault.Undecidedf("%w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	hash := sha256.New()
	if _, err := io.Copy(hash, contextReader{ctx, f}); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fault.Undecidedf("reading %s: %w", file, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func copyFile(file string, w io.Writer) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read from
	_, err = io.Copy(w, f)
	return err
}

// isSum reports whether s is a SHA-256 in hexadecimal; as such it is also safe
// as the name of a folder.
func isSum(s string) bool {
	decoded, err := hex.DecodeString(s)
	return err == nil && len(decoded) == sha256.Size && s == strings.ToLower(s)
}
