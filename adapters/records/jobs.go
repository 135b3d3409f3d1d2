package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// Jobs is a worker's side of the job machine.
type Jobs struct{ *DB }

var _ ports.Jobs = Jobs{}

func worker(name string) core.Actor { return core.Actor{Subject: "worker:" + name} }

// Claim takes the most urgent due job, or the one that is wanted.
func (s Jobs) Claim(ctx context.Context, w ports.Want) (j core.Job, rec core.Record, err error) {
	err = s.write(ctx, func(t tx) error {
		j, err = t.claim(ctx, w)
		if errors.Is(err, sql.ErrNoRows) {
			return core.NotFound.Errorf("no job is due")
		}
		if err != nil {
			return err
		}
		m, err := t.ImageOfJob(ctx, j.ImageID)
		if err != nil {
			return err
		}
		vs, err := t.VariantsOfImage(ctx, j.ImageID)
		if err != nil {
			return err
		}
		rec = core.Record{Image: core.Image(m), Variants: variants(vs)}
		by := worker(w.Worker)
		by.CorrelationID = j.CorrelationID
		return t.tellOf(ctx, j, core.JobClaimed, by, nil)
	})
	return j, rec, err
}

func (t tx) claim(ctx context.Context, w ports.Want) (core.Job, error) {
	if w.Only != "" {
		row, err := t.ClaimOne(ctx, gen.ClaimOneParams{Worker: w.Worker, Lease: micros(w.Lease), ID: w.Only, SpecVersion: w.SpecVersion})
		return core.Job(row), err
	}
	if w.After != "" {
		row, err := t.ClaimTurn(ctx, gen.ClaimTurnParams{Worker: w.Worker, Lease: micros(w.Lease), SpecVersion: w.SpecVersion, After: w.After})
		return core.Job(row), err
	}
	row, err := t.ClaimNext(ctx, gen.ClaimNextParams{Worker: w.Worker, Lease: micros(w.Lease), SpecVersion: w.SpecVersion})
	return core.Job(row), err
}

func lost(j core.Job) error {
	return core.LeaseLost.Errorf("epoch %d of job %s no longer holds the lease; throw its work away", j.Epoch, j.ID)
}

// Beat extends the lease of the claimed job. It waits for a slow database as long
// as ctx allows: a lease outlives that.
func (s Jobs) Beat(ctx context.Context, j core.Job, lease time.Duration) (cancelled bool, err error) {
	err = s.Alone(ctx, func(q gen.Querier) error {
		row, err := q.BeatJob(ctx, gen.BeatJobParams{Lease: micros(lease), ID: j.ID, Epoch: j.Epoch})
		if errors.Is(err, sql.ErrNoRows) {
			return lost(j)
		}
		cancelled = row.CancelAt != nil
		return err
	})
	return cancelled, err
}

// hold returns the job as it is, if its epoch still owns it. Whoever changes an
// image or what belongs to it holds the image first and its jobs after it, so
// that nobody waits in a circle.
func (t tx) hold(ctx context.Context, j core.Job) (core.Job, error) {
	if err := t.LockImage(ctx, j.ImageID); err != nil {
		return core.Job{}, err
	}
	row, err := t.HeldJob(ctx, gen.HeldJobParams{ID: j.ID, Epoch: j.Epoch})
	if errors.Is(err, sql.ErrNoRows) {
		return core.Job{}, lost(j)
	}
	return core.Job(row), err
}

// Publish makes variants visible while the job still runs.
func (s Jobs) Publish(ctx context.Context, j core.Job, vs []core.Variant) error {
	return s.write(ctx, func(t tx) error {
		held, err := t.hold(ctx, j)
		if err != nil {
			return err
		}
		if err := t.publish(ctx, held, vs); err != nil {
			return err
		}
		return t.settle(ctx, held.ImageID)
	})
}

// publish shows variants. What was there already, such as the object of a variant
// that was replaced once, may be waiting for a sweep.
func (t tx) publish(ctx context.Context, j core.Job, vs []core.Variant) error {
	var keys []string
	for _, v := range vs {
		keys = append(keys, v.BlobKey)
		v.ImageID, v.Tenant, v.JobID = j.ImageID, j.Tenant, j.ID
		v.CreatedAt, v.UpdatedAt = t.now, t.now
		if err := t.PublishVariant(ctx, gen.PublishVariantParams(v)); err != nil {
			return err
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return t.SpareBlobs(ctx, among(keys))
}

// Finish ends the attempt as core.Job.Next says.
func (s Jobs) Finish(ctx context.Context, j core.Job, r ports.Result) (done core.Job, err error) {
	err = s.write(ctx, func(t tx) error {
		held, err := t.hold(ctx, j)
		if core.SlugOf(err) == core.LeaseLost {
			done, err = t.finishedBefore(ctx, j, r.Outcome)
			return err
		}
		if err != nil {
			return err
		}
		done, err = t.finish(ctx, held, r, worker(j.Worker))
		return err
	})
	return done, err
}

// finish is one move of the machine. Its event names the outcome, by which a
// repeated finish is known.
func (t tx) finish(ctx context.Context, held core.Job, r ports.Result, by core.Actor) (core.Job, error) {
	next, wait := held.Next(r.Outcome)
	if next.State == core.JobRunning {
		return held, fmt.Errorf("an attempt cannot end as %q", r.Outcome)
	}
	if !wait {
		r.Wait = 0
	}
	if r.Outcome == core.Released {
		r.Error = held.Error // a stop says nothing about the job
	}
	row, err := t.FinishJob(ctx, gen.FinishJobParams{
		State: next.State, Attempt: next.Attempt, Crashes: next.Crashes, Error: r.Error,
		Warnings: merge(held.Warnings, r.Warnings), Again: next.State == core.JobQueued, Wait: micros(r.Wait),
		CPUMS: r.Cost.CPUMS, ReadBytes: r.Cost.ReadBytes, WriteBytes: r.Cost.WriteBytes,
		ID: held.ID, Epoch: held.Epoch,
	})
	if err != nil {
		return held, err
	}
	done := core.Job(row)
	if err := t.keep(ctx, done, r); err != nil {
		return done, err
	}
	detail := map[string]any{"outcome": r.Outcome}
	if r.Error != nil {
		detail["error"] = r.Error.Slug
	}
	if r.Outcome == core.Crashed { // whose bytes did it, for whoever looks for others like them
		m, err := t.ImageOfJob(ctx, done.ImageID)
		if err != nil {
			return done, err
		}
		detail["sha256"] = m.SHA256
	}
	by.CorrelationID = done.CorrelationID
	return done, t.tellOf(ctx, done, told(done.State, r.Outcome), by, detail)
}

// keep records what an attempt made, and what follows for the image.
func (t tx) keep(ctx context.Context, done core.Job, r ports.Result) error {
	if err := t.publish(ctx, done, r.Variants); err != nil {
		return err
	}
	if r.Facts != nil {
		if err := t.describe(ctx, done, *r.Facts); err != nil {
			return err
		}
	}
	if done.State.Final() {
		if err := t.ended(ctx, done); err != nil {
			return err
		}
	}
	if done.State == core.JobDead && r.Outcome == core.Crashed {
		if err := t.quarantine(ctx, done); err != nil {
			return err
		}
	}
	if !done.State.Final() && r.Facts == nil && len(r.Variants) == 0 {
		return nil // nothing that a caller can see has changed
	}
	return t.settle(ctx, done.ImageID)
}

// describe records what was seen of the image of a job.
func (t tx) describe(ctx context.Context, j core.Job, f core.Facts) error {
	err := t.DescribeImage(ctx, gen.DescribeImageParams{
		DominantColor: f.DominantColor, AverageColor: f.AverageColor, Blurhash: f.Blurhash,
		Palette: f.Palette, Thumbhash: f.Thumbhash, Phash: f.Phash, ID: j.ImageID,
	})
	if err != nil || len(f.Embedded) == 0 {
		return err
	}
	return t.KeepEmbedded(ctx, gen.KeepEmbeddedParams{ImageID: j.ImageID, Tenant: j.Tenant, Document: f.Embedded})
}

func (t tx) quarantine(ctx context.Context, j core.Job) error {
	m, err := t.ImageOfJob(ctx, j.ImageID)
	if err != nil {
		return err
	}
	return t.Quarantine(ctx, gen.QuarantineParams{SHA256: m.SHA256, ImageID: m.ID, JobID: j.ID, CreatedAt: t.now})
}

// told is the event of an attempt's end.
func told(s core.JobState, o core.Outcome) core.EventType {
	switch s {
	case core.JobSucceeded:
		return core.JobDone
	case core.JobFailed:
		return core.JobRejected
	case core.JobDead:
		return core.JobDied
	case core.JobCancelled:
		return core.JobCancel
	}
	if o == core.Released {
		return core.JobReleased
	}
	return core.JobRetried
}

// finishedBefore answers a worker whose first answer was lost: its epoch ended in
// the same way already. To anybody else the lease is lost.
func (t tx) finishedBefore(ctx context.Context, j core.Job, o core.Outcome) (core.Job, error) {
	row, err := t.AnyJob(ctx, j.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return core.Job{}, lost(j)
	}
	if err != nil {
		return core.Job{}, err
	}
	events, err := t.EventsOfEpoch(ctx, gen.EventsOfEpochParams{Tenant: row.Tenant, ImageID: row.ImageID, JobID: row.ID, Epoch: j.Epoch})
	if err != nil {
		return core.Job{}, err
	}
	for _, e := range events {
		var detail struct{ Outcome core.Outcome } // empty where the event is no end
		if json.Unmarshal(e.Detail, &detail) == nil && detail.Outcome != "" && detail.Outcome == o {
			return core.Job(row), nil
		}
	}
	return core.Job{}, lost(j)
}

// merge adds new warnings to those of earlier attempts, each once.
func merge(old, fresh core.Warnings) core.Warnings {
	all := slices.Clone(old)
	for _, w := range fresh {
		if !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// Reap ends the leases that have run out.
func (s Jobs) Reap(ctx context.Context) (reaped []core.Job, err error) {
	vanished, err := core.FailureOf(core.WorkerLost.Errorf("%d workers that ran this job vanished", core.MaxLost)).Value()
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(t tx) error {
		rows, err := t.ReapJobs(ctx, gen.ReapJobsParams{MaxLost: core.MaxLost, LostError: fmt.Sprint(vanished)})
		if err != nil {
			return err
		}
		reaped = jobs(rows)
		for _, j := range reaped {
			if err := t.reaped(ctx, j); err != nil {
				return err
			}
		}
		return nil
	})
	return reaped, err
}

func (t tx) reaped(ctx context.Context, j core.Job) error {
	what := core.JobReaped
	switch j.State {
	case core.JobCancelled:
		what = core.JobCancel
	case core.JobDead:
		what = core.JobDied
	}
	by := core.Actor{Subject: "housekeeping", CorrelationID: j.CorrelationID}
	if err := t.tellOf(ctx, j, what, by, map[string]any{"worker": j.Worker, "lost": j.Lost}); err != nil {
		return err
	}
	if !j.State.Final() {
		return nil
	}
	if err := t.ended(ctx, j); err != nil {
		return err
	}
	return t.settle(ctx, j.ImageID)
}
