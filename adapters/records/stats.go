package records

import (
	"context"
	"slices"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// Stats counts rows.
type Stats struct{ *DB }

var _ ports.Stats = Stats{}

// sample is how many of the newest jobs stand for a window in its quantiles.
const sample = 2000

// Tenant counts what a tenant has.
func (s Stats) Tenant(ctx context.Context, tenant string) (st core.Stats, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		images, err := q.CountImages(ctx, tenant)
		if err != nil {
			return err
		}
		byState, err := q.CountJobs(ctx, tenant)
		if err != nil {
			return err
		}
		st = core.Stats{Images: images.Images, Bytes: images.Bytes, Jobs: map[core.JobState]int64{}}
		for _, c := range byState {
			st.Jobs[c.State] = c.Jobs
		}
		if st.Hour, err = window(ctx, q, tenant, time.Hour); err != nil {
			return err
		}
		st.Day, err = window(ctx, q, tenant, 24*time.Hour)
		return err
	})
	return st, err
}

func window(ctx context.Context, q gen.Querier, tenant string, span time.Duration) (core.Window, error) {
	n, err := q.CountFinished(ctx, gen.CountFinishedParams{Tenant: tenant, Span: micros(span)})
	if err != nil {
		return core.Window{}, err
	}
	rows, err := q.FinishedTimes(ctx, gen.FinishedTimesParams{Tenant: tenant, Span: micros(span), MaxRows: sample})
	if err != nil {
		return core.Window{}, err
	}
	var queue, run []time.Duration
	for _, r := range rows {
		if r.StartedAt == nil {
			continue // cancelled before anybody took it
		}
		queue = append(queue, max(0, r.StartedAt.Sub(r.CreatedAt)))
		run = append(run, r.FinishedAt.Sub(*r.StartedAt))
	}
	return core.Window{Finished: n.Finished, Failures: n.Failures, Queue: quantiles(queue), Run: quantiles(run)}, nil
}

// quantiles takes the nearest rank.
func quantiles(d []time.Duration) core.Quantiles {
	if len(d) == 0 {
		return core.Quantiles{}
	}
	slices.Sort(d)
	return core.Quantiles{P50: d[(len(d)*50+99)/100-1], P95: d[(len(d)*95+99)/100-1]}
}

// Fleet counts what waits and runs for everybody, and names what runs for a tenant.
func (s Stats) Fleet(ctx context.Context, tenant string) (f core.Fleet, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		queue, err := q.FleetQueue(ctx)
		if err != nil {
			return err
		}
		running, err := q.FleetRunning(ctx)
		if err != nil {
			return err
		}
		f = core.Fleet{Due: queue.Due, OldestAge: time.Duration(queue.OldestAge) * time.Microsecond, Running: running}
		f.Workers, err = working(ctx, q, tenant)
		return err
	})
	return f, err
}
