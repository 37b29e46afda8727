package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// unopenable are the characters that mean something else in the names by which
// grype has SQLite open a file.
const unopenable = "?#%"

// Config says which database to open.
type Config struct {
	// Source is where the database comes from: empty for grype's own feed, a
	// folder, an archive (tar, compressed with zstd, gzip or xz, or not at all), a
	// bare vulnerability.db, an https URL of one of these, or oci://REF.
	Source string

	// CacheDir is the folder that keeps imported databases, so that each is
	// imported once. It is made if need be, and may be shared by processes.
	CacheDir string

	// Fetch copies the one layer of the OCI artifact ref to w. Without it,
	// oci:// is not available.
	Fetch func(ctx context.Context, ref string, w io.Writer) error

	// feed is the address of the feed's listing; empty for grype's own.
	feed string
}

// Open opens the database that cfg names; Close it after use. A folder that
// holds an imported database is used in place and never written to. Everything
// else is imported into the cache: unpacked, given its indexes, and kept under
// the SHA-256 of what was imported; a second Open finds it there. Checksums are
// verified when a file is opened for the first time and whenever it changed since:
// the cache remembers which file had the right one.
//
// A database that is missing, unreachable, damaged or of another schema is an
// error of kind fault.Undecided, and a source that makes no sense one of kind
// fault.Usage. When ctx ends first, the error is that of ctx; but giving an
// unpacked database its indexes, which takes seconds, is not interrupted.
func Open(ctx context.Context, cfg Config) (*Database, error) {
	database, err := open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("opening the vulnerability database: %w", err)
	}
	return database, nil
}

func open(ctx context.Context, cfg Config) (*Database, error) {
	store := cache{dir: cfg.CacheDir}
	scheme, rest, remote := strings.Cut(cfg.Source, "://")
	switch {
	case cfg.Source == "":
		return openFeed(ctx, store, cfg.feed)
	case !remote:
		return openPath(ctx, store, cfg.Source)
	case scheme == "https" || scheme == "http":
		return openURL(ctx, store, cfg.Source)
	case scheme == "oci" && cfg.Fetch == nil:
		return nil, fault.Usagef("%s: OCI artifacts are not available here", plain.Address(cfg.Source))
	case scheme == "oci":
		return store.importFrom(ctx, cfg.Source, func(ctx context.Context, w io.Writer) error {
			return cfg.Fetch(ctx, rest, w)
		})
	default:
		return nil, fault.WithHint(fault.Usagef("no reader for %s://", scheme),
			"use a folder, an archive, an https URL or oci://REF")
	}
}

// openPath opens a folder or a file of this machine.
func openPath(ctx context.Context, store cache, path string) (*Database, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.WithHint(fault.Undecidedf("%s does not exist", path),
			"give vuln-db a folder, an archive, an https URL or oci://REF")
	case err != nil:
		return nil, fault.Undecidedf("%w", err)
	case info.IsDir():
		return openFolder(ctx, store, path)
	case !info.Mode().IsRegular():
		return nil, fault.Undecidedf("%s is neither a folder nor a file", path)
	default:
		return store.importFile(ctx, path, path)
	}
}

// openFolder opens a folder as it is when it holds an imported database, itself
// or, as grype's own cache does, in a folder named after the schema.
func openFolder(ctx context.Context, store cache, dir string) (*Database, error) {
	for _, candidate := range []string{dir, filepath.Join(dir, fmt.Sprint(v6.ModelVersion))} {
		file := filepath.Join(candidate, v6.VulnerabilityDBFileName)
		if !exists(file) {
			continue
		}
		if exists(filepath.Join(candidate, v6.ImportMetadataFileName)) {
			return store.openImported(candidate, dir)
		}
		return store.importFile(ctx, file, dir)
	}
	hint := "give the folder that holds vulnerability.db, or an archive of it"
	if other := otherSchema(dir); other != "" {
		return nil, fault.WithHint(fault.Undecidedf("the folder %s holds a database of schema v%s, and v%d is needed",
			dir, other, v6.ModelVersion), "%s", hint)
	}
	return nil, fault.WithHint(fault.Undecidedf("the folder %s holds no %s", dir, v6.VulnerabilityDBFileName), "%s", hint)
}

// otherSchema returns the schema of a database that another version of grype
// left in the folder, or the empty string.
func otherSchema(dir string) string {
	for _, schema := range []string{"7", "5", "4", "3"} {
		if exists(filepath.Join(dir, schema, v6.VulnerabilityDBFileName)) {
			return schema
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// describe returns the build time and the schema of a database file, and an
// error that says what else it is when it is no database of schema v6.
func describe(file string) (built time.Time, schema string, err error) {
	if strings.ContainsAny(file, unopenable) {
		return built, "", fault.Undecidedf("SQLite cannot open %q: its path has one of the characters %s", file, unopenable)
	}
	kind, err := detect(file)
	if err != nil {
		return built, "", fault.Undecidedf("reading %s: %w", file, err)
	}
	if kind != kindSQLite {
		return built, "", fault.WithHint(fault.Undecidedf("%s is not a SQLite database", file), "import the database again")
	}
	found, err := readMetadata(file)
	switch {
	case err != nil:
		return built, "", fault.WithHint(fault.Undecidedf("%s is damaged, or no database of grype: %w", file, err),
			"import the database again")
	case found.Model != v6.ModelVersion:
		return built, "", fault.WithHint(fault.Undecidedf("%s has schema v%d, and v%d is needed", file, found.Model, v6.ModelVersion),
			"use a database that was made for grype 0.88 or later")
	case found.BuildTimestamp == nil:
		return built, "", fault.Undecidedf("%s does not say when it was built", file)
	}
	return found.BuildTimestamp.UTC(), fmt.Sprintf("v%d.%d.%d", found.Model, found.Revision, found.Addition), nil
}

// readMetadata returns what a database file says about itself. Of a database of
// an earlier schema, only the schema is read.
func readMetadata(file string) (metadata v6.DBMetadata, err error) {
	database, err := v6.NewLowLevelDB(file, false, false, false)
	if err != nil {
		return metadata, err
	}
	connection, err := database.DB()
	if err != nil {
		return metadata, err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	failure := database.First(&metadata).Error
	if failure == nil {
		return metadata, nil
	}
	var earlier int // schemas up to v5 have a table "id" instead
	if err := connection.QueryRow("SELECT schema_version FROM id").Scan(&earlier); err != nil {
		return metadata, failure
	}
	return v6.DBMetadata{Model: earlier}, nil
}
