package worker

import (
	"context"
	"log/slog"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Reaper ends leases that have run out, so that a vanished worker's jobs go on
// elsewhere. Every worker has one: reaping is one statement, and racing reapers
// share what there is.
type Reaper struct {
	Jobs  ports.Jobs
	Queue ports.Queue
	Every time.Duration
	Log   *slog.Logger
}

// Run reaps until the context ends.
func (r *Reaper) Run(ctx context.Context) {
	every(ctx, r.Every, func() {
		jobs, err := r.Jobs.Reap(ctx)
		if err != nil && ctx.Err() == nil {
			r.Log.WarnContext(ctx, "leases could not be reaped", "err", err)
		}
		for _, j := range jobs {
			r.Log.WarnContext(ctx, "a lease ran out", "job_id", j.ID, "image_id", j.ImageID, "state", j.State, "lost", j.Lost, "correlation_id", j.CorrelationID)
			if j.State == core.JobQueued {
				_ = r.Queue.Push(ctx, j.ID) // a hint; polling finds it too
			}
		}
	})
}

// every calls do at once and then in this rhythm until the context ends.
func every(ctx context.Context, d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for ctx.Err() == nil {
		do()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}
