//go:build mutant_nofence

package main

import (
	"context"
	"time"

	"imgd/adapters/records"
	"imgd/core"
	"imgd/ports"
)

func init() {
	mutate = func(p *parts, jobs ports.Jobs) ports.Jobs { return unfenced{jobs, records.JobControl{DB: p.db}} }
}

// unfenced is what a worker would be without the fence: it writes under whatever
// epoch is current. Tests build it to see that they can fail.
type unfenced struct {
	ports.Jobs
	control ports.JobControl
}

func (u unfenced) current(ctx context.Context, j core.Job) core.Job {
	if now, err := u.control.Job(ctx, j.Tenant, j.ID); err == nil {
		j.Epoch = now.Epoch
	}
	return j
}

// Beat never loses a lease.
func (u unfenced) Beat(ctx context.Context, j core.Job, lease time.Duration) (bool, error) {
	cancelled, err := u.Jobs.Beat(ctx, u.current(ctx, j), lease)
	if core.SlugOf(err) == core.LeaseLost {
		return false, nil
	}
	return cancelled, err
}

// Publish shows what anybody has made.
func (u unfenced) Publish(ctx context.Context, j core.Job, v []core.Variant) error {
	return u.Jobs.Publish(ctx, u.current(ctx, j), v)
}

// Finish ends whoever's attempt it is.
func (u unfenced) Finish(ctx context.Context, j core.Job, r ports.Result) (core.Job, error) {
	return u.Jobs.Finish(ctx, u.current(ctx, j), r)
}
