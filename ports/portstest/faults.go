package portstest

import (
	"context"
	"io"
	"os"
	"sync/atomic"
	"testing"

	"imgd/core"
	"imgd/ports"
)

// FlakyBlobs fails Create and Open with Err while it is set; its zero value
// fails nothing.
type FlakyBlobs struct {
	ports.Blobs
	Err error
}

// Create fails with Err, or creates.
func (f *FlakyBlobs) Create(ctx context.Context, key, contentType string, r io.Reader) (ports.Info, error) {
	if f.Err != nil {
		return ports.Info{}, f.Err
	}
	return f.Blobs.Create(ctx, key, contentType, r)
}

// Open fails with Err, or opens.
func (f *FlakyBlobs) Open(ctx context.Context, key string) (*ports.Blob, error) {
	if f.Err != nil {
		return nil, f.Err
	}
	return f.Blobs.Open(ctx, key)
}

// Fileless is a store without descriptors, as one behind a network is.
type Fileless struct{ ports.Blobs }

// Open hides the descriptor.
func (f Fileless) Open(ctx context.Context, key string) (*ports.Blob, error) {
	b, err := f.Blobs.Open(ctx, key)
	if err == nil {
		b.File = nil
	}
	return b, err
}

// DeafQueue loses every hint it is given after it has counted it.
type DeafQueue struct{ Lost atomic.Int64 }

// Push loses id.
func (q *DeafQueue) Push(context.Context, core.ID) error { q.Lost.Add(1); return nil }

// Pop waits for nothing.
func (q *DeafQueue) Pop(ctx context.Context) (core.ID, error) {
	<-ctx.Done()
	return "", context.Cause(ctx)
}

// Spool makes spools that are files in the test's folder, and fails the test when
// one is not closed.
func Spool(t testing.TB) func() (ports.Spool, error) {
	t.Helper()
	var open atomic.Int64
	t.Cleanup(func() {
		if n := open.Load(); n != 0 {
			t.Errorf("%d spools were not closed", n)
		}
	})
	dir := t.TempDir()
	return func() (ports.Spool, error) {
		f, err := os.CreateTemp(dir, "spool")
		if err != nil {
			return nil, err
		}
		open.Add(1)
		return &fileSpool{f, &open}, nil
	}
}

type fileSpool struct {
	f    *os.File
	open *atomic.Int64
}

func (s *fileSpool) Write(p []byte) (int, error) { return s.f.Write(p) }
func (s *fileSpool) File() (*os.File, error)     { return s.f, nil }

func (s *fileSpool) Close() error {
	s.open.Add(-1)
	return s.f.Close()
}
