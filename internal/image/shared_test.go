package image_test

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/hallmark-ci/hallmark/internal/image"
)

// twins is an index of two images with a base in common, in a registry that
// counts what is pulled.
type twins struct {
	host string
	base blob

	mu      sync.Mutex
	pulls   map[string]int            // of blobs, by digest
	instead func(http.ResponseWriter) // answers for the base, if set
}

func newTwins(t *testing.T) *twins {
	t.Helper()
	noise := make([]byte, 4<<20) // does not fit any buffer on its way
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	w := &twins{base: honest(t, archive(t, string(noise))), pulls: map[string]int{}}
	w.host = serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			_, digest, ok := strings.Cut(r.URL.Path, "/blobs/")
			w.mu.Lock()
			answer := w.instead
			if ok && r.Method == http.MethodGet {
				w.pulls[digest]++
			}
			w.mu.Unlock()
			if answer != nil && digest == hash(w.base.stored).String() && r.Method == http.MethodGet {
				answer(out)
				return
			}
			next.ServeHTTP(out, r)
		})
	})
	amd, arm := honest(t, archive(t, "amd64")), honest(t, archive(t, "arm64"))
	pushIndex(t, w.host+"/app:1",
		entry(t, w.host, imageOf(t, w.base, amd), "linux/amd64"),
		entry(t, w.host, imageOf(t, w.base, arm, w.base), "linux/arm64")) // twice, as some builders do
	return w
}

func (w *twins) answerBase(answer func(http.ResponseWriter)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.instead = answer
}

func (w *twins) pulled(layer blob) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pulls[hash(layer.stored).String()]
}

func (w *twins) open(t *testing.T, dir string) []image.Image {
	t.Helper()
	opened, err := openAll(t, w.host+"/app:1")
	must(t, err)
	if dir != "" {
		opened.ShareLayers(dir)
	}
	return opened.Images()
}

func layersOf(t *testing.T, img image.Image) []v1.Layer {
	t.Helper()
	layers, err := img.Content().Layers()
	must(t, err)
	return layers
}

// readAll reads all the layers of an image to their ends.
func readAll(t *testing.T, img image.Image) error {
	t.Helper()
	for _, layer := range layersOf(t, img) {
		content, err := layer.Uncompressed()
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, content)
		if closeErr := content.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// kept returns the files in a folder.
func kept(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	must(t, err)
	return files
}

// Whatever was kept, what comes out of it is checked as if it were pulled.
func TestAKeptLayerThatWasChangedIsRefused(t *testing.T) {
	w := newTwins(t)
	dir := t.TempDir()
	images := w.open(t, dir)
	must(t, readAll(t, images[0]))
	files := kept(t, dir)
	if len(files) != 1 {
		t.Fatalf("%q are kept, want one file", files)
	}
	content, err := os.ReadFile(files[0])
	must(t, err)
	content[len(content)-1] ^= 1
	must(t, os.WriteFile(files[0], content, 0o600))
	stored, err := layersOf(t, images[1])[0].Compressed()
	must(t, err)
	_, err = io.Copy(io.Discard, stored)
	refused(t, err, "its kept copy was changed")
	must(t, stored.Close())
	refused(t, readAll(t, images[1]), "reading the layer "+hash(w.base.stored).String())

	must(t, os.WriteFile(files[0], content[:100], 0o600)) // of another size: pulled instead
	must(t, readAll(t, images[1]))
	must(t, os.Remove(files[0])) // gone: pulled instead
	must(t, readAll(t, images[1]))
}

func TestALayerThatWasNotReadToItsEndIsNotKept(t *testing.T) {
	tests := []struct {
		name   string
		answer func(w *twins) func(http.ResponseWriter)
		read   func(t *testing.T, img image.Image)
	}{
		{"given up", func(*twins) func(http.ResponseWriter) { return nil }, func(t *testing.T, img image.Image) {
			content, err := layersOf(t, img)[0].Uncompressed()
			must(t, err)
			_, err = io.CopyN(io.Discard, content, 1000)
			must(t, err)
			must(t, content.Close())
		}},
		{"cut", func(w *twins) func(http.ResponseWriter) {
			return func(out http.ResponseWriter) {
				_, _ = out.Write(w.base.stored[:len(w.base.stored)/2])
				_ = http.NewResponseController(out).Flush()
				panic(http.ErrAbortHandler)
			}
		}, func(t *testing.T, img image.Image) { refused(t, readAll(t, img), "it is cut short") }},
		{"forged", func(w *twins) func(http.ResponseWriter) {
			forged := append([]byte{}, w.base.stored...)
			forged[4] ^= 1 // the time in the header of gzip: it unpacks to the same
			return func(out http.ResponseWriter) { _, _ = out.Write(forged) }
		}, func(t *testing.T, img image.Image) { refused(t, readAll(t, img), "checksum") }},
		{"refused", func(*twins) func(http.ResponseWriter) {
			return func(out http.ResponseWriter) { out.WriteHeader(http.StatusForbidden) }
		}, func(t *testing.T, img image.Image) { refused(t, readAll(t, img), "403") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newTwins(t)
			dir := t.TempDir()
			images := w.open(t, dir)
			w.answerBase(test.answer(w))
			test.read(t, images[0])
			if files := kept(t, dir); len(files) != 0 {
				t.Errorf("%q are kept", files)
			}
			w.answerBase(nil)
			before := w.pulled(w.base)
			must(t, readAll(t, images[1]))
			if got := w.pulled(w.base) - before; got != 1 {
				t.Errorf("the base was pulled %d times more, want once", got)
			}
		})
	}
}

// Where nothing can be kept, all is pulled.
func TestLayersThatCannotBeKeptArePulled(t *testing.T) {
	w := newTwins(t)
	for name, dir := range map[string]string{"no folder given": "", "no such folder": filepath.Join(t.TempDir(), "none")} {
		before := w.pulled(w.base)
		for _, img := range w.open(t, dir) {
			must(t, readAll(t, img))
		}
		if got := w.pulled(w.base) - before; got != 3 {
			t.Errorf("%s: the base was pulled %d times, want 3", name, got)
		}
	}
}

// Nothing is kept beyond what the images may unpack to.
func TestWhatIsKeptIsBounded(t *testing.T) {
	w := newTwins(t)
	dir := t.TempDir()
	limits := image.Limits{Layers: 10, UnpackedLayer: 4 << 20, UnpackedTotal: int64(len(w.base.stored)) - 1}
	opened, err := image.NewRegistry(image.Access{}.Connect(), limits).OpenAll(t.Context(), w.host+"/app:1", nil)
	must(t, err)
	opened.ShareLayers(dir)
	stored, err := layersOf(t, opened.Images()[0])[0].Compressed()
	must(t, err)
	content, err := io.ReadAll(stored)
	must(t, err)
	must(t, stored.Close())
	if hash(content) != hash(w.base.stored) || len(kept(t, dir)) != 0 {
		t.Errorf("%d bytes were read, and %q are kept", len(content), kept(t, dir))
	}
}

// Two read the same layer at once, one slower than the other: neither waits.
func TestReadersOfOneLayerDoNotWait(t *testing.T) {
	w := newTwins(t)
	dir := t.TempDir()
	images := w.open(t, dir)
	first, err := layersOf(t, images[0])[0].Uncompressed()
	must(t, err)
	must(t, readAll(t, images[1])) // the first is held meanwhile
	if _, err := io.Copy(io.Discard, first); err != nil {
		t.Fatal(err)
	}
	must(t, first.Close())
	if len(kept(t, dir)) != 1 {
		t.Errorf("%q are kept, want one file", kept(t, dir))
	}

	var group sync.WaitGroup
	images = w.open(t, t.TempDir())
	for i := range 16 {
		group.Go(func() {
			content, err := layersOf(t, images[i%2])[0].Uncompressed()
			if err != nil {
				t.Error(err)
				return
			}
			if n, err := io.Copy(io.Discard, content); err != nil || n < 1<<20 {
				t.Errorf("%d bytes, error %v", n, err)
			}
			if err := content.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestALayerThatImagesShareIsPulledOnce(t *testing.T) {
	w := newTwins(t)
	dir := t.TempDir()
	for _, img := range w.open(t, dir) {
		must(t, readAll(t, img))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for digest, times := range w.pulls {
		if times != 1 {
			t.Errorf("%s was pulled %d times", digest, times)
		}
	}
	if len(w.pulls) != 5 { // three layers, two configs
		t.Errorf("%d blobs were pulled, want 5: %v", len(w.pulls), w.pulls)
	}
	files := kept(t, dir)
	if len(files) != 1 {
		t.Fatalf("%q are kept, want what is shared", files)
	}
	content, err := os.ReadFile(files[0])
	must(t, err)
	if hash(content) != hash(w.base.stored) {
		t.Error("what is kept is not what was pushed")
	}
}

// claiming returns an entry for an image of which the manifest says that its layer
// has that size.
func claiming(t *testing.T, host string, img v1.Image, size int64) v1.Descriptor {
	t.Helper()
	e := entry(t, host, img, "linux/arm64")
	manifest, err := img.Manifest()
	must(t, err)
	manifest = manifest.DeepCopy()
	manifest.Layers[0].Size = size
	raw, err := json.Marshal(manifest)
	must(t, err)
	e.Digest, e.Size = hash(raw), int64(len(raw))
	push(t, host+"/app@"+e.Digest.String(), rawManifest(raw))
	return e
}

// Images that have a layer in common are read one after the other, so that it is
// pulled once; so are large ones, whose contents would be in memory together.
func TestHowManyImagesAreReadAtOnce(t *testing.T) {
	two := min(2, runtime.GOMAXPROCS(0))
	amd, arm := honest(t, archive(t, "amd64")), honest(t, archive(t, "arm64"))
	for name, test := range map[string]struct {
		amd, arm v1.Image
		size     int64 // of the second's layer, as its manifest says
		want     int
	}{
		"a layer in common":    {imageOf(t, amd), imageOf(t, amd, arm), int64(len(amd.stored)), 1},
		"nothing in common":    {imageOf(t, amd), imageOf(t, arm), int64(len(arm.stored)), two},
		"large ones":           {imageOf(t, amd), imageOf(t, arm), 128 << 20, 1},
		"just not large":       {imageOf(t, amd), imageOf(t, arm), 128<<20 - int64(len(amd.stored)), two},
		"the same layer twice": {imageOf(t, amd, amd), imageOf(t, arm), int64(len(arm.stored)), two},
	} {
		t.Run(name, func(t *testing.T) {
			host := serve(t)
			pushIndex(t, host+"/app:1", entry(t, host, test.amd, "linux/amd64"), claiming(t, host, test.arm, test.size))
			opened, err := anonymous().OpenAll(t.Context(), host+"/app:1", nil)
			must(t, err)
			if got := opened.AtOnce(); got != test.want {
				t.Errorf("%d at once, want %d", got, test.want)
			}
		})
	}
}
