package structure

import (
	"errors"
	"fmt"
	"io"
)

const (
	// scanWindow suits a walker that reads every byte, stepWindow one that jumps
	// from header to header.
	scanWindow = 64 << 10
	stepWindow = 4 << 10
)

// window reads a file through one buffer. The slices it returns are good until
// the next call.
type window struct {
	format Format
	src    io.ReaderAt
	size   int64
	cut    error // the answer to a read past the end

	start int64 // where buf stands in the file
	buf   []byte
	room  []byte
}

func newWindow(f Format, src io.ReaderAt, size int64) *window {
	n := stepWindow
	if f == JPEG {
		n = scanWindow
	}
	return &window{
		format: f,
		src:    src,
		size:   max(size, 0),
		cut:    cutOff(f, "too early"),
		room:   make([]byte, min(int64(n), max(size, 0))),
	}
}

// at returns the n bytes at off; n is at most stepWindow.
func (w *window) at(off int64, n int) ([]byte, error) {
	b, err := w.from(off, n)
	if err != nil {
		return nil, err
	}
	return b[:n], nil
}

// from returns what is at hand of the bytes at off, which is n bytes or more.
func (w *window) from(off int64, n int) ([]byte, error) {
	if !w.holds(off, int64(n)) {
		return nil, w.cut
	}
	if off >= w.start && off-w.start <= int64(len(w.buf)-n) {
		return w.buf[off-w.start:], nil
	}
	if err := w.fill(off); err != nil {
		return nil, err
	}
	if len(w.buf) < n {
		return nil, w.cut // the file is shorter than it was said to be
	}
	return w.buf, nil
}

// holds reports whether the n bytes at off lie within the file.
func (w *window) holds(off, n int64) bool {
	return off >= 0 && n >= 0 && n <= w.size && off <= w.size-n
}

func (w *window) fill(off int64) error {
	w.start, w.buf = off, nil
	want := min(int64(len(w.room)), w.size-off)
	n, err := w.src.ReadAt(w.room[:want], off)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the %s at byte %d: %w", w.format.title(), off, err)
	}
	w.buf = w.room[:max(n, 0)]
	return nil
}
