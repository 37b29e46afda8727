package image

import (
	"errors"
	"io"
)

// What is read ahead, at most: four pieces of 256 KiB.
const (
	aheadPieces = 4
	aheadPiece  = 256 << 10
)

// ahead reads on in the background while its own reader is busy with what it has,
// so that the stages that a layer passes through (download, decompression,
// digest, unpacking) run at once.
type ahead struct {
	full    chan piece
	free    chan []byte
	stopped chan struct{}
	ended   chan struct{}
	now     piece // being read
	left    []byte
}

// piece is a part of what was read, and the error that came with its end.
type piece struct {
	data []byte
	err  error
}

var errStopped = errors.New("nothing more is read")

// readAhead begins to read r. Each piece is shown to see, in order and in a stage
// of its own, before it can be read; see may be nil. Nobody else may use r until
// stop has returned or an error was read.
func readAhead(r io.Reader, see func([]byte)) *ahead {
	a := &ahead{
		full:    make(chan piece, aheadPieces),
		free:    make(chan []byte, aheadPieces),
		stopped: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	for range aheadPieces {
		a.free <- nil // made when it is needed: most layers are small
	}
	if see == nil {
		go a.fill(r, a.full, a.ended)
		return a
	}
	unseen := make(chan piece, aheadPieces)
	filled := make(chan struct{})
	go a.fill(r, unseen, filled)
	go func() {
		defer close(a.ended)
		for p := range unseen {
			see(p.data)
			a.full <- p // there is room: no more pieces than aheadPieces
		}
		<-filled
	}()
	return a
}

// fill reads until the end, an error, or stop.
func (a *ahead) fill(r io.Reader, out chan<- piece, ended chan<- struct{}) {
	defer close(ended)
	defer close(out)
	for {
		var buffer []byte
		select {
		case <-a.stopped:
			return
		case buffer = <-a.free:
		}
		if buffer == nil {
			buffer = make([]byte, aheadPiece)
		}
		n, err := readFull(r, buffer)
		out <- piece{buffer[:n], err} // there is room
		if err != nil {
			return
		}
	}
}

// readFull fills the buffer. Its error is that of r, never another.
func readFull(r io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var more int
		more, err = r.Read(buffer[n:])
		n += more
	}
	return n, err
}

// Read implements io.Reader.
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.left) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if a.now.data != nil {
			a.free <- a.now.data[:cap(a.now.data)] // there is room
			a.now.data = nil
		}
		select {
		case <-a.stopped:
			return 0, errStopped
		case next, ok := <-a.full:
			if !ok { // stopped
				return 0, errStopped
			}
			a.now, a.left = next, next.data
		}
	}
	n := copy(p, a.left)
	a.left = a.left[n:]
	return n, nil
}

// stop ends the reading. What is being read of r is waited for: r may be closed
// then.
func (a *ahead) stop() {
	a.interrupt()
	<-a.ended
}

// interrupt lets Read fail from now on, also one that is waiting.
func (a *ahead) interrupt() {
	select {
	case <-a.stopped:
	default:
		close(a.stopped)
	}
}
