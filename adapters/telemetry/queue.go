package telemetry

import (
	"context"

	"imgd/core"
	"imgd/ports"
)

// Queue times the hints that are given. Waiting for one is no work.
type Queue struct {
	ports.Queue
	Metrics *Metrics
}

// Push is timed.
func (q *Queue) Push(ctx context.Context, id core.ID) error {
	ctx, end := q.Metrics.hints.begin(ctx, "push")
	err := q.Queue.Push(ctx, id)
	end(err)
	return err
}

// Cancels times the news of cancellations that are given.
type Cancels struct {
	ports.Cancels
	Metrics *Metrics
}

// Announce is timed.
func (c *Cancels) Announce(ctx context.Context, id core.ID) error {
	ctx, end := c.Metrics.hints.begin(ctx, "announce")
	err := c.Cancels.Announce(ctx, id)
	end(err)
	return err
}
