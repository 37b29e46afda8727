package scan

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/anchore/grype/grype/db/v6/distribution"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

const (
	maxListing   = 1 << 20
	checkTimeout = 30 * time.Second
	feedState    = "feed.json" // in the cache: which database the feed gave last
)

// release is the newest database of a feed.
type release struct {
	url string
	sum string // SHA-256 of the archive, hexadecimal
}

// openFeed opens the newest database of the feed, imported earlier or now. When
// the feed cannot be reached, and only then, the database that it gave last is
// used, with a note that says so; how old that may be is for the gate to say.
// What the feed serves and what is wrong is an error. Grype's own client of the
// feed is not used: it cannot be interrupted, and removes the old database before
// the new one is in its place.
func openFeed(ctx context.Context, store cache, listing string) (*Database, error) {
	if listing == "" {
		listing = distribution.DefaultConfig().LatestURL + "/v6/" + distribution.LatestFileName
	}
	database, err := updateFeed(ctx, store, listing)
	if err == nil {
		return database, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if errors.As(err, new(unreachableError)) {
		if earlier, ok := lastOfFeed(store, listing); ok {
			earlier.notes = append(earlier.notes, fmt.Sprintf("grype's feed could not be reached (%s); the database of %s, which it gave last, is used",
				firstLine(err), earlier.info.Built.Format("2006-01-02 15:04 MST")))
			return earlier, nil
		}
	}
	return nil, fault.WithHint(fault.Undecidedf("getting it from grype's feed: %w", err),
		"set vuln-db to a mirror, an archive or a folder with a database")
}

func updateFeed(ctx context.Context, store cache, listing string) (*Database, error) {
	newest, err := latest(ctx, listing)
	if err != nil {
		return nil, err
	}
	database, ok := store.lookup(newest.sum, listing)
	if !ok {
		database, err = store.importFrom(ctx, listing, demand{}, func(ctx context.Context, w io.Writer) error {
			return newest.get(ctx, w)
		})
	}
	if err != nil {
		return nil, err
	}
	remember(store, newest.sum)
	return database, nil
}

// latest reads the feed's listing.
func latest(ctx context.Context, listing string) (release, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	base, err := url.Parse(listing)
	if err != nil {
		return release{}, err
	}
	if err := checkTransport(base); err != nil {
		return release{}, err
	}
	var body bytes.Buffer
	if err := get(ctx, listing, newMeter(&body, maxListing)); err != nil {
		return release{}, fmt.Errorf("reading %s: %w", listing, err)
	}
	document, err := distribution.NewLatestFromReader(&body)
	if err != nil {
		return release{}, fmt.Errorf("reading %s: %w", listing, err)
	}
	if document == nil {
		return release{}, fmt.Errorf("reading %s: it lists no database", listing)
	}
	sum, ok := strings.CutPrefix(document.Checksum, "sha256:")
	if !ok || !isSum(sum) {
		return release{}, fmt.Errorf("reading %s: the checksum %.80q is not a SHA-256", listing, document.Checksum)
	}
	archive := *base
	archive.Path = path.Join(path.Dir(base.Path), path.Clean("/"+document.Path))
	return release{url: archive.String(), sum: sum}, nil
}

// get copies the release's archive to w and verifies its digest.
func (r release) get(ctx context.Context, w io.Writer) error {
	to := newMeter(w, maxArchive)
	if err := get(ctx, r.url, to); err != nil {
		return err
	}
	if sum := to.sum(); sum != r.sum {
		return fmt.Errorf("the archive has the digest %s, and the feed says %s", sum, r.sum)
	}
	return nil
}

// remember notes which database the feed gave last, unless that is what is noted
// already. In a cache that cannot be written nothing is noted: the database is
// there, and only a later run, while the feed is down, will not find it.
func remember(store cache, sum string) {
	if noted, ok := lastSum(store); ok && noted == sum {
		return
	}
	_ = store.withTemp(func(temp string) error {
		content, err := json.Marshal(map[string]string{"sha256": sum})
		if err != nil {
			return err
		}
		file := filepath.Join(temp, feedState)
		if err := os.WriteFile(file, content, 0o644); err != nil {
			return err
		}
		return os.Rename(file, filepath.Join(store.dir, feedState))
	})
}

// lastOfFeed opens the database that the feed gave last, if it is still there.
func lastOfFeed(store cache, listing string) (*Database, bool) {
	sum, ok := lastSum(store)
	if !ok {
		return nil, false
	}
	return store.lookup(sum, listing)
}

// lastSum returns the SHA-256 of the archive that the feed gave last, as noted.
func lastSum(store cache) (string, bool) {
	file := filepath.Join(store.dir, feedState)
	if store.dir == "" || !store.trusts(file) {
		return "", false
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", false
	}
	var state map[string]string
	err = json.Unmarshal(content, &state)
	return state["sha256"], err == nil && isSum(state["sha256"])
}
