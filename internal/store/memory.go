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

// memory keeps layers and manifests that were read and whose digest was right, so that a job
// which lists what is attached several times pulls each of them once. What a job
// writes comes into it when it is read back, not before.
type memory struct {
	mu     sync.Mutex
	total  int
	layers map[v1.Hash][]byte
}

// reading returns a source that looks into the memory first. digest names the
// layer at an index.
func (m *memory) reading(digest func(i int) v1.Hash, open source) source {
	return func(ctx context.Context, i int) (io.ReadCloser, error) {
		if known, ok := m.get(digest(i)); ok {
			return io.NopCloser(bytes.NewReader(known)), nil
		}
		return open(ctx, i)
	}
}

func (m *memory) get(digest v1.Hash) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.layers[digest]
	return known, ok
}

// keep remembers what was read and has the digest.
func (m *memory) keep(digest v1.Hash, raw []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.layers[digest]; known || raw == nil || m.total+len(raw) > maxMemory {
		return
	}
	if m.layers == nil {
		m.layers = map[v1.Hash][]byte{}
	}
	m.layers[digest] = raw
	m.total += len(raw)
}
