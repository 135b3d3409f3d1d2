// Package memory has the adapters that serve one process.
package memory

import (
	"context"

	"imgd/core"
)

// Queue carries hints between the goroutines of one process. The zero value is
// not ready; use NewQueue.
type Queue struct{ hints chan core.ID }

// NewQueue makes a queue that keeps up to size hints; what comes on top is
// dropped, since a worker's next look at the database finds it.
func NewQueue(size int) *Queue { return &Queue{make(chan core.ID, size)} }

// Push leaves a hint, or drops it when there are enough.
func (q *Queue) Push(ctx context.Context, id core.ID) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case q.hints <- id:
	default:
	}
	return nil
}

// Pop waits for a hint.
func (q *Queue) Pop(ctx context.Context) (core.ID, error) {
	select {
	case id := <-q.hints:
		return id, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
