package core

import (
	"encoding/json"
	"math/rand/v2"
	"time"
)

// JobState says where a job is in its life.
type JobState string

// A job is queued (due at RunAt), running (owned by Worker under Epoch until
// LeaseUntil) or at an end: failed is the input's fault, dead is ours.
const (
	JobQueued    JobState = "queued"
	JobRunning   JobState = "running"
	JobSucceeded JobState = "succeeded"
	JobFailed    JobState = "failed"
	JobDead      JobState = "dead"
	JobCancelled JobState = "cancelled"
)

// Final reports whether only a retry can move a job on.
func (s JobState) Final() bool { return s != JobQueued && s != JobRunning }

// The three budgets of a job, and what a stop may cost.
const (
	MaxAttempts = 10 // errors worth retrying, then dead: some eight minutes of an outage
	MaxCrashes  = 3  // decoders that died on it, then dead and its input quarantined
	MaxLost     = 10 // workers that vanished with it, then dead
)

// PriorityLow is of jobs that nobody waits for: they run when no others are due.
// Those of callers have the priority zero.
const PriorityLow = 100

// SpecVersion is the version of Job.Spec this build writes, and the highest it
// can read. A worker claims only what it can read.
const SpecVersion = 1

// Job is one piece of work on one image. Its fields stand in the order of the
// table's columns.
type Job struct {
	ID             ID
	Tenant         string
	ImageID        ID
	State          JobState
	Spec           json.RawMessage // what to render: see transform.EncodeVariants
	SpecVersion    int64
	SpecDigest     string // one live job per image and digest
	Priority       int64  // smaller first
	RunAt          time.Time
	Attempt        int64
	MaxAttempts    int64
	Crashes        int64
	Lost           int64
	Epoch          int64 // only grows; every write of a worker names the one it claimed
	Worker         string
	LeaseUntil     *time.Time
	CancelAt       *time.Time
	Error          *Failure // of the last attempt
	Warnings       Warnings
	Owner          string
	CorrelationID  string
	Traceparent    string
	CostCPUMS      int64
	CostReadBytes  int64
	CostWriteBytes int64
	CreatedAt      time.Time
	StartedAt      *time.Time
	FinishedAt     *time.Time
}

// Retryable reports whether a caller may retry j.
func (j Job) Retryable() bool {
	return j.State == JobFailed || j.State == JobDead || j.State == JobCancelled
}

// Backoff is how long to wait before try n+1, with full jitter: a random part of
// 2^n seconds, at most ten minutes. A time the error asks for counts up to 30 s.
func Backoff(n int64, retryAfter time.Duration) time.Duration {
	most := 10 * time.Minute
	if n < 10 {
		most = min(most, time.Second<<max(n, 0))
	}
	wait := time.Duration(rand.Int64N(int64(most)) + 1) // #nosec G404 -- jitter, not a secret
	return max(wait, min(retryAfter, 30*time.Second))
}

// Outcome is how an attempt ends.
type Outcome string

// The ends of an attempt; what follows is the job machine's law.
const (
	Succeeded Outcome = "succeeded" // every variant is ready or has its own reason
	Rejected  Outcome = "rejected"  // the input's fault: failed
	Erred     Outcome = "erred"     // worth retrying: queued, or dead when the attempts are spent
	Crashed   Outcome = "crashed"   // the decoder died: queued and the attempt given back, or dead
	Buried    Outcome = "buried"    // our fault, and no retry will help: dead
	Released  Outcome = "released"  // a graceful stop: queued at once, the attempt given back
	Stopped   Outcome = "stopped"   // its cancellation was seen: cancelled
)

// Next is the job machine in one place: the state that follows the end of an
// attempt, the counters after it, and whether the next try has to wait.
func (j Job) Next(o Outcome) (next Job, wait bool) {
	next = j
	switch o {
	case Succeeded:
		next.State = JobSucceeded
	case Rejected:
		next.State = JobFailed
	case Buried:
		next.State = JobDead
	case Stopped:
		next.State = JobCancelled
	case Released:
		next.State, next.Attempt = JobQueued, j.Attempt-1
	case Crashed:
		next.State, next.Attempt, next.Crashes, wait = JobQueued, j.Attempt-1, j.Crashes+1, true
		if next.Crashes >= MaxCrashes {
			next.State = JobDead
		}
	case Erred:
		next.State, wait = JobQueued, true
		if j.Attempt >= j.MaxAttempts {
			next.State = JobDead
		}
	}
	if next.State == JobQueued && j.CancelAt != nil {
		next.State = JobCancelled
	}
	return next, wait && next.State == JobQueued
}
