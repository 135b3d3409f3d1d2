package vips

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"imgd/adapters/vips/weight"
	"imgd/ports"
)

// budget is the memory that the renders of a pool may be predicted to take in all.
// Who comes first is served first: light ones never pass a heavy one that waits, so
// that it waits no longer than those before it take.
type budget struct {
	limit   int64
	free    *semaphore.Weighted
	used    atomic.Int64
	waiting atomic.Int64
}

func newBudget(limit int64) *budget {
	return &budget{limit: limit, free: semaphore.NewWeighted(limit)}
}

// acquire waits until so many bytes are free, or the context ends, and returns what
// gives them back. What is heavier than the whole budget goes on when it is alone.
func (b *budget) acquire(ctx context.Context, bytes int64) (release func(), err error) {
	bytes = min(max(bytes, 1), b.limit)
	b.waiting.Add(1)
	err = b.free.Acquire(ctx, bytes)
	b.waiting.Add(-1)
	if err != nil {
		return nil, context.Cause(ctx)
	}
	b.used.Add(bytes)
	return func() {
		b.used.Add(-bytes)
		b.free.Release(bytes)
	}, nil
}

// weigh is what a render is predicted to take, and no more than the system lets its
// decoder have.
func (p *Pool) weigh(t ports.Task) int64 {
	bytes := weight.Render(t.Probe, t.Variants)
	whole := weight.Whole(p.cfg.Limits.MemoryBytes)
	for _, m := range t.Marks {
		bytes = min(bytes, whole) + weight.Mark(m.Probe)
	}
	return min(bytes, whole)
}

// admit waits until this render may go on, and returns what says that it is over.
//
// A slot comes before memory, and memory before a child. Whoever has memory needs
// only a child then, and there is one for each slot: nobody waits for somebody who
// waits for him. Memory that is set aside is used at once.
func (p *Pool) admit(ctx context.Context, t ports.Task) (over func(), err error) {
	if err := p.over(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.closing, func() { cancel(context.Cause(p.closing)) })()
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	release, err := p.budget.acquire(ctx, p.weigh(t))
	if err != nil {
		<-p.slots
		return nil, err
	}
	return func() {
		release()
		<-p.slots
	}, nil
}
