package portstest

import (
	"context"
	"io"
	"sync/atomic"

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
