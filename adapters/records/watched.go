package records

import (
	"context"
	"sync/atomic"
	"time"

	"imgd/adapters/records/internal/gen"
)

// Watch is told that a transaction begins: read, alone or write, as Engine has it.
// The transaction runs in the context it returns, and then end is told how it went.
type Watch func(ctx context.Context, kind string) (inside context.Context, end func(error))

// Watched is an engine whose transactions are seen.
func Watched(e Engine, w Watch) Engine { return &watched{e, w} }

// Counted counts the transactions of an engine.
func Counted(e Engine, n *atomic.Int64) Engine {
	return Watched(e, func(ctx context.Context, _ string) (context.Context, func(error)) {
		n.Add(1)
		return ctx, func(error) {}
	})
}

type watched struct {
	Engine
	begin Watch
}

func (w *watched) Read(ctx context.Context, fn func(gen.Querier) error) error {
	ctx, end := w.begin(ctx, "read")
	err := w.Engine.Read(ctx, fn)
	end(err)
	return err
}

func (w *watched) Alone(ctx context.Context, fn func(gen.Querier) error) error {
	ctx, end := w.begin(ctx, "alone")
	err := w.Engine.Alone(ctx, fn)
	end(err)
	return err
}

func (w *watched) Write(ctx context.Context, fn func(gen.Querier, time.Time) error) error {
	ctx, end := w.begin(ctx, "write")
	err := w.Engine.Write(ctx, fn)
	end(err)
	return err
}
