package ports

import (
	"context"

	"imgd/core"
)

// Backlog tells what a new job would wait behind. What it costs does not grow with
// what is stored, nor with what waits beyond most.
type Backlog interface {
	// Backlog counts the jobs of callers that are due, whosever they are, the oldest
	// first and most of them at most; and how many of those were due at mark, which is
	// the Newest of an earlier count or zero.
	Backlog(ctx context.Context, most, mark int64) (core.Backlog, error)

	// Waits reports whether any job of the tenant is queued.
	Waits(ctx context.Context, tenant string) (bool, error)
}
