package records

import (
	"context"
	"slices"
	"strings"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// Housekeeping is what one worker does for all.
type Housekeeping struct{ *DB }

var _ ports.Housekeeping = Housekeeping{}

// Lead takes or keeps a duty.
func (s Housekeeping) Lead(ctx context.Context, duty, holder string, ttl time.Duration) (leads bool, err error) {
	err = s.write(ctx, func(t tx) error {
		n, err := t.TakeDuty(ctx, gen.TakeDutyParams{Name: duty, Holder: holder, Ttl: micros(ttl)})
		leads = n > 0
		return err
	})
	return leads && err == nil, err
}

// Due returns the sweeps whose time has come.
func (s Housekeeping) Due(ctx context.Context, limit int) (sweeps []core.Sweep, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		rows, err := q.DueSweeps(ctx, int64(limit))
		for _, r := range rows {
			sweeps = append(sweeps, core.Sweep(r))
		}
		return err
	})
	return sweeps, err
}

// Swept forgets a sweep that is done.
func (s Housekeeping) Swept(ctx context.Context, w core.Sweep) error {
	return s.write(ctx, func(t tx) error { return t.ForgetSweep(ctx, w.ID) })
}

// Postpone puts off a sweep that failed.
func (s Housekeeping) Postpone(ctx context.Context, w core.Sweep, wait time.Duration) error {
	return s.write(ctx, func(t tx) error {
		return t.PostponeSweep(ctx, gen.PostponeSweepParams{Wait: micros(wait), ID: w.ID})
	})
}

// batch is how many keys one look asks for.
const batch = 1000

// Unknown returns those of keys that nothing needs and no sweep is waiting for.
func (s Housekeeping) Unknown(ctx context.Context, keys []string) (unknown []string, err error) {
	for some := range slices.Chunk(keys, batch) {
		err = s.Read(ctx, func(q gen.Querier) error {
			known, err := known(ctx, q, some)
			for _, k := range some {
				if !known[k] {
					unknown = append(unknown, k)
				}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return unknown, nil
}

func known(ctx context.Context, q gen.Querier, keys []string) (map[string]bool, error) {
	known := map[string]bool{}
	var ids []core.ID
	for _, k := range keys {
		if id, ok := strings.CutPrefix(k, "o/"); ok {
			ids = append(ids, core.ID(id))
		}
	}
	originals, err := q.LivingOriginals(ctx, among(ids))
	if err != nil {
		return nil, err
	}
	for _, id := range originals {
		known[core.Image{ID: id}.OriginalKey()] = true
	}
	living, err := q.LivingVariantKeys(ctx, among(keys))
	if err != nil {
		return nil, err
	}
	for _, k := range living {
		known[k] = true
	}
	return known, waiting(ctx, q, keys, known)
}

// waiting adds the keys that a sweep of them or of a folder above will delete.
func waiting(ctx context.Context, q gen.Querier, keys []string, known map[string]bool) error {
	under := map[string][]string{}
	for _, k := range keys {
		under[k] = append(under[k], k)
		for i := range k {
			if k[i] == '/' {
				under[k[:i+1]] = append(under[k[:i+1]], k)
			}
		}
	}
	var names []string
	for name := range under {
		names = append(names, name)
	}
	planned, err := q.PlannedSweepKeys(ctx, among(names))
	for _, p := range planned {
		for _, k := range under[p] {
			known[k] = true
		}
	}
	return err
}

// Expire removes idempotent answers whose day is over.
func (s Housekeeping) Expire(ctx context.Context) (removed int64, err error) {
	err = s.write(ctx, func(t tx) error {
		removed, err = t.ExpireAnswers(ctx)
		return err
	})
	return removed, err
}
