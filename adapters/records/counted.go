package records

import (
	"context"
	"sync/atomic"
	"time"

	"imgd/adapters/records/internal/gen"
)

// Counted counts the transactions of an engine.
func Counted(e Engine, n *atomic.Int64) Engine { return &counted{e, n} }

type counted struct {
	Engine
	n *atomic.Int64
}

func (c *counted) Read(ctx context.Context, fn func(gen.Querier) error) error {
	c.n.Add(1)
	return c.Engine.Read(ctx, fn)
}

func (c *counted) Alone(ctx context.Context, fn func(gen.Querier) error) error {
	c.n.Add(1)
	return c.Engine.Alone(ctx, fn)
}

func (c *counted) Write(ctx context.Context, fn func(gen.Querier, time.Time) error) error {
	c.n.Add(1)
	return c.Engine.Write(ctx, fn)
}
