package resilience

import (
	"context"
	"io"
	"iter"

	"imgd/ports"
)

// BoundedBlobs is a store of which only so much is asked at once. A call counts while the
// store has the word, and not while the caller has: nobody can use up the store for
// others by being slow.
//
// It belongs around a breaker: who is refused here is none of the breaker's failures, and who
// has waited here while the store was found away is not sent to it any more.
type BoundedBlobs struct {
	ports.Blobs
	Bulkhead *Bulkhead
}

// Create counts at the door, so that nobody sends what cannot be stored, and again from
// the end of its source on. In between the caller's bytes are awaited: with a permit for
// that time, a few who send a byte a second would shut out all others; with one for the
// time between any two reads, a large upload would stand in line a thousand times. What a
// store does before the end is little: a folder writes into the cache of the system, and S3
// gets parts only of what has more than 16 MiB, one at a time.
func (b *BoundedBlobs) Create(ctx context.Context, key, contentType string, r io.Reader) (ports.Info, error) {
	t := &turn{Bulkhead: b.Bulkhead}
	defer t.end()
	if err := t.take(ctx); err != nil {
		return ports.Info{}, err
	}
	return b.Blobs.Create(ctx, key, contentType, &awaited{Reader: r, ctx: ctx, turn: t})
}

// awaited is a source whose reader holds no permit until its end.
type awaited struct {
	io.Reader
	ctx  context.Context //nolint:containedctx // it lives as long as one Create
	turn *turn
}

func (a *awaited) Read(p []byte) (int, error) {
	a.turn.give()
	n, err := a.Reader.Read(p)
	if err != io.EOF { //nolint:errorlint // a reader's end is not wrapped
		return n, err
	}
	if full := a.turn.take(a.ctx); full != nil {
		return n, full
	}
	return n, err
}

// Open counts until the blob is open. Whoever reads it may take all day; its connection is
// one of those that IMGD_MAX_CONNECTIONS allows.
func (b *BoundedBlobs) Open(ctx context.Context, key string) (*ports.Blob, error) {
	if err := b.Bulkhead.enter(ctx); err != nil {
		return nil, err
	}
	defer b.Bulkhead.leave()
	return b.Blobs.Open(ctx, key)
}

// Delete counts.
func (b *BoundedBlobs) Delete(ctx context.Context, key string) error {
	if err := b.Bulkhead.enter(ctx); err != nil {
		return err
	}
	defer b.Bulkhead.leave()
	return b.Blobs.Delete(ctx, key)
}

// List counts while the next entry is looked for, and not while the caller has one.
func (b *BoundedBlobs) List(ctx context.Context, prefix string) iter.Seq2[ports.Entry, error] {
	return func(yield func(ports.Entry, error) bool) {
		t := &turn{Bulkhead: b.Bulkhead}
		defer t.end()
		if err := t.take(ctx); err != nil {
			yield(ports.Entry{}, err)
			return
		}
		for e, err := range b.Blobs.List(ctx, prefix) {
			t.give()
			if !yield(e, err) {
				return
			}
			if err := t.take(ctx); err != nil {
				yield(ports.Entry{}, err)
				return
			}
		}
	}
}

// BoundedPolicy is a decision point that is asked only so much at once. It too belongs around
// a breaker.
type BoundedPolicy struct {
	ports.Policy
	Bulkhead *Bulkhead
}

// Allows asks, unless too many ask.
func (p *BoundedPolicy) Allows(ctx context.Context, q ports.Question) (bool, error) {
	if err := p.Bulkhead.enter(ctx); err != nil {
		return false, err
	}
	defer p.Bulkhead.leave()
	return p.Policy.Allows(ctx, q)
}
