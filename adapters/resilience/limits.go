package resilience

import (
	"context"

	"imgd/core"
	"imgd/ports"
)

// Limits takes from those it embeds, and from Then while they are away. Each of the two keeps
// the rate exactly, so that a caller who finds the first away now and there then is
// allowed twice the rate at most. Each has a time of its own, so that what the first has
// wasted is not missed by the second.
type Limits struct {
	ports.Limits // asked first
	Then         ports.Limits
}

// Take takes n from what key is allowed, or nothing.
func (l Limits) Take(ctx context.Context, key string, r core.Rate, n int) (core.Allowance, error) {
	a, err := l.Limits.Take(ctx, key, r, n)
	if core.KindOf(err) == core.Unavailable {
		a, err = l.Then.Take(ctx, key, r, n)
	}
	return a, err
}
