package library

import (
	"context"
	"time"

	"imgd/core"
	"imgd/core/access"
	"imgd/ports"
)

// Job returns a job. With a wait it holds the answer until the job's state
// changes or is final, at most that long.
func (s *Service) Job(ctx context.Context, by core.Principal, id core.ID, wait time.Duration) (core.Job, error) {
	if err := access.May(by, core.ScopeRead); err != nil {
		return core.Job{}, err
	}
	j, err := s.Jobs.Job(ctx, by.Tenant, id)
	if err != nil {
		return core.Job{}, err
	}
	if err := access.AskToSee(ctx, s.Policy, access.OnJob(by, "read", j)); err != nil {
		return core.Job{}, err
	}
	if wait <= 0 {
		return j, nil
	}
	was := j.State
	return s.await(ctx, by, j, wait, func(j core.Job) bool { return j.State != was })
}

// Await holds until the job is at an end, at most that long, and returns it as it
// is then.
func (s *Service) Await(ctx context.Context, by core.Principal, j core.Job, wait time.Duration) (core.Job, error) {
	return s.await(ctx, by, j, wait, func(core.Job) bool { return false })
}

// lookAtMost is how rarely somebody who waits is looked after, so that many who
// wait do not keep the database busy.
const lookAtMost = 250 * time.Millisecond

func (s *Service) await(ctx context.Context, by core.Principal, j core.Job, wait time.Duration, enough func(core.Job) bool) (core.Job, error) {
	patience := time.NewTimer(wait)
	defer patience.Stop()
	pause := s.Look
	for !j.State.Final() && !enough(j) {
		select {
		case <-ctx.Done():
			return j, nil // what is known so far is an answer
		case <-patience.C:
			return j, nil
		case <-s.Stopping:
			return j, nil
		case <-time.After(pause):
		}
		pause = min(pause*3/2, lookAtMost) // who waits long can wait a little longer
		now, err := s.Jobs.Job(ctx, by.Tenant, j.ID)
		if err != nil {
			return j, err
		}
		j = now
	}
	return j, nil
}

// ListJobs returns a page of jobs and the cursor of the next, empty at the end.
func (s *Service) ListJobs(ctx context.Context, by core.Principal, f core.JobFilter, limit int, cursor string) (items []core.Job, next string, err error) {
	return list(s.mayList(ctx, by, ""), by, f, limit, cursor,
		func(p core.Page) ([]core.Job, error) { return s.Jobs.List(ctx, by.Tenant, f, p) },
		func(j core.Job) core.Position { return core.Position{At: j.CreatedAt, ID: j.ID} })
}

// Retry queues a job that came to an end again, with fresh budgets.
func (s *Service) Retry(ctx context.Context, by core.Principal, correlation string, id core.ID) (core.Job, error) {
	if err := s.maySteer(ctx, by, id); err != nil {
		return core.Job{}, err
	}
	room, err := s.reserve(ctx, by.Tenant)
	if err != nil {
		return core.Job{}, err
	}
	j, err := s.Jobs.Retry(ctx, by.Tenant, id, room.ID, by.Acting(correlation))
	if err != nil {
		s.release(ctx, by.Tenant, room)
		return j, err
	}
	_ = s.Queue.Push(ctx, j.ID) // a hint; a worker's next look finds the row
	return j, nil
}

// reserve asks for room for one more job in the tenant's queue.
func (s *Service) reserve(ctx context.Context, tenant string) (ports.Reservation, error) {
	if s.Quotas == nil {
		return ports.Reservation{}, nil
	}
	return s.Quotas.Reserve(ctx, tenant, core.Usage{Jobs: 1})
}

// release gives it back, whether its caller is still there or not.
func (s *Service) release(ctx context.Context, tenant string, r ports.Reservation) {
	if r.ID == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = s.Quotas.Release(ctx, tenant, r) // if this fails, it runs out
}

// Cancel ends a queued job, or asks the worker of a running one to stop.
func (s *Service) Cancel(ctx context.Context, by core.Principal, correlation string, id core.ID) (core.Job, error) {
	if err := s.maySteer(ctx, by, id); err != nil {
		return core.Job{}, err
	}
	j, err := s.Jobs.Cancel(ctx, by.Tenant, id, by.Acting(correlation))
	if err != nil || j.State.Final() || s.Cancels == nil {
		return j, err
	}
	_ = s.Cancels.Announce(ctx, j.ID) // a hint; the next heartbeat reads the row
	return j, nil
}

// maySteer refuses whoever may not change the job's image.
func (s *Service) maySteer(ctx context.Context, by core.Principal, id core.ID) error {
	if err := access.May(by, core.ScopeWrite); err != nil {
		return err
	}
	j, err := s.Jobs.Job(ctx, by.Tenant, id)
	if err != nil {
		return err
	}
	if err := access.AskToSee(ctx, s.Policy, access.OnJob(by, "read", j)); err != nil {
		return err
	}
	return s.mayChange(ctx, by, "update", j.ImageID)
}
