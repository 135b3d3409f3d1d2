package memory

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"imgd/core"
)

// Limits keeps the rates of one process, as a generic cell rate algorithm: of
// each key it knows only when the bucket will be full again. The zero value is
// not ready; use NewLimits.
type Limits struct {
	// Now is the clock, set before the first take.
	Now func() time.Time

	keep int
	mu   sync.Mutex
	full map[string]time.Time // when a key has its whole burst again
}

// NewLimits makes limits that remember at least the keep keys which have most to
// wait for, and never more than twice as many.
func NewLimits(keep int) *Limits {
	return &Limits{Now: time.Now, keep: max(keep, 1), full: map[string]time.Time{}}
}

// Take takes n from what key is allowed, or nothing.
func (l *Limits) Take(ctx context.Context, key string, r core.Rate, n int) (core.Allowance, error) {
	if ctx.Err() != nil {
		return core.Allowance{}, context.Cause(ctx)
	}
	if err := r.Check(n); err != nil {
		return core.Allowance{}, err
	}
	each := r.Per / time.Duration(r.Limit)
	burst := each * time.Duration(r.AtOnce())
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.Now()
	debt := max(l.full[key].Sub(now), 0)
	wanted := debt + each*time.Duration(n)
	if wanted > burst {
		return core.Allowance{RetryAfter: wanted - burst, ResetAfter: debt}, nil
	}
	l.full[key] = now.Add(wanted)
	l.forget(now)
	return core.Allowance{Allowed: true, Remaining: int((burst - wanted) / each), ResetAfter: wanted}, nil
}

// forget keeps the memory within its bounds: first it drops the keys that owe
// nothing, which changes no answer, then those that owe least.
func (l *Limits) forget(now time.Time) {
	if len(l.full) <= 2*l.keep {
		return
	}
	maps.DeleteFunc(l.full, func(_ string, t time.Time) bool { return !t.After(now) })
	over := len(l.full) - l.keep
	if over <= 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(l.full), func(a, b string) int { return l.full[a].Compare(l.full[b]) })
	for _, k := range keys[:over] {
		delete(l.full, k)
	}
}
