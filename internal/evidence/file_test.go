package evidence_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/evidence"
)

// A file that is too large is refused by its size: none of it is read.
func TestATooLargeFileIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.sarif")
	f, err := os.Create(path)
	must(t, err)
	must(t, f.Truncate(200<<20)) // a file with a hole: it takes no room
	must(t, f.Close())

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = evidence.Load(path)
	runtime.ReadMemStats(&after)
	refused(t, err, "reading "+path+": it has 209715200 bytes, the limit is 67108864 (64 MiB)")
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("it took %d bytes of memory to refuse it", took)
	}
}

// What does not say how large it is, a pipe, is read up to the limit and no further.
func TestAnEndlessFileIsRefused(t *testing.T) {
	_, err := evidence.Load("/dev/zero")
	refused(t, err, "reading /dev/zero: it has 67108865 bytes, the limit is 67108864 (64 MiB)")
}
