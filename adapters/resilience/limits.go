package resilience

import (
	"context"
	"errors"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Limits takes from those it embeds, and from Then while they are away. Each of the two keeps
// the rate exactly, so that a caller who finds the first away now and there then is
// allowed twice the rate at most.
type Limits struct {
	ports.Limits // asked first
	Then         ports.Limits
	// Budget is how long both together may take; then the answer is Unavailable, since
	// whoever cannot be counted is not let in.
	Budget time.Duration
}

// Take takes n from what key is allowed, or nothing.
func (l Limits) Take(ctx context.Context, key string, r core.Rate, n int) (core.Allowance, error) {
	within, cancel := context.WithTimeout(ctx, l.Budget)
	defer cancel()
	a, err := l.Limits.Take(within, key, r, n)
	if core.KindOf(err) == core.Unavailable {
		a, err = l.Then.Take(within, key, r, n)
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return core.Allowance{}, core.Unavailable.Errorf("requests cannot be counted at the moment; try again").After(time.Second).Because(err)
	}
	return a, err
}
