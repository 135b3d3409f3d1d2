package records

import (
	"context"
	"errors"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// Limits keeps the rates of all processes that share the database, by its clock. A
// take is one statement, and its commit.
type Limits struct {
	*DB
	// Within is how long a take may have to wait, for a connection and for others
	// with the same key; then it is Unavailable. Zero means as long as the caller does.
	Within time.Duration
}

var _ ports.Limits = Limits{}

// Take takes n from what key is allowed, or nothing.
func (s Limits) Take(ctx context.Context, key string, r core.Rate, n int) (core.Allowance, error) {
	if err := r.Check(n); err != nil {
		return core.Allowance{}, err
	}
	each := micros(r.Per / time.Duration(r.Limit))
	cost, burst := each*int64(n), each*int64(r.AtOnce())
	row, err := s.take(ctx, gen.TakeRateParams{Key: key, Cost: cost, Room: burst - cost})
	if err != nil {
		return core.Allowance{}, err
	}
	debt := micros(row.FullAt.Sub(row.FitsAt)) + burst - cost
	a := core.Allowance{Allowed: row.Allowed, ResetAfter: time.Duration(debt) * time.Microsecond}
	if a.Allowed {
		a.Remaining = int((burst - debt) / each)
	} else {
		a.RetryAfter = time.Duration(debt+cost-burst) * time.Microsecond
	}
	return a, nil
}

func (s Limits) take(ctx context.Context, p gen.TakeRateParams) (row gen.Rate, err error) {
	within := ctx
	if s.Within > 0 {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, s.Within)
		defer cancel()
	}
	err = s.Alone(within, func(q gen.Querier) error {
		row, err = q.TakeRate(within, p)
		return err
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return row, core.Unavailable.Errorf("the database is slow to count requests; try again").After(time.Second).Because(err)
	}
	return row, err
}
