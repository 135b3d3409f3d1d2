package telemetry

import (
	"context"
	"io"
	"iter"

	"imgd/ports"
)

// Blobs times what is asked of a store, and counts the bytes that go in and out.
type Blobs struct {
	ports.Blobs
	Metrics *Metrics
}

// Create counts the bytes that were stored.
func (b *Blobs) Create(ctx context.Context, key, contentType string, r io.Reader) (ports.Info, error) {
	ctx, end := b.Metrics.storage.begin(ctx, "create")
	info, err := b.Blobs.Create(ctx, key, contentType, r)
	if err == nil {
		b.Metrics.stored.WithLabelValues("in").Add(float64(info.Bytes))
	}
	end(err)
	return info, err
}

// Open counts the bytes of what was opened: a part of them may be read.
func (b *Blobs) Open(ctx context.Context, key string) (*ports.Blob, error) {
	_, end := b.Metrics.storage.begin(ctx, "open") // the blob is read long after that
	blob, err := b.Blobs.Open(ctx, key)
	if err == nil {
		b.Metrics.stored.WithLabelValues("out").Add(float64(blob.Bytes))
	}
	end(err)
	return blob, err
}

// Delete is timed.
func (b *Blobs) Delete(ctx context.Context, key string) error {
	ctx, end := b.Metrics.storage.begin(ctx, "delete")
	err := b.Blobs.Delete(ctx, key)
	end(err)
	return err
}

// List is timed until its end, or until its reader has enough.
func (b *Blobs) List(ctx context.Context, prefix string) iter.Seq2[ports.Entry, error] {
	return func(yield func(ports.Entry, error) bool) {
		inside, end := b.Metrics.storage.begin(ctx, "list")
		var last error
		defer func() { end(last) }()
		for e, err := range b.Blobs.List(inside, prefix) {
			if last = err; !yield(e, err) {
				return
			}
		}
	}
}
