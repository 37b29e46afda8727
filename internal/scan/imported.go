package scan

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/spf13/afero"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

// openImported opens an imported database in its folder, after its checksum is
// verified. source is what the user knows it by, and sum the SHA-256 of what it was
// imported from.
func (c cache) openImported(dir, source, sum string) (*Database, error) {
	file := filepath.Join(dir, v6.VulnerabilityDBFileName)
	built, schema, err := describe(file)
	if err != nil {
		return nil, err
	}
	if err := c.verifyChecksum(dir, file); err != nil {
		return nil, err
	}
	reader, err := v6.NewReader(v6.Config{DBDirPath: dir})
	if err != nil {
		return nil, fault.Undecidedf("reading %s: %w", file, err)
	}
	named, err := newNamedReader(reader)
	if err != nil {
		return nil, fault.Undecidedf("reading %s: %w", file, err)
	}
	if err := named.checkFilled(); err != nil {
		return nil, errors.Join(fault.Undecidedf("reading %s: %w", file, err), named.Close())
	}
	return &Database{
		reader:   named,
		provider: v6.NewVulnerabilityProvider(named),
		info:     finding.Database{Schema: schema, Built: built, Source: source, SHA256: sum},
	}, nil
}

// openInPlace opens an imported database in a folder of the user's, of which something
// may be demanded.
func (c cache) openInPlace(ctx context.Context, dir, source string, must demand) (*Database, error) {
	file := filepath.Join(dir, v6.VulnerabilityDBFileName)
	if _, _, err := describe(file); err != nil {
		return nil, err
	}
	sum, err := c.sumOfRight(ctx, file)
	if err != nil {
		return nil, err
	}
	if err := must.check(ctx, file, sum, source); err != nil {
		return nil, err
	}
	return c.openImported(dir, source, sum)
}

// sumOfRight returns the SHA-256 of a database file, as it is remembered of one that
// nobody touched since.
func (c cache) sumOfRight(ctx context.Context, file string) (string, error) {
	before, known := stateOf(file)
	if noted, ok := c.noted(file); known && ok && noted.State == before && isSum(noted.SHA256) {
		return noted.SHA256, nil
	}
	sum, err := sumOf(ctx, file)
	if err != nil {
		return "", err
	}
	noted, _ := c.noted(file)
	if after, _ := stateOf(file); known && after == before {
		if noted.State != before {
			noted = rightFile{State: before}
		}
		noted.SHA256 = sum
		c.remember(file, noted)
	}
	return sum, nil
}

// verifyChecksum compares the file with the digest that its import recorded. A file
// that was found right before and that nobody touched since is not read again: it
// may have a gigabyte or two.
func (c cache) verifyChecksum(dir, file string) error {
	metadata, err := v6.ReadImportMetadata(afero.NewOsFs(), dir)
	if err != nil {
		return fault.WithHint(fault.Undecidedf("reading the import metadata: %w", err), "import the database again")
	}
	before, known := stateOf(file)
	noted, _ := c.noted(file)
	if known && noted.State == before && noted.Digest == metadata.Digest {
		return nil
	}
	digest, err := v6.CalculateDBDigest(afero.NewOsFs(), file)
	if err != nil {
		return fault.Undecidedf("reading %s: %w", file, err)
	}
	if digest != metadata.Digest {
		return fault.WithHint(fault.Undecidedf("%s has a bad checksum: it is %s, and %s was imported",
			file, digest, bounded(metadata.Digest)), "it was changed or damaged: import the database again")
	}
	if after, _ := stateOf(file); known && after == before {
		right := rightFile{State: before, Digest: digest}
		if noted.State == before {
			right.SHA256 = noted.SHA256
		}
		c.remember(file, right)
	}
	return nil
}

// fileState is what changes whenever anybody writes to a file, or puts another one
// in its place. The time of the last change is the kernel's: no program can set it
// back, as it can that of the last writing.
type fileState struct {
	Device, Inode    uint64
	Size             int64
	Written, Changed int64 // nanoseconds since 1970
}

// rightFile is a file of which the digests are known.
type rightFile struct {
	State  fileState `json:"state"`
	Digest string    `json:"digest"` // which its import recorded, if it was compared
	SHA256 string    `json:"sha256"` // in hexadecimal, if it was computed
}

// settled is how long a file must be left alone before its state is worth
// remembering: a second change within one tick of the clock would not show.
const settled = 2 * time.Second

// note names the file in the cache that remembers a database file.
func (c cache) note(file string) (string, bool) {
	whole, err := filepath.Abs(file)
	if c.dir == "" || err != nil {
		return "", false
	}
	sum := sha256.Sum256([]byte(whole))
	return filepath.Join(c.dir, notePrefix+hex.EncodeToString(sum[:])), true
}

func isNote(name string) bool { return strings.HasPrefix(name, notePrefix) }

// noted returns what the cache remembers of a file. Who could write to the cache could
// write another database and its checksum into it as well: such a cache is not believed.
func (c cache) noted(file string) (rightFile, bool) {
	note, ok := c.note(file)
	if !ok || !c.trusts(note) {
		return rightFile{}, false
	}
	content, err := os.ReadFile(note)
	if err != nil {
		return rightFile{}, false
	}
	var right rightFile
	if err := json.Unmarshal(content, &right); err != nil {
		return rightFile{}, false
	}
	return right, true
}

// remember notes a file that is right. In a cache that cannot be written nothing is
// remembered, and the next run reads the file again.
func (c cache) remember(file string, right rightFile) {
	note, ok := c.note(file)
	if !ok || time.Since(time.Unix(0, right.State.Changed)) < settled {
		return
	}
	_ = c.withTemp(func(temp string) error {
		content, err := json.Marshal(right)
		if err != nil {
			return err
		}
		made := filepath.Join(temp, "right.json")
		if err := os.WriteFile(made, content, 0o600); err != nil {
			return err
		}
		return os.Rename(made, note)
	})
}
