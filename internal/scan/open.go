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
	// bare vulnerability.db, an https URL of one of these, or oci://REF. All but the
	// last may end with #sha256= and the digest of the file that is meant.
	Source string

	// CacheDir is the folder that keeps imported databases, so that each is
	// imported once. It is made if need be, and may be shared by processes.
	CacheDir string

	// Home is the folder whose owner's files in the cache are believed, besides those
	// of this user and of root; empty: nobody's.
	Home string

	// Signed checks the signature of a database from a file or an address; nil: none is
	// asked for. It lies beside the file, with .sig behind its name.
	Signed Signed

	// Pin returns the reference of an OCI artifact by its digest, after it was made sure
	// that it is signed if that is asked for. Without it, oci:// is not available.
	Pin func(ctx context.Context, ref string) (pinned string, err error)

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
	store, note, remove, err := cache{dir: cfg.CacheDir, home: cfg.Home}.private()
	if err != nil {
		return nil, err
	}
	database, err := openSource(ctx, cfg, store)
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	database.remove = remove
	if note != "" {
		database.notes = append(database.notes, note)
	}
	return database, nil
}

// openSource opens the database that is meant, with the cache that is believed.
func openSource(ctx context.Context, cfg Config, store cache) (*Database, error) {
	scheme, rest, remote := strings.Cut(cfg.Source, "://")
	if scheme == "oci" && remote {
		return openArtifact(ctx, cfg, store, rest)
	}
	source, sum, err := divided(cfg.Source)
	if err != nil {
		return nil, err
	}
	must := demand{sum: sum, signed: cfg.Signed}
	switch {
	case cfg.Source == "" && cfg.Signed != nil:
		return nil, fault.WithHint(fault.Usagef("vuln-db-key is given, and grype's own feed is not signed"),
			"name the database that somebody signed with vuln-db")
	case cfg.Source == "":
		return openFeed(ctx, store, cfg.feed)
	case !remote:
		return openPath(ctx, store, source, must)
	case scheme == "https" || scheme == "http":
		return openURL(ctx, store, source, must)
	default:
		return nil, fault.WithHint(fault.Usagef("no reader for %s://", scheme),
			"use a folder, an archive, an https URL or oci://REF")
	}
}

// openArtifact imports the one layer of an OCI artifact. What its reference names by
// then is the database of the whole run.
func openArtifact(ctx context.Context, cfg Config, store cache, reference string) (*Database, error) {
	if cfg.Fetch == nil || cfg.Pin == nil {
		return nil, fault.Usagef("%s: OCI artifacts are not available here", plain.Address(cfg.Source))
	}
	pinned, err := cfg.Pin(ctx, reference)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if fault.KindOf(err) == fault.Usage {
			return nil, err
		}
		return nil, fault.WithHint(fault.Undecidedf("%w", err), "%s", fault.HintOf(err))
	}
	source := "oci://" + pinned
	database, err := store.importFrom(ctx, source, demand{}, func(ctx context.Context, w io.Writer) error {
		return cfg.Fetch(ctx, pinned, w)
	})
	if err == nil && cfg.Signed == nil && !strings.Contains(reference, "@sha256:") {
		database.notes = append(database.notes, fmt.Sprintf("the vulnerability database oci://%s is %s now: "+
			"whoever can write to the tag can empty it; name the digest, or whose signature counts with vuln-db-key",
			bounded(reference), bounded(source)))
	}
	return database, err
}

// loose says that nobody vouches for what an address serves.
func loose(source, sum string) string {
	return fmt.Sprintf("nothing vouches for the vulnerability database from %s but its server: "+
		"end the address with #sha256=%s, or name whose signature counts with vuln-db-key", bounded(plain.Address(source)), sum)
}

// openPath opens a folder or a file of this machine.
func openPath(ctx context.Context, store cache, path string, must demand) (*Database, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.WithHint(fault.Undecidedf("%s does not exist", path),
			"give vuln-db a folder, an archive, an https URL or oci://REF")
	case err != nil:
		return nil, fault.Undecidedf("%w", err)
	case info.IsDir():
		return openFolder(ctx, store, path, must)
	case !info.Mode().IsRegular():
		return nil, fault.Undecidedf("%s is neither a folder nor a file", path)
	default:
		must.signature = besideFile(path)
		return store.importFile(ctx, path, path, must)
	}
}

// openFolder opens a folder as it is when it holds an imported database, itself
// or, as grype's own cache does, in a folder named after the schema.
func openFolder(ctx context.Context, store cache, dir string, must demand) (*Database, error) {
	for _, candidate := range []string{dir, filepath.Join(dir, fmt.Sprint(v6.ModelVersion))} {
		file := filepath.Join(candidate, v6.VulnerabilityDBFileName)
		if !exists(file) {
			continue
		}
		must.signature = besideFile(file)
		if exists(filepath.Join(candidate, v6.ImportMetadataFileName)) {
			return store.openInPlace(ctx, candidate, dir, must)
		}
		return store.importFile(ctx, file, dir, must)
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
