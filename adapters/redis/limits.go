package redis

import (
	"context"

	"github.com/go-redis/redis_rate/v10"

	"imgd/core"
)

// Limits keeps the rates of all processes, on Redis's clock. A key lives only as
// long as something is owed on it.
type Limits struct{ Client *Client }

// Take takes n from what key is allowed, or nothing.
//
// It is one script, hence exact however many ask:
//
//	KEYS[1]  rate:<prefix>:{rate:<key>}, which holds when the bucket is full again
//	ARGV[1]  burst
//	ARGV[2]  how many come back
//	ARGV[3]  in how many seconds
//	ARGV[4]  n
func (l Limits) Take(ctx context.Context, key string, r core.Rate, n int) (core.Allowance, error) {
	if err := r.Check(n); err != nil {
		return core.Allowance{}, err
	}
	limiter := redis_rate.NewLimiter(l.Client.scripts)
	limit := redis_rate.Limit{Rate: r.Limit, Period: r.Per, Burst: r.AtOnce()}
	var got *redis_rate.Result
	err := l.Client.ask(ctx, func(ctx context.Context) (err error) {
		got, err = limiter.AllowN(ctx, l.Client.key("rate:"+key), limit, n)
		return err
	})
	if err != nil {
		return core.Allowance{}, err
	}
	return core.Allowance{
		Allowed: got.Allowed == n, Remaining: got.Remaining, RetryAfter: max(got.RetryAfter, 0), ResetAfter: max(got.ResetAfter, 0),
	}, nil
}
