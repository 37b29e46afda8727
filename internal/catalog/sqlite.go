package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/filetree"
)

// An SQLite database may have changes beside it that are not in its file: a write-ahead
// log, which every reader has to apply (https://www.sqlite.org/fileformat2.html#walformat),
// or the journal of a write that was cut off, by which it has to be undone. Whoever reads
// the file alone reads another database than the package manager does.

const (
	// walHeader is the size of a write-ahead log without any change in it, in bytes.
	walHeader = 32
	// maxDatabase bounds a database together with its log, in bytes.
	maxDatabase = 2 << 30
)

// unapplied returns the write-ahead log of a database if there may be something in it. A
// journal that is to be undone is an error: it may name files of the machine that undoes
// it.
func unapplied(tree *filetree.Tree, database *filetree.File) (*filetree.File, error) {
	if !strings.HasSuffix(database.Name(), ".sqlite") {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if journal := tree.Find(database.Path() + "-journal"); journal != nil && journal.Size() > 0 {
		content, err := tree.Open(journal)
		if err != nil {
			return nil, err
		}
		var first [1]byte
		if _, err := content.ReadAt(first[:], 0); err != nil {
			return nil, err
		}
		if first[0] != 0 { // else its transaction has ended
			return nil, fmt.Errorf("a write to it was cut off (%s-journal): run rpm --rebuilddb when the image is built", database.Name())
		}
	}
	log := tree.Find(database.Path() + "-wal")
	if log == nil || log.Size() <= walHeader {
		return nil, nil //nolint:nilnil // as above
	}
	switch {
	case database.Size() == 0:
		return nil, fmt.Errorf("it is empty, and its write-ahead log (%s-wal) is not", database.Name())
	case database.Size()+log.Size() > maxDatabase:
		return nil, fmt.Errorf("with its write-ahead log it has %d bytes, the limit is %d (2 GiB)", database.Size()+log.Size(), maxDatabase)
	}
	return log, nil
}

// applied returns the content of a database with its write-ahead log applied, which
// SQLite does in a copy of both.
func applied(tree *filetree.Tree, temp string, database, log *filetree.File) (_ io.ReadCloser, err error) {
	dir, err := os.MkdirTemp(temp, "database-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("applying its write-ahead log: %w", err), os.RemoveAll(dir))
		}
	}()
	path := filepath.Join(dir, "copy")
	if err := copyOut(tree, database, path); err != nil {
		return nil, err
	}
	if err := copyOut(tree, log, path+"-wal"); err != nil {
		return nil, err
	}
	if err := checkpoint(path); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if most := database.Size() + log.Size(); info.Size() > most {
		return nil, fmt.Errorf("it comes to %d bytes, of %d in both", info.Size(), most)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return removing{file, dir}, nil
}

func copyOut(tree *filetree.Tree, f *filetree.File, path string) error {
	content, err := tree.Open(f)
	if err != nil {
		return err
	}
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, content)
	return errors.Join(err, to.Close())
}

// checkpoint moves what is in the log of a database into its file.
func checkpoint(path string) (err error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	var busy, frames, moved int
	if err := db.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return errors.New("it is in use")
	}
	var mode string // so that the copy can be read alone
	return db.QueryRowContext(context.Background(), "PRAGMA journal_mode=DELETE").Scan(&mode)
}

// removing is a file that is removed with its directory once it is closed.
type removing struct {
	*os.File
	dir string
}

// Close implements io.Closer.
func (r removing) Close() error { return errors.Join(r.File.Close(), os.RemoveAll(r.dir)) }
