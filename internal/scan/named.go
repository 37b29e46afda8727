package scan

import (
	"database/sql"
	"errors"
	"io"
	"sync"

	v6 "github.com/anchore/grype/grype/db/v6"
	"gorm.io/gorm"
)

// namedReader answers without grype's queries where the database holds nothing under
// a package's name, which is so for most packages of an image. grype asks for the
// distribution, for aliases and for handles then, each time in a statement that is
// parsed anew, and joins all of it with the packages of that very name.
type namedReader struct {
	openReader
	byName *sql.Stmt
	known  sync.Map // name → whether there is one
}

// openReader is what grype's readers are, and what its provider takes them for.
type openReader interface {
	v6.Reader
	io.Closer
	GetDB() *gorm.DB
}

// newNamedReader prepares the statement, once for all names.
func newNamedReader(reader v6.Reader) (*namedReader, error) {
	opened, ok := reader.(openReader)
	if !ok {
		return nil, errors.New("its reader does not give access to it")
	}
	database, err := opened.GetDB().DB()
	if err != nil {
		return nil, err
	}
	byName, err := database.Prepare("SELECT EXISTS (SELECT 1 FROM packages WHERE name = ? COLLATE NOCASE)")
	if err != nil {
		return nil, err
	}
	return &namedReader{openReader: opened, byName: byName}, nil
}

// checkFilled refuses a database without any record of an affected package: nothing
// would be found with it, in any image.
func (r *namedReader) checkFilled() error {
	filled, err := r.has(`SELECT EXISTS (SELECT 1 FROM affected_package_handles a
		JOIN vulnerability_handles v ON v.id = a.vulnerability_id
		JOIN packages p ON p.id = a.package_id WHERE v.status <> 'rejected')`)
	switch {
	case err != nil:
		return err
	case !filled:
		return errors.New("it holds no vulnerability of any package")
	}
	return nil
}

// hasSystem reports whether there is a vulnerability of an operating system.
func (r *namedReader) hasSystem(id int64) (bool, error) {
	return r.has(`SELECT EXISTS (SELECT 1 FROM affected_package_handles a
		JOIN vulnerability_handles v ON v.id = a.vulnerability_id
		JOIN packages p ON p.id = a.package_id WHERE a.operating_system_id = ? AND v.status <> 'rejected')`, id)
}

// hasEcosystem reports whether there is a vulnerability of a package of a type, by the name
// that the database gives it.
func (r *namedReader) hasEcosystem(kind string) (bool, error) {
	return r.has(`SELECT EXISTS (SELECT 1 FROM packages p JOIN affected_package_handles a ON a.package_id = p.id
		JOIN vulnerability_handles v ON v.id = a.vulnerability_id WHERE p.ecosystem = COALESCE(
			(SELECT replacement_ecosystem FROM package_specifier_overrides WHERE ecosystem = ? COLLATE NOCASE LIMIT 1), ?
		) COLLATE NOCASE AND v.status <> 'rejected')`, kind, kind)
}

// hasProducts reports whether there is a vulnerability of a product, which is named by
// a CPE.
func (r *namedReader) hasProducts() (bool, error) {
	return r.has(`SELECT EXISTS (SELECT 1 FROM affected_cpe_handles a
		JOIN vulnerability_handles v ON v.id = a.vulnerability_id
		JOIN cpes c ON c.id = a.cpe_id WHERE v.status <> 'rejected')`)
}

func (r *namedReader) has(query string, args ...any) (found bool, err error) {
	err = r.GetDB().Raw(query, args...).Scan(&found).Error
	return found, err
}

// GetAffectedPackages implements v6.Reader.
func (r *namedReader) GetAffectedPackages(p *v6.PackageSpecifier, o *v6.GetPackageOptions) ([]v6.AffectedPackageHandle, error) {
	if r.lacks(p) {
		return nil, nil
	}
	return r.openReader.GetAffectedPackages(p, o)
}

// GetUnaffectedPackages implements v6.Reader.
func (r *namedReader) GetUnaffectedPackages(p *v6.PackageSpecifier, o *v6.GetPackageOptions) ([]v6.UnaffectedPackageHandle, error) {
	if r.lacks(p) {
		return nil, nil
	}
	return r.openReader.GetUnaffectedPackages(p, o)
}

// lacks reports whether the database knows no package of that name. If that cannot
// be told, grype asks, and its error is the one that counts.
func (r *namedReader) lacks(p *v6.PackageSpecifier) bool {
	if p == nil || p.Name == "" {
		return false
	}
	if there, ok := r.known.Load(p.Name); ok {
		return there == false
	}
	var there bool
	if err := r.byName.QueryRow(p.Name).Scan(&there); err != nil {
		return false
	}
	r.known.Store(p.Name, there)
	return !there
}

// Close implements io.Closer.
func (r *namedReader) Close() error { return errors.Join(r.byName.Close(), r.openReader.Close()) }
