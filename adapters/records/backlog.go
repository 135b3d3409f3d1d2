package records

import (
	"context"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// Backlog counts what waits.
type Backlog struct{ *DB }

var _ ports.Backlog = Backlog{}

// Backlog counts the jobs of callers that are due.
func (s Backlog) Backlog(ctx context.Context, most, mark int64) (b core.Backlog, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		row, err := q.Backlog(ctx, gen.BacklogParams{Mark: mark, Most: most})
		b = core.Backlog{Waiting: row.Waiting, Marked: row.Marked, Newest: row.Newest, Oldest: max(0, time.Duration(row.OldestAge)*time.Microsecond)}
		return err
	})
	return b, err
}

// Waits reports whether any job of the tenant is queued.
func (s Backlog) Waits(ctx context.Context, tenant string) (waits bool, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		n, err := q.CountQueued(ctx, tenant)
		waits = n > 0
		return err
	})
	return waits, err
}
