package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/afero"
)

// makeSpoiled makes a database of another schema of the fresh one.
func makeSpoiled(t *testing.T, dir string) {
	t.Helper()
	target := filepath.Join(dir, "other-schema")
	if err := os.CopyFS(target, os.DirFS(filepath.Join(dir, "fresh"))); err != nil {
		t.Fatal(err)
	}
	if err := setSchema(filepath.Join(target, v6.VulnerabilityDBFileName), 7); err != nil {
		t.Fatal(err)
	}
}

func setSchema(file string, model int) (err error) {
	database, err := v6.NewLowLevelDB(file, false, true, false)
	if err != nil {
		return err
	}
	connection, err := database.DB()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	return database.Model(&v6.DBMetadata{}).Where("true").Update("model", model).Error
}

// emptied are the statements that take away from a database what it says.
func emptied() map[string]string {
	const records = "DELETE FROM affected_package_handles WHERE package_id IN (SELECT id FROM packages WHERE ecosystem = "
	return map[string]string{
		"emptied": "DELETE FROM affected_package_handles", "disarmed": "PRAGMA foreign_keys = OFF; DELETE FROM vulnerability_handles",
		"without-debian": records + "'deb')", "without-npm": records + "'npm')",
	}
}

// emptyOut takes away from a database in a folder what it says. It is as good as imported.
func emptyOut(dir, statement string) (err error) {
	database, err := v6.NewLowLevelDB(filepath.Join(dir, v6.VulnerabilityDBFileName), false, true, false)
	if err != nil {
		return err
	}
	connection, err := database.DB()
	if err != nil {
		return err
	}
	if err := errors.Join(database.Exec(statement).Error, connection.Close()); err != nil {
		return err
	}
	_, err = v6.WriteImportMetadata(afero.NewOsFs(), dir, "a test")
	return err
}

// database KIND DIR copies a vulnerability database: fresh, old (30 days),
// other-schema, or a fresh one that is corrupt, truncated, or emptied of something.
func database(ts *testscript.TestScript, w *world, args []string) error {
	kind, dir := args[0], ts.MkAbs(args[1])
	from := kind
	statement, isEmptied := emptied()[kind]
	if isEmptied || kind == "corrupt" || kind == "truncated" {
		from = "fresh"
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(w.shared, from))); err != nil {
		return err
	}
	if isEmptied {
		return emptyOut(dir, statement)
	}
	file := filepath.Join(dir, v6.VulnerabilityDBFileName)
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	switch kind {
	case "corrupt":
		middle := content[len(content)/2:]
		copy(middle, bytes.Repeat([]byte{0xff}, 4096))
	case "truncated":
		content = content[:len(content)/2]
	case "fresh", "old", "other-schema":
		return nil
	default:
		return fmt.Errorf("no database %q", kind)
	}
	return os.WriteFile(file, content, 0o600)
}
