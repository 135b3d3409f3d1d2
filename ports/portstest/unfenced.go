package portstest

import (
	"cmp"
	"context"
	"time"

	"imgd/core"
	"imgd/ports"
)

// unfenced lets workers write that lost their lease: whatever epoch they have, it
// is taken for the current one. A quiet one says LeaseLost all the same.
type unfenced struct {
	ports.Jobs
	control ports.JobControl
	quiet   bool
}

func (u unfenced) current(ctx context.Context, j core.Job) (now core.Job, lost error) {
	row, err := u.control.Job(ctx, j.Tenant, j.ID)
	if err != nil || row.Epoch == j.Epoch {
		return j, nil
	}
	if u.quiet {
		lost = core.LeaseLost.Errorf("it is lost, and what was written stays")
	}
	j.Epoch = row.Epoch
	return j, lost
}

// Beat extends whoever's lease it is.
func (u unfenced) Beat(ctx context.Context, j core.Job, d time.Duration) (bool, error) {
	now, lost := u.current(ctx, j)
	asked, err := u.Jobs.Beat(ctx, now, d)
	return asked, cmp.Or(err, lost)
}

// Publish publishes for whoever holds the lease.
func (u unfenced) Publish(ctx context.Context, j core.Job, vs []core.Variant) error {
	now, lost := u.current(ctx, j)
	return cmp.Or(u.Jobs.Publish(ctx, now, vs), lost)
}

// Finish ends whoever's attempt it is.
func (u unfenced) Finish(ctx context.Context, j core.Job, r ports.Result) (core.Job, error) {
	now, lost := u.current(ctx, j)
	done, err := u.Jobs.Finish(ctx, now, r)
	return done, cmp.Or(err, lost)
}
