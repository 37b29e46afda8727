package store

import (
	"bytes"
	"context"
	"io"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// maxMemory bounds what is kept of layers that were read, in bytes: 64 MiB.
const maxMemory = 64 << 20

// memory keeps layers that were read and whose digest was right, so that a job
// which lists what is attached several times pulls each of them once. What a job
// writes comes into it when it is read back, not before.
type memory struct {
	mu     sync.Mutex
	total  int
	layers map[v1.Hash][]byte
}

// reading returns a source that looks into the memory first.
func (m *memory) reading(digests []v1.Descriptor, open source) source {
	return func(ctx context.Context, i int) (io.ReadCloser, error) {
		m.mu.Lock()
		known, ok := m.layers[digests[i].Digest]
		m.mu.Unlock()
		if ok {
			return io.NopCloser(bytes.NewReader(known)), nil
		}
		return open(ctx, i)
	}
}

// keep remembers entries that were read.
func (m *memory) keep(digests []v1.Descriptor, entries []Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, e := range entries {
		_, known := m.layers[digests[i].Digest]
		if e.Raw == nil || known || m.total+len(e.Raw) > maxMemory {
			continue
		}
		if m.layers == nil {
			m.layers = map[v1.Hash][]byte{}
		}
		m.layers[digests[i].Digest] = e.Raw
		m.total += len(e.Raw)
	}
}
