package cli_test

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// loggedRPM is an image with an RPM database that SQLite has not finished writing: beside
// it is its write-ahead log with all packages, or a journal by which it is to be undone.
func loggedRPM(beside string) (v1.Image, error) {
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/anchore/go-rpmdb").Output()
	if err != nil {
		return nil, fmt.Errorf("finding a database: %w", err)
	}
	dir, err := os.MkdirTemp("", "rpm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // of a test
	path := filepath.Join(dir, "rpmdb.sqlite")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	defer db.Close() //nolint:errcheck // of no use any more
	for _, statement := range []string{
		"PRAGMA journal_mode=WAL", "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)",
		"PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_autocheckpoint=0",
		fmt.Sprintf("ATTACH 'file:%s?mode=ro' AS sample", filepath.Join(strings.TrimSpace(string(module)), "pkg/testdata/cbl-mariner-2.0/rpmdb.sqlite")),
		"INSERT INTO Packages SELECT hnum, blob FROM sample.Packages",
	} {
		if _, err := db.Exec(statement); err != nil {
			return nil, fmt.Errorf("%s: %w", statement, err)
		}
	}
	main, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	log := []byte("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7") // how a journal begins that is to be undone
	if beside == "-wal" {
		if log, err = os.ReadFile(path + "-wal"); err != nil {
			return nil, err
		}
	}
	const in = "var/lib/rpm/rpmdb.sqlite"
	return imageOf(layer(file{"etc/os-release", "ID=mariner\nVERSION_ID=\"2.0\"\n"}, file{in, string(main)}, file{in + beside, string(log)}))
}
