package git

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" // git names its objects by it
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// What a pack may hold and no pack of git does: it ends with an error, and soon.
func TestHostilePacks(t *testing.T) {
	huge := append(binary.AppendUvarint(binary.AppendUvarint(nil, 1), maxBase+1), 0x01)
	for says, entries := range map[string][]entry{
		"an object builds on more than 4095 others":             {{hash: "aa", kind: plumbing.REFDeltaObject, base: "aa", data: []byte{1, 1, 1, 'x'}}},
		"is missing, and another is based on it":                {{hash: "aa", kind: plumbing.REFDeltaObject, base: "bb", data: []byte{1, 1, 1, 'x'}}},
		"it has 67108865 bytes, the limit is 67108864 (64 MiB)": {{hash: "aa", kind: plumbing.BlobObject, length: maxBase + 1}},
		"it has 67108865 bytes":                                 {{hash: "aa", kind: plumbing.REFDeltaObject, base: "ab", data: huge}, {hash: "ab", kind: plumbing.BlobObject, data: []byte("x")}},
		"inflated object exceeds":                               {{hash: "aa", kind: plumbing.BlobObject, length: 2, data: bytes.Repeat([]byte("x"), 1<<20)}},
		"it has 1 bytes instead of 2":                           {{hash: "aa", kind: plumbing.BlobObject, length: 2, data: []byte("x")}},
		"is damaged: it is":                                     {{hash: "aa", kind: plumbing.BlobObject, data: []byte("x")}},
		"an object at 12 of its pack: inval":                    {{hash: "aa", kind: plumbing.REFDeltaObject, base: "ab", data: []byte{9, 9, 9, 9}}, {hash: "ab", kind: plumbing.BlobObject, data: []byte("x")}},
	} {
		folder := t.TempDir()
		idx, pack := crafted(t, entries)
		write(t, folder, idx, pack)
		o := &objects{folders: []string{folder}}
		defer o.close()
		if _, err := o.EncodedObject(plumbing.AnyObject, named("aa")); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, have %v", says, err)
		}
	}
}

// Of every object the same is read as go-git reads, which reads all of the index.
func TestObjectsAsGoGitReadsThem(t *testing.T) {
	repository, err := gogit.PlainOpen(history(t))
	if err != nil {
		t.Fatal(err)
	}
	all, err := repository.Storer.IterEncodedObjects(plumbing.AnyObject)
	if err != nil {
		t.Fatal(err)
	}
	o, err := lazily(repository)
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	read := 0
	err = all.ForEach(func(want plumbing.EncodedObject) error {
		read++
		if err := o.HasEncodedObject(want.Hash()); err != nil {
			return err
		}
		have, err := o.EncodedObject(want.Type(), want.Hash())
		if err != nil {
			return err
		}
		if size, err := o.EncodedObjectSize(want.Hash()); err != nil || size != want.Size() {
			t.Errorf("%s: %d bytes, %v", want.Hash(), size, err)
		}
		if have.Hash() != want.Hash() || have.Type() != want.Type() {
			t.Errorf("have %s %s, want %s %s", have.Type(), have.Hash(), want.Type(), want.Hash())
		}
		return nil
	})
	if err != nil || read < 1_000 {
		t.Errorf("%d objects: %v", read, err)
	}
}

// A look-up reads some two kilobytes of an index, however long the history.
func TestALookUpReadsLittle(t *testing.T) {
	for _, n := range []int{1, 1_000, 300_000} {
		names, places := make([]plumbing.Hash, n), map[plumbing.Hash]uint32{}
		for i := range names {
			names[i] = sha1.Sum([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
			places[names[i]] = uint32(i)
		}
		asked := names[n/2]
		data := indexed(names, places, sha1.Sum(nil))
		file := &counted{ReaderAt: bytes.NewReader(data)}
		x, err := openIdx(file, int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		place, found, err := x.find(asked)
		if err != nil || !found || place != int64(places[asked]) {
			t.Errorf("of %d: %d, %t, %v", n, place, found, err)
		}
		if file.read > 2<<10 {
			t.Errorf("of %d objects, %d bytes were read of the %d of the index", n, file.read, len(data))
		}
	}
}

// counted counts the bytes that are read of a file.
type counted struct {
	io.ReaderAt
	read int
}

func (c *counted) ReadAt(into []byte, at int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(into, at)
	c.read += n
	return n, err
}

// FuzzIdx reads indexes of packs: one that go-git accepts has the same places, and
// no other leads outside of itself.
func FuzzIdx(f *testing.F) {
	small, _ := crafted(f, []entry{{hash: "aa", kind: plumbing.BlobObject, data: []byte("x")}, {hash: "ff", kind: plumbing.BlobObject, data: []byte("y")}})
	f.Add(small)
	f.Add(small[:1100])
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := openIdx(bytes.NewReader(data), int64(len(data)))
		whole := idxfile.NewMemoryIndex()
		accepted := idxfile.NewDecoder(bytes.NewReader(data)).Decode(whole) == nil
		if err != nil && accepted {
			t.Fatalf("go-git reads it: %v", err)
		}
		if err != nil {
			return
		}
		for _, name := range namesIn(data) {
			place, found, err := x.find(name)
			if place < 0 || found && err != nil {
				t.Fatalf("%s: %d, %t, %v", name, place, found, err)
			}
			want, _ := whole.FindOffset(name)
			if found && accepted && want != place {
				t.Fatalf("%s is at %d, and at %d as go-git has it", name, place, want)
			}
		}
	})
}

// FuzzPack reads packs: what is in them ends with an object or an error, and soon.
func FuzzPack(f *testing.F) {
	seed, packed := crafted(f, []entry{
		{hash: "aa", kind: plumbing.REFDeltaObject, base: "ab", data: []byte{1, 2, 0x90, 1, 1, 'y'}},
		{hash: "ab", kind: plumbing.BlobObject, data: []byte("x")},
	})
	f.Add(seed, packed)
	f.Fuzz(func(t *testing.T, idx, data []byte) {
		x, err := openIdx(bytes.NewReader(idx), int64(len(idx)))
		if err != nil {
			return
		}
		p := &pack{index: x, scanner: packfile.NewScanner(bytes.NewReader(data)), known: map[int64]content{}}
		for _, name := range namesIn(idx[:min(len(idx), idxNames+4*idxName)]) {
			place, found, err := x.find(name)
			if err != nil || !found {
				continue
			}
			if c, err := p.at(place, 1_000); err == nil && (!c.kind.Valid() || c.kind.IsDelta()) {
				t.Fatalf("%s is a %s", name, c.kind)
			}
		}
	})
}

// namesIn returns the first names of an index.
func namesIn(idx []byte) []plumbing.Hash {
	var names []plumbing.Hash
	for at := idxNames; at+idxName <= len(idx) && len(names) < 64; at += idxName {
		names = append(names, plumbing.Hash(idx[at:at+idxName]))
	}
	return names
}

// entry is an object of a pack that no git would write.
type entry struct {
	hash, base string // hex, completed by zeros
	kind       plumbing.ObjectType
	length     int // that it says; 0: that of the data
	data       []byte
}

func named(hex string) plumbing.Hash { return plumbing.NewHash(hex + strings.Repeat("0", 40-len(hex))) }

func crafted(t testing.TB, entries []entry) (idx, pack []byte) {
	t.Helper()
	pack = binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(entries)))
	places := map[plumbing.Hash]uint32{}
	var names []plumbing.Hash
	for _, e := range entries {
		names = append(names, named(e.hash))
		places[named(e.hash)] = uint32(len(pack))
		length := e.length
		if length == 0 {
			length = len(e.data)
		}
		pack = append(pack, byte(e.kind)<<4|0x80|byte(length&0x0f))
		pack = binary.AppendUvarint(pack, uint64(length>>4))
		if e.kind == plumbing.REFDeltaObject {
			base := named(e.base)
			pack = append(pack, base[:]...)
		}
		var packed bytes.Buffer
		z := zlib.NewWriter(&packed)
		if _, err := z.Write(e.data); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		pack = append(pack, packed.Bytes()...)
	}
	sum := sha1.Sum(pack)
	pack = append(pack, sum[:]...)
	return indexed(names, places, sum), pack
}

func indexed(names []plumbing.Hash, places map[plumbing.Hash]uint32, sum [20]byte) []byte {
	slices.SortFunc(names, func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
	idx := []byte("\xfftOc\x00\x00\x00\x02")
	for i := range 256 {
		upTo := slices.IndexFunc(names, func(h plumbing.Hash) bool { return int(h[0]) > i })
		if upTo < 0 {
			upTo = len(names)
		}
		idx = binary.BigEndian.AppendUint32(idx, uint32(upTo))
	}
	for _, name := range names {
		idx = append(idx, name[:]...)
	}
	idx = append(idx, make([]byte, 4*len(names))...)
	for _, name := range names {
		idx = binary.BigEndian.AppendUint32(idx, places[name])
	}
	idx = append(idx, sum[:]...)
	whole := sha1.Sum(idx)
	return append(idx, whole[:]...)
}

func write(t testing.TB, folder string, idx, pack []byte) {
	t.Helper()
	name := filepath.Join(folder, "pack", "pack-1")
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	for suffix, content := range map[string][]byte{".idx": idx, ".pack": pack} {
		if err := os.WriteFile(name+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// history returns a repository of a thousand objects and more, of which many are
// based on others.
func history(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	var commits bytes.Buffer
	for i := range 400 {
		content := strings.Repeat(fmt.Sprintln("line", i%7), 50) + fmt.Sprintln("line", i)
		fmt.Fprintf(&commits, "commit refs/heads/main\ncommitter Ada <ada@example.com> %d +0000\ndata 1\nx\nM 644 inline folder%d/file%d\ndata %d\n%s\n",
			1_700_000_000+i, i%9, i%31, len(content), content)
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"fast-import", "--quiet"}, {"repack", "-adfq"}} {
		c := exec.Command("git", args...)
		c.Dir, c.Stdin = folder, bytes.NewReader(commits.Bytes())
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return folder
}
