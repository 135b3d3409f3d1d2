package records

import (
	"context"
	"slices"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// Workers is the register of processes.
type Workers struct{ *DB }

var _ ports.Workers = Workers{}

// Alive says that w is there.
func (s Workers) Alive(ctx context.Context, w core.Worker) error {
	return s.write(ctx, func(t tx) error {
		if err := t.ForgetWorkers(ctx, micros(time.Hour)); err != nil {
			return err
		}
		return t.WorkerSeen(ctx, gen.WorkerSeenParams{ID: w.ID, Host: w.Host, Version: w.Version, Slots: w.Slots, Role: w.Role})
	})
}

// Gone forgets a process that ends.
func (s Workers) Gone(ctx context.Context, id string) error {
	return s.write(ctx, func(t tx) error { return t.WorkerGone(ctx, id) })
}

// shown is how many running jobs are listed at most.
const shown = 1000

// working lists the processes with the number of jobs they run, and those of a tenant.
func working(ctx context.Context, q gen.Querier, tenant string) ([]core.Working, error) {
	rows, err := q.Workers(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := q.CountRunning(ctx)
	if err != nil {
		return nil, err
	}
	busy := map[string]int64{}
	for _, c := range counts {
		busy[c.Worker] = c.Jobs
	}
	running, err := q.RunningJobs(ctx, gen.RunningJobsParams{Tenant: tenant, MaxRows: shown})
	of := map[string][]core.ID{}
	for _, r := range running {
		of[r.Worker] = append(of[r.Worker], r.ID)
	}
	list := make([]core.Working, len(rows))
	for i, r := range rows {
		list[i] = core.Working{
			Worker: core.Worker{ID: r.ID, Host: r.Host, Version: r.Version, Slots: r.Slots, StartedAt: r.StartedAt, SeenAt: r.SeenAt, Role: r.Role},
			Silent: time.Duration(r.Silent) * time.Microsecond, Running: busy[r.ID], Jobs: of[r.ID],
		}
	}
	slices.SortFunc(list, func(a, b core.Working) int { return a.StartedAt.Compare(b.StartedAt) })
	return list, err
}
