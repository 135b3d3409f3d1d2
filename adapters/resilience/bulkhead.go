package resilience

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/bulkhead"

	"imgd/core"
	"imgd/ports"
)

// Bulkhead bounds how many calls of a dependency are under way at once. Whoever finds it
// full waits for a moment, and is refused then: a dependency that hangs holds up so many
// callers and no more.
//
// Its permits are taken and given back by hand. failsafe's executor keeps one for itself
// for ever when a call panics.
type Bulkhead struct {
	config  BulkheadConfig
	permits bulkhead.Bulkhead[any]
	calls   atomic.Int64
	refused atomic.Int64
}

// BulkheadConfig says how much a bulkhead lets through. What is zero has its default.
type BulkheadConfig struct {
	Name  string        // of the dependency
	Calls int           // at once; 64
	Wait  time.Duration // for a permit; half a second
}

// NewBulkhead returns an empty bulkhead.
func NewBulkhead(c BulkheadConfig) *Bulkhead {
	c.Calls = cmp.Or(c.Calls, 64)
	// A crowd that comes at once is let through in turn: in half a second 64 calls of 20 ms
	// become 1600. Longer would be noticed by whoever is refused in the end.
	c.Wait = cmp.Or(c.Wait, 500*time.Millisecond)
	return &Bulkhead{config: c, permits: bulkhead.New[any](uint(c.Calls))}
}

// enter takes a permit. It is never called by who holds one of the same bulkhead, and so
// nobody can wait for himself.
func (b *Bulkhead) enter(ctx context.Context) error {
	switch err := b.permits.AcquirePermitWithMaxWait(ctx, b.config.Wait); {
	case err == nil:
		b.calls.Add(1)
		return nil
	case errors.Is(err, bulkhead.ErrFull):
		b.refused.Add(1)
		return core.Unavailable.Errorf("too much is asked of the %s at the moment; try again in a second", b.config.Name).
			After(time.Second).Because(fmt.Errorf("%w: %d calls are under way", ports.ErrNotAsked, b.config.Calls))
	}
	return context.Cause(ctx)
}

// leave gives a permit back. Without one it would wait for ever.
func (b *Bulkhead) leave() {
	b.calls.Add(-1)
	b.permits.ReleasePermit()
}

// Limit is how many calls may be under way at once.
func (b *Bulkhead) Limit() int { return b.config.Calls }

// Calls is how many calls are under way.
func (b *Bulkhead) Calls() int64 { return b.calls.Load() }

// Refused is how many callers found it full for too long.
func (b *Bulkhead) Refused() int64 { return b.refused.Load() }

// turn is a permit that its holder gives back while somebody else than the dependency has
// the word, and takes again. What comes back after the end gets none.
type turn struct {
	*Bulkhead
	mu         sync.Mutex
	held, over bool
}

func (t *turn) take(ctx context.Context) error {
	if err := t.enter(ctx); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		t.leave()
		return errors.New("the call has returned already")
	}
	t.held = true
	return nil
}

func (t *turn) give() { t.drop(false) }

func (t *turn) end() { t.drop(true) }

func (t *turn) drop(over bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held {
		t.leave()
	}
	t.held, t.over = false, t.over || over
}
