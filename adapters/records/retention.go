package records

import (
	"context"
	"fmt"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// bornBefore is smaller than every id that is born at t or later: ids begin with
// the milliseconds of their birth (RFC 9562, version 7).
func bornBefore(t time.Time) core.ID {
	ms := max(0, t.UnixMilli())
	return core.ID(fmt.Sprintf("%08x-%04x-0000-0000-000000000000", ms>>16, ms&0xffff))
}

// DeleteExpired deletes images whose time is over, each in a transaction of its
// own: it may have been given another time meanwhile.
func (s Housekeeping) DeleteExpired(ctx context.Context, r ports.Removal, limit int) (deleted int, err error) {
	var expired []gen.ExpiredImagesRow
	err = s.Read(ctx, func(q gen.Querier) error {
		expired, err = q.ExpiredImages(ctx, int64(limit))
		return err
	})
	for _, e := range expired {
		if err := s.deleteExpired(ctx, e, r); err != nil {
			return deleted, err
		}
		deleted++
	}
	return deleted, err
}

func (s Housekeeping) deleteExpired(ctx context.Context, e gen.ExpiredImagesRow, r ports.Removal) error {
	return s.write(ctx, func(t tx) error {
		if err := t.LockImage(ctx, e.ID); err != nil {
			return err
		}
		m, err := t.ImageOrTombstone(ctx, gen.ImageOrTombstoneParams(e))
		if err != nil || m.DeletedAt != nil || m.ExpiresAt == nil || m.ExpiresAt.After(t.now) {
			return err
		}
		if err := t.bury(ctx, core.Image(m), r.By); err != nil {
			return err
		}
		_, err = t.planSweeps(ctx, core.Image(m), t.now.Add(r.Grace))
		return err
	})
}

// ForgetJobs removes jobs that have been at an end for longer than age.
func (s Housekeeping) ForgetJobs(ctx context.Context, age time.Duration, limit int) (removed int, err error) {
	return s.forget(ctx, func(t tx) (int64, error) {
		then := t.now.Add(-age)
		return t.ForgetJobs(ctx, gen.ForgetJobsParams{Before: bornBefore(then), FinishedBefore: &then, MaxRows: int64(limit)})
	})
}

// ForgetEvents removes events that are older than age.
func (s Housekeeping) ForgetEvents(ctx context.Context, age time.Duration, limit int) (removed int, err error) {
	return s.forget(ctx, func(t tx) (int64, error) {
		return t.ForgetEvents(ctx, gen.ForgetEventsParams{Before: bornBefore(t.now.Add(-age)), MaxRows: int64(limit)})
	})
}

// ForgetTombstones removes images that were deleted longer than age ago and whose
// objects are gone.
func (s Housekeeping) ForgetTombstones(ctx context.Context, age time.Duration, limit int) (removed int, err error) {
	return s.forget(ctx, func(t tx) (int64, error) {
		then := t.now.Add(-age)
		ids, err := t.OldTombstones(ctx, gen.OldTombstonesParams{DeletedBefore: &then, MaxRows: int64(limit)})
		if err != nil || len(ids) == 0 {
			return 0, err
		}
		list := among(ids)
		for _, step := range []func(context.Context, string) error{t.ForgetVariantsOf, t.ForgetJobsOf, t.ForgetImages} {
			if err := step(ctx, list); err != nil {
				return 0, err
			}
		}
		return int64(len(ids)), nil
	})
}

// ForgetAnswers removes idempotent answers whose day is over.
func (s Housekeeping) ForgetAnswers(ctx context.Context, limit int) (removed int, err error) {
	return s.forget(ctx, func(t tx) (int64, error) { return t.ExpireAnswers(ctx, int64(limit)) })
}

// ForgetRates removes buckets that are full.
func (s Housekeeping) ForgetRates(ctx context.Context, limit int) (removed int, err error) {
	return s.forget(ctx, func(t tx) (int64, error) {
		return t.ForgetRates(ctx, gen.ForgetRatesParams{Before: t.now, MaxRows: int64(limit)})
	})
}

// ForgetReservations removes reservations that have run out, and that nobody counts
// any more.
func (s Housekeeping) ForgetReservations(ctx context.Context, limit int) (removed int, err error) {
	return s.forget(ctx, func(t tx) (int64, error) {
		return t.ForgetReservations(ctx, gen.ForgetReservationsParams{Before: t.now.Add(-t.db.Overlap()), MaxRows: int64(limit)})
	})
}

func (s Housekeeping) forget(ctx context.Context, some func(tx) (int64, error)) (removed int, err error) {
	err = s.write(ctx, func(t tx) error {
		n, err := some(t)
		removed = int(n)
		return err
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}
