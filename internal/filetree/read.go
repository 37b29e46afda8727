package filetree

import (
	"archive/tar"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Layer is a layer of an image, to be read once.
type Layer struct {
	ID   string // names it in what comes out
	Size int64  // as it is stored; the largest is read first
	Open func() (io.ReadCloser, error)
}

// Limits bounds what the files of an image take in memory: some 300 bytes each,
// and their paths.
type Limits struct {
	Files  int   // in all layers, folders and links included
	Names  int64 // bytes of their paths, and of what links point to
	Sparse int64 // bytes of all sparse files, with their holes
}

// DefaultLimits returns limits that no honest image reaches: two million files, of
// which the paths have 256 MiB, and 16 GiB of sparse files.
func DefaultLimits() Limits { return Limits{Files: 2_000_000, Names: 256 << 20, Sparse: 16 << 30} }

// taken is what the entries of all layers have taken of their limits so far.
type taken struct {
	limits Limits
	files  atomic.Int64
	names  atomic.Int64
	sparse atomic.Int64
}

// take takes what one more entry needs.
func (t *taken) take(header *tar.Header) error {
	names := len(header.Name) + len(header.Linkname)
	switch {
	case max(len(header.Name), len(header.Linkname)) > maxPath:
		return fmt.Errorf("its layers have a path of %d bytes, the limit is %d", max(len(header.Name), len(header.Linkname)), maxPath)
	case t.files.Add(1) > int64(t.limits.Files):
		return tooManyFiles(t.limits.Files)
	case t.names.Add(int64(names)) > t.limits.Names:
		return fmt.Errorf("its layers have paths of more than %d bytes, the limit of all", t.limits.Names)
	case sparse(header):
		return t.takeSparse(header.Size)
	}
	return nil
}

// takeSparse bounds what an archive unpacks to that takes no room in it.
func (t *taken) takeSparse(size int64) error {
	if limit := t.limits.Sparse; size > limit || t.sparse.Add(size) > limit {
		return fmt.Errorf("its layers have sparse files of more than %d bytes, the limit of all", limit)
	}
	return nil
}

func tooManyFiles(limit int) error {
	return fmt.Errorf("its layers have more than %d files, the limit of all", limit)
}

// Read unpacks the layers, of which the first is the lowest. As many are read at once
// as there are processors, at least two: one waits for the network while the other
// unpacks. What does not fit in memory is kept in a file in the folder temp, until
// the tree is closed. Which programs hold one of the marks, MaxMarks at most, Tree.Marked
// tells.
func Read(ctx context.Context, layers []Layer, temp string, limits Limits, wanted ...string) (*Tree, error) {
	if len(wanted) > MaxMarks {
		return nil, fmt.Errorf("%d marks are looked for, the limit is %d", len(wanted), MaxMarks)
	}
	r := &reader{
		layers:   layers,
		done:     make([]chan unpacked, len(layers)),
		contents: &contents{dir: temp, left: inMemory},
		taken:    &taken{limits: limits},
		marks:    wanted,
	}
	for i := range r.done {
		r.done[i] = make(chan unpacked, 1)
	}
	tree := &Tree{contents: r.contents, marks: r.marks, types: types{known: map[*File]string{}}}
	laid := newSquash(limits.Files)

	group, ctx := errgroup.WithContext(ctx)
	queue := largestFirst(layers)
	for range min(max(2, runtime.GOMAXPROCS(0)), len(layers)) {
		group.Go(func() error { return r.work(ctx, queue) })
	}
	group.Go(func() error {
		for i, layer := range layers {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case got := <-r.done[i]:
				if err := laid.lay(got.entries); err != nil {
					return err
				}
				tree.layers, tree.sizes = append(tree.layers, layer.ID), append(tree.sizes, got.size)
				tree.entries = append(tree.entries, got.entries)
			}
		}
		return nil
	})
	err := group.Wait()
	if err == nil {
		err = r.contents.finish()
	}
	if err != nil {
		return nil, errors.Join(err, r.contents.close())
	}
	laid.whole(tree)
	return tree, nil
}

// reader unpacks several layers at once.
type reader struct {
	layers   []Layer
	done     []chan unpacked // one for each layer
	contents *contents
	taken    *taken
	marks    marks
}

// largestFirst returns the numbers of the layers in the order in which to read them: a
// large one that begins last would end alone.
func largestFirst(layers []Layer) <-chan int {
	order := make([]int, len(layers))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(layers[b].Size, layers[a].Size) })
	queue := make(chan int, len(order))
	for _, i := range order {
		queue <- i
	}
	close(queue)
	return queue
}

// work unpacks layers until none is left.
func (r *reader) work(ctx context.Context, queue <-chan int) error {
	u := &unpacker{keeper: newKeeper(r.contents, r.marks), taken: r.taken}
	for i := range queue {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		got, err := r.read(ctx, u, i)
		if err != nil {
			return err
		}
		r.done[i] <- got
	}
	return u.keeper.flush()
}

func (r *reader) read(ctx context.Context, u *unpacker, i int) (unpacked, error) {
	content, err := r.layers[i].Open()
	if err != nil {
		return unpacked{}, err
	}
	got, err := u.unpack(ctx, content, int32(i)) //nolint:gosec // as many layers as a manifest lists
	if closeErr := content.Close(); err == nil {
		err = closeErr
	}
	return got, err
}
