// Package world sets up what the end-to-end tests and the benchmark run
// against: Debian's docker-registry on loopback, a deployment of Sigstore, the
// part of a Kubernetes cluster that admits, the pinned peers, images and a
// vulnerability database. Nothing of it is a stand-in but the hosts' token
// endpoints.
//
// Everything expects to be run from the folder e2e of a checkout, after make
// has put the product and the peers below .cache.
package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Password protects every key that is made here.
const Password = "end-to-end"

// Root returns the top of the checkout.
func Root() (string, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return "", fmt.Errorf("finding the checkout: %w", err)
	}
	if _, err := os.Stat(filepath.Join(root, "cmd", "hallmark")); err != nil {
		return "", fmt.Errorf("finding the checkout above the folder e2e: %w", err)
	}
	return root, nil
}

// Tool returns the path of the product or of a peer: hallmark, cosign, cosign3,
// crane, grype, kubectl, syft, tester, or one of the services.
func Tool(name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	folder := "peers"
	if name == "hallmark" {
		folder = "bin"
	}
	path := filepath.Join(root, ".cache", folder, name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("finding %s: %w; make e2e builds it", name, err)
	}
	return path, nil
}

// Environ returns the environment for the product and the peers: nothing of
// the host's but its search path, a home below dir, no look at the network for
// newer versions, and, where databases is not empty, grype's database there.
func Environ(dir, databases string) ([]string, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	home, temp := filepath.Join(dir, "home"), filepath.Join(dir, "tmp")
	if err := errors.Join(os.MkdirAll(home, 0o755), os.MkdirAll(temp, 0o755)); err != nil {
		return nil, fmt.Errorf("making a home: %w", err)
	}
	env := []string{
		"PATH=" + filepath.Join(root, ".cache", "peers") + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + home,
		"TMPDIR=" + temp,
		"COSIGN_PASSWORD=" + Password,
		"SYFT_CHECK_FOR_APP_UPDATE=false",
		"GRYPE_CHECK_FOR_APP_UPDATE=false",
		"GRYPE_DB_AUTO_UPDATE=false",
		"GRYPE_DB_VALIDATE_AGE=false",
	}
	if databases != "" {
		env = append(env, "GRYPE_DB_CACHE_DIR="+databases)
	}
	return env, nil
}

// Shared returns the folder beside the checkout that holds the recipes of the
// big real images and their database, and false where it is absent.
func Shared() (string, bool) {
	dir, err := filepath.Abs(filepath.Join("..", "..", "shared"))
	if err != nil {
		return "", false
	}
	_, err = os.Stat(filepath.Join(dir, "realworld", "make-images"))
	return dir, err == nil
}

// PushReal makes the named images of the shared recipes and pushes them to the
// registry at host. The reference of each is host/real/NAME:v1.
func PushReal(ctx context.Context, host string, names ...string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "e2e", "realworld"), append([]string{host}, names...)...)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(root, ".cache", "peers")+string(os.PathListSeparator)+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making the images %v: %w\n%s", names, err, out)
	}
	return nil
}

// SharedArchive returns the archive of the shared vulnerability database.
func SharedArchive(shared string) (string, error) {
	found, err := filepath.Glob(filepath.Join(shared, "vulndb", "vulnerability-db_*.tar.zst"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("finding the database in %s: want one archive, have %v", shared, found)
	}
	return found[0], nil
}
