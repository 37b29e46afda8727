package scan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
// verified. source is what the user knows it by.
func (c cache) openImported(dir, source string) (*Database, error) {
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
	return &Database{
		reader:   named,
		provider: v6.NewVulnerabilityProvider(named),
		info:     finding.Database{Schema: schema, Built: built, Source: source},
	}, nil
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
	if known && c.rightBefore(file, rightFile{before, metadata.Digest}) {
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
		c.remember(file, rightFile{before, digest})
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

// rightFile is a file that had the checksum of its import.
type rightFile struct {
	State  fileState `json:"state"`
	Digest string    `json:"digest"`
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

// rightBefore reports whether the cache remembers just this file. Whoever can write
// to the cache can write another database and its checksum into it as well.
func (c cache) rightBefore(file string, now rightFile) bool {
	note, ok := c.note(file)
	if !ok {
		return false
	}
	content, err := os.ReadFile(note)
	if err != nil {
		return false
	}
	var before rightFile
	return json.Unmarshal(content, &before) == nil && before == now
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
