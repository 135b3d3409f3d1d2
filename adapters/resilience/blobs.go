package resilience

import (
	"context"
	"io"
	"iter"

	"imgd/ports"
)

// Blobs is a store behind a breaker.
type Blobs struct {
	ports.Blobs
	Breaker *Breaker
}

// Create is refused at once while the store is away, and at the end of its source if the
// store was found away until then. An error of the reader is no failure of the store.
func (b *Blobs) Create(ctx context.Context, key, contentType string, r io.Reader) (ports.Info, error) {
	end, err := b.Breaker.begin()
	if err != nil {
		return ports.Info{}, err
	}
	source := &source{Reader: r, breaker: b.Breaker}
	info, err := b.Blobs.Create(ctx, key, contentType, source)
	if source.failed {
		b.Breaker.nothing()
	} else {
		end(err)
	}
	return info, err
}

// source remembers whether it has failed. Its end is a failure while the store is away.
type source struct {
	io.Reader
	breaker *Breaker
	failed  bool
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err == io.EOF { //nolint:errorlint // a reader's end is not wrapped
		if err = s.breaker.Refuses(); err == nil {
			return n, io.EOF
		}
	}
	s.failed = s.failed || err != nil
	return n, err
}

// Open is refused at once while the store is away.
func (b *Blobs) Open(ctx context.Context, key string) (*ports.Blob, error) {
	end, err := b.Breaker.begin()
	if err != nil {
		return nil, err
	}
	blob, err := b.Blobs.Open(ctx, key)
	end(err)
	return blob, err
}

// Delete is refused at once while the store is away.
func (b *Blobs) Delete(ctx context.Context, key string) error {
	end, err := b.Breaker.begin()
	if err != nil {
		return err
	}
	err = b.Blobs.Delete(ctx, key)
	end(err)
	return err
}

// List is refused at once while the store is away.
func (b *Blobs) List(ctx context.Context, prefix string) iter.Seq2[ports.Entry, error] {
	return func(yield func(ports.Entry, error) bool) {
		end, err := b.Breaker.begin()
		if err != nil {
			yield(ports.Entry{}, err)
			return
		}
		var last error
		defer func() { end(last) }()
		for e, err := range b.Blobs.List(ctx, prefix) {
			if last = err; !yield(e, err) {
				return
			}
		}
	}
}
