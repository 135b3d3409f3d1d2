package records

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// JobControl is a caller's side of the job machine.
type JobControl struct{ *DB }

var _ ports.JobControl = JobControl{}

// Add queues a job for a stored image, unless one makes or made the same.
func (s JobControl) Add(ctx context.Context, a ports.Addition) (j core.Job, added bool, err error) {
	err = s.write(ctx, func(t tx) error {
		if err := t.LockImage(ctx, a.Job.ImageID); err != nil {
			return err
		}
		if _, err := t.Image(ctx, gen.ImageParams{Tenant: a.Job.Tenant, ID: a.Job.ImageID}); err != nil {
			return missing(err, "image", a.Job.ImageID)
		}
		twin, found, err := t.twin(ctx, a)
		if err != nil {
			return err
		}
		if found {
			j = twin
			return t.hasten(ctx, &j, a.Job.Priority)
		}
		if err := t.settleRoom(ctx, a.Job.Tenant, a.Reservation); err != nil {
			return err
		}
		if j, err = t.queue(ctx, a.Job); err != nil {
			return err
		}
		for _, v := range a.Variants {
			if err := t.WishVariant(ctx, gen.WishVariantParams(v)); err != nil {
				return err
			}
		}
		added = true
		return t.settle(ctx, j.ImageID)
	})
	return j, added && err == nil, err
}

// twin is the job that makes the same, or has made it.
func (t tx) twin(ctx context.Context, a ports.Addition) (twin core.Job, found bool, err error) {
	rows, err := t.Twins(ctx, gen.TwinsParams{Tenant: a.Job.Tenant, ImageID: a.Job.ImageID, SpecDigest: a.Job.SpecDigest})
	all := jobs(rows)
	live := slices.IndexFunc(all, func(j core.Job) bool { return !j.State.Final() })
	made := slices.IndexFunc(all, func(j core.Job) bool { return j.State == core.JobSucceeded })
	switch {
	case err != nil:
		return twin, false, err
	case live >= 0:
		return all[live], true, nil
	case made >= 0 && !a.Force:
		return all[made], true, nil
	}
	return twin, false, nil
}

// hasten makes a queued job as urgent as whoever asks for it now would have it.
func (t tx) hasten(ctx context.Context, j *core.Job, priority int64) error {
	if j.State != core.JobQueued || j.Priority <= priority {
		return nil
	}
	j.Priority = priority
	return t.HastenJob(ctx, gen.HastenJobParams{Priority: priority, Tenant: j.Tenant, ID: j.ID})
}

// Job returns a job by id.
func (s JobControl) Job(ctx context.Context, tenant string, id core.ID) (j core.Job, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		j, err = job(ctx, q, tenant, id)
		return err
	})
	return j, err
}

func job(ctx context.Context, q gen.Querier, tenant string, id core.ID) (core.Job, error) {
	row, err := q.Job(ctx, gen.JobParams{Tenant: tenant, ID: id})
	return core.Job(row), missing(err, "job", id)
}

// lock holds the image of a job and returns the job as it is then.
func (t tx) lock(ctx context.Context, tenant string, id core.ID) (core.Job, error) {
	j, err := job(ctx, t, tenant, id)
	if err != nil {
		return j, err
	}
	if err := t.LockImage(ctx, j.ImageID); err != nil {
		return j, err
	}
	return job(ctx, t, tenant, id)
}

// List returns a page of jobs.
func (s JobControl) List(ctx context.Context, tenant string, f core.JobFilter, p core.Page) (js []core.Job, err error) {
	at, id := place(p)
	err = s.Read(ctx, func(q gen.Querier) error {
		var rows []gen.Job
		switch {
		case f.ImageID != "":
			rows, err = q.JobsOfImage(ctx, gen.JobsOfImageParams{
				Tenant: tenant, ImageID: f.ImageID, State: wanted(f.State),
				BeforeAt: at, PageAt: at, PageID: id, MaxRows: int64(p.Limit),
			})
		case f.State != "":
			rows, err = q.JobsInState(ctx, gen.JobsInStateParams{
				Tenant: tenant, State: f.State, BeforeAt: at, PageAt: at, PageID: id, MaxRows: int64(p.Limit),
			})
		default:
			rows, err = q.Jobs(ctx, gen.JobsParams{Tenant: tenant, BeforeAt: at, PageAt: at, PageID: id, MaxRows: int64(p.Limit)})
		}
		js = jobs(rows)
		return err
	})
	return js, err
}

// Retry queues a job that came to an end again, with fresh budgets.
func (s JobControl) Retry(ctx context.Context, tenant string, id, reservation core.ID, by core.Actor) (j core.Job, err error) {
	err = s.write(ctx, func(t tx) error {
		if j, err = t.lock(ctx, tenant, id); err != nil {
			return err
		}
		if !j.Retryable() {
			return core.JobStateConflict.Errorf("job %s is %s; only a failed, dead or cancelled job can be retried", id, j.State).With("state", j.State)
		}
		twin, err := t.LiveTwin(ctx, gen.LiveTwinParams{Tenant: tenant, ImageID: j.ImageID, SpecDigest: j.SpecDigest})
		if err == nil {
			return core.JobStateConflict.Errorf("job %s makes the same already; wait for it", twin.ID).With("job_id", twin.ID)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := t.settleRoom(ctx, tenant, reservation); err != nil {
			return err
		}
		row, err := t.RequeueJob(ctx, gen.RequeueJobParams{Tenant: tenant, ID: id})
		if err != nil {
			return err
		}
		j = core.Job(row)
		if err := t.ReviveFailedVariants(ctx, gen.ReviveFailedVariantsParams{Now: t.now, Tenant: tenant, JobID: id}); err != nil {
			return err
		}
		if err := t.tellOf(ctx, j, core.JobRequeued, by, nil); err != nil {
			return err
		}
		return t.settle(ctx, j.ImageID)
	})
	return j, err
}

// Cancel ends a queued job, or asks the worker of a running one to stop.
func (s JobControl) Cancel(ctx context.Context, tenant string, id core.ID, by core.Actor) (j core.Job, err error) {
	err = s.write(ctx, func(t tx) error {
		was, err := t.lock(ctx, tenant, id)
		if err != nil {
			return err
		}
		row, err := t.CancelJob(ctx, gen.CancelJobParams{Tenant: tenant, ID: id})
		if errors.Is(err, sql.ErrNoRows) {
			return core.JobStateConflict.Errorf("job %s is %s; only a queued or running job can be cancelled", id, was.State).With("state", was.State)
		}
		if err != nil {
			return err
		}
		j = core.Job(row)
		switch {
		case j.State == core.JobCancelled:
			return t.cancelled(ctx, j, by)
		case was.CancelAt == nil:
			return t.tellOf(ctx, j, core.JobCancelling, by, nil)
		}
		return nil // asked for before
	})
	return j, err
}

func (t tx) cancelled(ctx context.Context, j core.Job, by core.Actor) error {
	if err := t.ended(ctx, j); err != nil {
		return err
	}
	if err := t.tellOf(ctx, j, core.JobCancel, by, nil); err != nil {
		return err
	}
	return t.settle(ctx, j.ImageID)
}
