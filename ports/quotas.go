package ports

import (
	"context"
	"time"

	"imgd/core"
)

// Reservation is room that is kept for a request under way. The zero Reservation is
// that of a tenant without a quota.
type Reservation struct {
	ID core.ID
	// For is how long it is kept, unless Keep is called before; a process that dies
	// holds nobody up for longer.
	For time.Duration
}

// Quotas hold tenants to the most they may have. What counts is what is recorded and
// not deleted, and what is reserved. They are kept exactly, however many ask at once
// and in however many processes.
type Quotas interface {
	// Reserve keeps room for what is asked for, or is a Forbidden QuotaExceeded with
	// the facts quota, limit, used and asked. For a tenant without a quota it does
	// nothing.
	Reserve(ctx context.Context, tenant string, asked core.Usage) (Reservation, error)

	// Keep holds on to a reservation for as long again. NotFound means that it has
	// run out.
	Keep(ctx context.Context, tenant string, r Reservation) error

	// Release gives back what came to nothing. It is fine when nothing is left.
	Release(ctx context.Context, tenant string, r Reservation) error

	// Limit is the most a tenant may have at the moment.
	Limit(tenant string) core.Quota

	// Used is what counts at the moment.
	Used(ctx context.Context, tenant string) (core.Usage, error)
}
