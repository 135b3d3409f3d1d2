package records

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// Quotas hold tenants to what they may have. Whoever asks for room of a tenant, or
// changes what it has, holds the tenant's row of usage until the end: first the image,
// then that row.
type Quotas struct {
	*DB
	// Of is the quota of a tenant, as it is now.
	Of func(tenant string) core.Quota
	// For is how long a reservation is kept.
	For time.Duration
}

var _ ports.Quotas = Quotas{}

// Reserve keeps room, or refuses.
func (s Quotas) Reserve(ctx context.Context, tenant string, asked core.Usage) (r ports.Reservation, err error) {
	quota := s.Of(tenant)
	if quota.None() {
		return r, nil
	}
	r = ports.Reservation{ID: s.NewID(), For: s.For}
	err = s.write(ctx, func(t tx) error {
		used, err := t.used(ctx, tenant, quota)
		if err != nil {
			return err
		}
		if err := quota.Check(used, asked); err != nil {
			return err
		}
		return t.CreateReservation(ctx, gen.CreateReservationParams{
			Tenant: tenant, ID: string(r.ID), Images: asked.Images, Bytes: asked.Bytes, Jobs: asked.Jobs, ExpiresAt: t.now.Add(s.For),
		})
	})
	if err != nil {
		return ports.Reservation{}, err
	}
	return r, nil
}

// used is what a tenant has and has reserved, which nobody else changes from now on.
func (t tx) used(ctx context.Context, tenant string, quota core.Quota) (u core.Usage, err error) {
	row, err := t.LockUsage(ctx, tenant)
	if errors.Is(err, sql.ErrNoRows) {
		if err := t.CreateUsage(ctx, gen.CreateUsageParams{Tenant: tenant, Now: t.now}); err != nil {
			return u, err
		}
		row, err = t.LockUsage(ctx, tenant)
	}
	if err != nil {
		return u, err
	}
	has, want := core.Usage{Images: row.Images, Bytes: row.Bytes}, gen.ReservedParams{Tenant: tenant, Now: t.now.Add(-t.db.Overlap())} // what settles it may have begun before it ran out
	if quota.Jobs > 0 {
		more, err := t.ReservedAndQueued(ctx, gen.ReservedAndQueuedParams(want))
		return has.Plus(core.Usage(more)), err
	}
	more, err := t.Reserved(ctx, want)
	return has.Plus(core.Usage(more)), err
}

// Keep holds on to a reservation for as long again.
func (s Quotas) Keep(ctx context.Context, tenant string, r ports.Reservation) error {
	if r.ID == "" {
		return nil
	}
	return s.write(ctx, func(t tx) error {
		n, err := t.ExtendReservation(ctx, gen.ExtendReservationParams{ExpiresAt: t.now.Add(r.For), Tenant: tenant, ID: string(r.ID), Now: t.now})
		if err == nil && n == 0 {
			return core.NotFound.Errorf("what was reserved has run out")
		}
		return err
	})
}

// Release gives back what came to nothing.
func (s Quotas) Release(ctx context.Context, tenant string, r ports.Reservation) error {
	if r.ID == "" {
		return nil
	}
	return s.write(ctx, func(t tx) error {
		_, err := t.SettleReservation(ctx, gen.SettleReservationParams{Tenant: tenant, ID: string(r.ID), Now: time.Time{}})
		return err
	})
}

// Limit is the most a tenant may have at the moment.
func (s Quotas) Limit(tenant string) core.Quota { return s.Of(tenant) }

// Used is what counts at the moment.
func (s Quotas) Used(ctx context.Context, tenant string) (u core.Usage, err error) {
	err = s.write(ctx, func(t tx) error {
		u, err = t.used(ctx, tenant, core.Quota{Jobs: 1})
		return err
	})
	return u, err
}

// settleRoom takes a reservation away in the transaction that makes use of it. One
// that has run out may have been given to somebody else.
func (t tx) settleRoom(ctx context.Context, tenant string, id core.ID) error {
	if id == "" {
		return nil
	}
	n, err := t.SettleReservation(ctx, gen.SettleReservationParams{Tenant: tenant, ID: string(id), Now: t.now})
	if err == nil && n == 0 {
		return core.RequestTimeout.Errorf("the room that was reserved for this request is no longer kept; send it again")
	}
	return err
}

// count adds images to what their tenant has, or with a negative sign takes them
// away. It comes last in a transaction, since others wait for the row.
func (t tx) count(ctx context.Context, m core.Image, sign int64) error {
	return t.ChangeUsage(ctx, gen.ChangeUsageParams{Images: sign, Bytes: sign * m.Bytes, Now: t.now, Tenant: m.Tenant})
}

// Recount puts right what tenants with a quota have, one after the other, and returns
// of how many it was wrong.
func (s Housekeeping) Recount(ctx context.Context) (corrected int, err error) {
	for tenant := ""; ; {
		err := s.Read(ctx, func(q gen.Querier) (err error) {
			tenant, err = q.NextUsage(ctx, tenant)
			return err
		})
		if errors.Is(err, sql.ErrNoRows) || core.KindOf(err) == core.NotFound {
			return corrected, nil
		}
		if err != nil {
			return corrected, err
		}
		wrong, err := s.recount(ctx, tenant)
		if err != nil {
			return corrected, err
		}
		if wrong {
			corrected++
		}
	}
}

// recount counts while nobody can change the row: whoever is about to add an image
// has not committed it yet.
func (s Housekeeping) recount(ctx context.Context, tenant string) (wrong bool, err error) {
	err = s.write(ctx, func(t tx) error {
		had, err := t.LockUsage(ctx, tenant)
		if err != nil {
			return err
		}
		has, err := t.CountImages(ctx, tenant)
		if err != nil {
			return err
		}
		more, bytes := has.Images-had.Images, has.Bytes-had.Bytes
		if wrong = more != 0 || bytes != 0; !wrong {
			return nil
		}
		return t.ChangeUsage(ctx, gen.ChangeUsageParams{Images: more, Bytes: bytes, Now: t.now, Tenant: tenant})
	})
	return wrong && err == nil, err
}
