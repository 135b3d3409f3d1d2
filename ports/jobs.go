package ports

import (
	"context"
	"time"

	"imgd/core"
)

// Want says which job a worker would take.
type Want struct {
	Worker string
	Lease  time.Duration
	// Only, when not empty, is the one job wanted.
	Only core.ID
	// After, when not empty, is the tenant that was served last: of the jobs that are as
	// urgent as the most urgent, those of the tenants after it come first, by their names
	// and in a circle.
	After string
	// SpecVersion is the highest the worker can read.
	SpecVersion int64
}

// Result is what an attempt came to.
type Result struct {
	Outcome  core.Outcome
	Variants []core.Variant // ready or failed, not yet published
	Facts    *core.Facts    // nil when the pixels were not seen
	Error    *core.Failure
	Warnings core.Warnings
	Wait     time.Duration // until the next try, where the machine wants one
	Cost     core.Cost
}

// Jobs is a worker's side of the job machine. The row is the truth: whoever holds
// its current epoch owns it, and every write of anybody else is a Conflict
// LeaseLost that changes nothing. All times are the database's own.
type Jobs interface {
	// Claim takes the most urgent due job, or the one that is wanted, raises its
	// epoch and attempt and leases it. NotFound means that none is due. Of
	// concurrent claims one gets it.
	Claim(ctx context.Context, w Want) (core.Job, core.Record, error)

	// Beat extends the lease of the claimed job from now on, and reports whether
	// its cancellation was asked for.
	Beat(ctx context.Context, j core.Job, lease time.Duration) (cancelled bool, err error)

	// Publish makes variants visible while the job still runs.
	Publish(ctx context.Context, j core.Job, variants []core.Variant) error

	// Finish ends the attempt as core.Job.Next says: job, variants, image and
	// event in one transaction. Variants of the job that are still pending when it
	// ends for good become failed with its error. Bytes whose job dies of crashes
	// are quarantined. Finishing the same epoch twice with the same outcome, as
	// after an answer that was lost, is fine.
	Finish(ctx context.Context, j core.Job, r Result) (core.Job, error)

	// Reap ends the leases that have run out, in one statement, and gives the
	// attempt back: cancelled when that was asked for, dead at MaxLost, else
	// queued, the first time without backoff. It returns the jobs as they are now.
	Reap(ctx context.Context) ([]core.Job, error)
}

// Addition is a job for an image that is stored already.
type Addition struct {
	Job      core.Job
	Variants []core.Variant // what Job makes: pending where the name is new or not ready
	Force    bool           // also when the same was made before
	Address  string         // where the request for it came from
	// Reservation, when not empty, is the room that a new job makes use of.
	Reservation core.ID
}

// JobControl is a caller's side of the job machine, for the caller's own tenant.
// What belongs to another tenant, or to a deleted image, is a NotFound.
type JobControl interface {
	// Add queues a job and makes the image processing. A live job of the same
	// image and spec digest is returned instead, and without Force a succeeded one
	// too; added says which it was. One that is still queued becomes as urgent as the
	// addition, if that is more. A ready variant stays readable until the job
	// publishes its successor.
	Add(ctx context.Context, a Addition) (j core.Job, added bool, err error)

	// Job returns a job by id.
	Job(ctx context.Context, tenant string, id core.ID) (core.Job, error)

	// List returns a page of jobs.
	List(ctx context.Context, tenant string, f core.JobFilter, p core.Page) ([]core.Job, error)

	// Retry queues a failed, dead or cancelled job again with fresh budgets, its
	// failed variants pending and its image processing. In any other state, and
	// when a live job makes the same, it is a Conflict JobStateConflict. A reservation
	// that is not empty is the room that it makes use of.
	Retry(ctx context.Context, tenant string, id, reservation core.ID, by core.Actor) (core.Job, error)

	// Cancel ends a queued job at once and asks the worker of a running one to
	// stop. In any other state it is a Conflict JobStateConflict.
	Cancel(ctx context.Context, tenant string, id core.ID, by core.Actor) (core.Job, error)
}

// Queue carries hints that a job may be due; the row says whether it is. A hint
// may be lost, come twice or name nothing.
type Queue interface {
	// Push leaves a hint. It does not wait for a reader.
	Push(ctx context.Context, id core.ID) error

	// Pop waits for a hint until the context ends, which is its only error unless
	// the queue is Unavailable.
	Pop(ctx context.Context) (core.ID, error)
}
