package portstest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Jobs holds both sides of the job machine to the promises of ports.Jobs and
// ports.JobControl. open returns an empty store.
func Jobs(t *testing.T, open func(*testing.T) *Store) {
	t.Run("reads what was written", func(t *testing.T) {
		t.Run("a claim", func(t *testing.T) { jobsClaimed(t, open(t)) })
		t.Run("the most urgent first", func(t *testing.T) { jobsOrder(t, open(t)) })
		t.Run("a hint", func(t *testing.T) { jobsHint(t, open(t)) })
		t.Run("every queued row is claimable", func(t *testing.T) { jobsClaimable(t, open(t)) })
		t.Run("a beat", func(t *testing.T) { jobsBeat(t, open(t)) })
		t.Run("what is published", func(t *testing.T) { jobsPublish(t, open(t)) })
		t.Run("a success", func(t *testing.T) { jobsSuccess(t, open(t)) })
		t.Run("ends", func(t *testing.T) { jobsEnds(t, open) })
		t.Run("budgets", func(t *testing.T) { jobsBudgets(t, open) })
		t.Run("a reap", func(t *testing.T) { jobsReap(t, open) })
		t.Run("an addition", func(t *testing.T) { controlAdd(t, open) })
		t.Run("a retry", func(t *testing.T) { controlRetry(t, open(t)) })
		t.Run("a cancellation", func(t *testing.T) { controlCancel(t, open) })
		t.Run("lists", func(t *testing.T) { controlList(t, open(t)) })
	})
	t.Run("absence", func(t *testing.T) {
		t.Run("of jobs to do", func(t *testing.T) { jobsAbsence(t, open(t)) })
		t.Run("of jobs to steer", func(t *testing.T) { controlAbsence(t, open(t)) })
	})
	t.Run("conflict", func(t *testing.T) {
		t.Run("a lost lease changes nothing", func(t *testing.T) { jobsFence(t, open(t)) })
		t.Run("a finish that is repeated", func(t *testing.T) { jobsRepeated(t, open(t)) })
		t.Run("an end that is none", func(t *testing.T) { jobsNoEnd(t, open(t)) })
		t.Run("a version the worker cannot read", func(t *testing.T) { jobsSpecVersion(t, open(t)) })
		t.Run("a state that does not allow it", func(t *testing.T) { controlConflict(t, open(t)) })
		t.Run("two that make the same name", func(t *testing.T) { controlSameName(t, open(t)) })
	})
	t.Run("concurrency", func(t *testing.T) { jobsConcurrency(t, open) })
	t.Run("interruption", func(t *testing.T) {
		t.Run("a cancelled context changes nothing", func(t *testing.T) { jobsCancelled(t, open(t)) })
	})
}

func jobsClaimed(t *testing.T, s *Store) {
	a := s.admit(t)
	j, rec, err := s.Jobs.Claim(t.Context(), want("w1", ""))
	must(t, err)
	if j.State != core.JobRunning || j.Epoch != 1 || j.Attempt != 1 || j.Worker != "w1" || j.StartedAt == nil || j.LeaseUntil == nil {
		t.Fatalf("the claimed job is %+v, want it running in epoch 1, attempt 1, leased to w1", j)
	}
	if got := j.LeaseUntil.Sub(*j.StartedAt); got != lease {
		t.Errorf("its lease lasts %v from its start, want %v", got, lease)
	}
	expect(t, "the job as it is read", s.job(t, j.ID), j)
	expect(t, "its record", rec, core.Record{Image: a.Image, Variants: a.Variants})
	if e := s.last(t, a.Image.ID); e.Type != core.JobClaimed || e.Actor != "worker:w1" || e.Epoch != 1 || e.CorrelationID != a.Job.CorrelationID {
		t.Errorf("its event is %+v, want job.claimed by worker:w1 in epoch 1 and the job's request", e)
	}
}

func jobsOrder(t *testing.T, s *Store) {
	late := s.admit(t, func(a *ports.Admission) { a.Job.Priority = 9 }).Job
	waiting := s.admit(t).Job
	waits := s.admit(t).Job
	urgent := s.admit(t, func(a *ports.Admission) { a.Job.Priority = 0 }).Job
	for range 1000 { // until the clock has moved on
		must(t, s.MakeDue(t.Context(), waiting.ID))
		if s.job(t, waiting.ID).RunAt.After(s.job(t, waits.ID).RunAt) {
			break
		}
	}
	for i, id := range []core.ID{urgent.ID, waits.ID, waiting.ID, late.ID} {
		if j := s.claim(t, "w1", ""); j.ID != id {
			t.Errorf("claim %d takes the job of priority %d due at %v, want that of %d due at %v",
				i, j.Priority, j.RunAt, s.job(t, id).Priority, s.job(t, id).RunAt)
		}
	}
}

func jobsHint(t *testing.T, s *Store) {
	urgent, wanted := s.admit(t, func(a *ports.Admission) { a.Job.Priority = 0 }).Job, s.admit(t).Job
	if j := s.claim(t, "w1", wanted.ID); j.ID != wanted.ID {
		t.Errorf("the hint %s claims %s", wanted.ID, j.ID)
	}
	if j := s.claim(t, "w1", ""); j.ID != urgent.ID {
		t.Errorf("without a hint it claims %s, want the one that is left, %s", j.ID, urgent.ID)
	}
}

// jobsClaimable lets jobs wait for spans with every kind of fraction, and claims
// each as soon as it is due and no sooner.
func jobsClaimable(t *testing.T, s *Store) {
	spans := []time.Duration{0, 1, 9, 10, 100, 500, 999, 1000, 1001, 1500, 2000, 9999, 10000, 100_000, 123_456, 200_000}
	waiting := map[core.ID]core.Job{}
	for _, us := range spans {
		a := s.admit(t)
		j := s.finish(t, s.claim(t, "w1", a.Job.ID), ports.Result{Outcome: core.Erred, Error: because(core.Slug(core.Unavailable)), Wait: us * time.Microsecond})
		waiting[j.ID] = j
	}
	for deadline := time.Now().Add(5 * time.Second); len(waiting) > 0 && time.Now().Before(deadline); {
		j, _, err := s.Jobs.Claim(t.Context(), want("w1", ""))
		if core.KindOf(err) == core.NotFound {
			continue
		}
		must(t, err)
		if j.StartedAt.Before(j.RunAt) {
			t.Errorf("job %s was due at %v and claimed at %v", j.ID, j.RunAt, j.StartedAt)
		}
		delete(waiting, j.ID)
	}
	for _, j := range waiting {
		t.Errorf("the job due at %v was not claimable within 5 s", j.RunAt)
	}
}

func jobsBeat(t *testing.T, s *Store) {
	a := s.admit(t)
	j := s.claim(t, "w1", a.Job.ID)
	asked, err := s.Jobs.Beat(t.Context(), j, 2*lease)
	if asked || err != nil {
		t.Errorf("Beat = %v, %v, want no cancellation", asked, err)
	}
	if got := s.job(t, j.ID).LeaseUntil.Sub(*j.LeaseUntil); got < lease {
		t.Errorf("Beat has moved the lease by %v, want %v or more", got, lease)
	}
	must(t, s.Expire(t.Context(), j.ID))
	if _, err := s.Jobs.Beat(t.Context(), j, lease); err != nil {
		t.Errorf("Beat of a lease that ran out and was not reaped = %v, want nil", err)
	}
	if reaped, err := s.Jobs.Reap(t.Context()); len(reaped) != 0 || err != nil {
		t.Errorf("Reap after it = %d jobs, %v, want none", len(reaped), err)
	}
	_, err = s.Control.Cancel(t.Context(), acme, j.ID, ann)
	must(t, err)
	if asked, err := s.Jobs.Beat(t.Context(), j, lease); !asked || err != nil {
		t.Errorf("Beat = %v, %v after a cancellation was asked for, want true", asked, err)
	}
}

func jobsPublish(t *testing.T, s *Store) {
	a := s.admit(t)
	j := s.claim(t, "w1", a.Job.ID)
	v := made(j, "small", "1")
	must(t, s.Jobs.Publish(t.Context(), j, []core.Variant{v}))
	rec := s.record(t, a.Image.ID)
	expectStates(t, rec, core.ImageProcessing, core.VariantPending, core.VariantIsReady)
	if rec.Image.Version <= a.Image.Version {
		t.Errorf("its version is %d as before, and what a caller sees has changed", rec.Image.Version)
	}
	got := rec.Variants[1]
	v.CreatedAt, v.UpdatedAt = got.CreatedAt, got.UpdatedAt
	expect(t, "the published variant", got, v)
	must(t, s.Jobs.Publish(t.Context(), j, []core.Variant{spoiled(j, "large"), spoiled(j, "small")}))
	rec = s.record(t, a.Image.ID)
	expectStates(t, rec, core.ImageProcessing, core.VariantIsBad, core.VariantIsReady) // a failure takes away nothing
	expect(t, "the reason", rec.Variants[0].Error, spoiled(j, "large").Error)
	if s.job(t, j.ID).State != core.JobRunning {
		t.Errorf("the job is %s after Publish, want running", s.job(t, j.ID).State)
	}
}

func jobsSuccess(t *testing.T, s *Store) {
	a := s.admit(t)
	warn := core.Warnings{{Slug: "clipped", Detail: "too wide", Variant: "large"}}
	cost := core.Cost{CPUMS: 5, ReadBytes: 7, WriteBytes: 11}
	j := s.claim(t, "w1", a.Job.ID)
	s.finish(t, j, ports.Result{Outcome: core.Erred, Error: because(core.Slug(core.Unavailable)), Warnings: warn, Cost: cost})
	j = s.claim(t, "w2", a.Job.ID)
	done := s.finish(t, j, ports.Result{
		Outcome: core.Succeeded, Variants: []core.Variant{made(j, "small", "1"), made(j, "large", "2")}, Warnings: warn, Cost: cost,
		Facts: &core.Facts{DominantColor: "#112233", AverageColor: "#445566", Blurhash: "LEHV6nWB2yk8"},
	})
	if done.State != core.JobSucceeded || done.Error != nil || done.LeaseUntil != nil || done.FinishedAt == nil || done.Attempt != 2 || done.Epoch != 2 {
		t.Errorf("the finished job is %+v, want it succeeded in epoch 2 without an error or a lease", done)
	}
	if done.CostCPUMS != 10 || done.CostReadBytes != 14 || done.CostWriteBytes != 22 {
		t.Errorf("two attempts cost %d ms, %d and %d bytes, want the sums 10, 14, 22", done.CostCPUMS, done.CostReadBytes, done.CostWriteBytes)
	}
	expect(t, "its warnings", done.Warnings, warn)
	expect(t, "the job as it is read", s.job(t, j.ID), done)
	rec := s.record(t, a.Image.ID)
	expectStates(t, rec, core.ImageReady, core.VariantIsReady, core.VariantIsReady)
	if m := rec.Image; m.DominantColor != "#112233" || m.AverageColor != "#445566" || m.Blurhash != "LEHV6nWB2yk8" || m.Version <= a.Image.Version {
		t.Errorf("the image is %+v, want the facts, and a greater version than %d", m, a.Image.Version)
	}
	wanted := []core.EventType{core.ImageCreated, core.JobCreated, core.JobClaimed, core.JobRetried, core.JobClaimed, core.JobDone}
	if got := s.told(t, a.Image.ID); !slices.Equal(got, wanted) {
		t.Errorf("its events are %q, want %q", got, wanted)
	}
}

// jobsEnds ends a second attempt in every way. The table is the machine in plain
// words, apart from core.Job.Next.
func jobsEnds(t *testing.T, open func(*testing.T) *Store) {
	type end struct {
		state   core.JobState
		attempt int64 // the attempt before it was 1
		crashes int64
		image   core.ImageState
		event   core.EventType
	}
	some, none := core.ImagePartial, core.ImageProcessing
	for outcome, ends := range map[core.Outcome]struct{ plain, cancelled end }{
		core.Succeeded: {end{core.JobSucceeded, 2, 0, some, core.JobDone}, end{core.JobSucceeded, 2, 0, some, core.JobDone}},
		core.Rejected:  {end{core.JobFailed, 2, 0, some, core.JobRejected}, end{core.JobFailed, 2, 0, some, core.JobRejected}},
		core.Buried:    {end{core.JobDead, 2, 0, some, core.JobDied}, end{core.JobDead, 2, 0, some, core.JobDied}},
		core.Stopped:   {end{core.JobCancelled, 2, 0, some, core.JobCancel}, end{core.JobCancelled, 2, 0, some, core.JobCancel}},
		core.Erred:     {end{core.JobQueued, 2, 0, none, core.JobRetried}, end{core.JobCancelled, 2, 0, some, core.JobCancel}},
		core.Crashed:   {end{core.JobQueued, 1, 1, none, core.JobRetried}, end{core.JobCancelled, 1, 1, some, core.JobCancel}},
		core.Released:  {end{core.JobQueued, 1, 0, none, core.JobReleased}, end{core.JobCancelled, 1, 0, some, core.JobCancel}},
	} {
		for name, wanted := range map[string]end{"": ends.plain, " after a cancellation was asked for": ends.cancelled} {
			t.Run(string(outcome)+name, func(t *testing.T) {
				s := open(t)
				a := s.admit(t)
				first := because(core.Slug(core.Limited))
				s.finish(t, s.claim(t, "w1", a.Job.ID), ports.Result{Outcome: core.Erred, Error: first})
				j := s.claim(t, "w1", a.Job.ID)
				if name != "" {
					_, err := s.Control.Cancel(t.Context(), acme, j.ID, ann)
					must(t, err)
				}
				r := ports.Result{Outcome: outcome, Variants: []core.Variant{made(j, "small", "1")}, Wait: forever}
				if outcome != core.Succeeded {
					r.Error = because(core.ImageTruncated)
				}
				done := s.finish(t, j, r)
				if done.State != wanted.state || done.Attempt != wanted.attempt || done.Crashes != wanted.crashes || done.Lost != 0 || done.Epoch != 2 {
					t.Errorf("the job is %s with %d attempts, %d crashes, %d losses, epoch %d, want %s with %d, %d, 0, 2",
						done.State, done.Attempt, done.Crashes, done.Lost, done.Epoch, wanted.state, wanted.attempt, wanted.crashes)
				}
				if final := done.State.Final(); (done.FinishedAt != nil) != final || done.LeaseUntil != nil {
					t.Errorf("it is %s, leased until %v and finished at %v", done.State, done.LeaseUntil, done.FinishedAt)
				}
				reason := r.Error
				if outcome == core.Released {
					reason = first // a stop says nothing about the job
				}
				expect(t, "its error", done.Error, reason)
				pending := core.VariantIsBad
				if wanted.image == none {
					pending = core.VariantPending
				}
				expectStates(t, s.record(t, a.Image.ID), wanted.image, pending, core.VariantIsReady)
				if e := s.last(t, a.Image.ID); e.Type != wanted.event || e.Epoch != 2 {
					t.Errorf("the event is %s of epoch %d, want %s of 2", e.Type, e.Epoch, wanted.event)
				}
				_, _, err := s.Jobs.Claim(t.Context(), want("w2", j.ID))
				if due := outcome == core.Released && name == ""; due != (err == nil) {
					t.Errorf("Claim after it = %v, want it to be due at once: %v", err, due)
				}
			})
		}
	}
	t.Run("some variants refused", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		j := s.claim(t, "w1", a.Job.ID)
		s.finish(t, j, ports.Result{Outcome: core.Succeeded, Variants: []core.Variant{made(j, "small", "1"), spoiled(j, "large")}})
		rec := s.record(t, a.Image.ID)
		expectStates(t, rec, core.ImagePartial, core.VariantIsBad, core.VariantIsReady)
		expect(t, "the reason", rec.Variants[0].Error, spoiled(j, "large").Error)
	})
	t.Run("nothing made", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		reason := because(core.ImageTruncated)
		s.finish(t, s.claim(t, "w1", a.Job.ID), ports.Result{Outcome: core.Rejected, Error: reason})
		rec := s.record(t, a.Image.ID)
		expectStates(t, rec, core.ImageFailed, core.VariantIsBad, core.VariantIsBad)
		for _, v := range rec.Variants {
			expect(t, "the reason of "+v.Name, v.Error, reason)
		}
	})
}

func jobsBudgets(t *testing.T, open func(*testing.T) *Store) {
	for outcome, c := range map[core.Outcome]struct {
		tries       int
		quarantined bool
	}{core.Erred: {core.MaxAttempts, false}, core.Crashed: {core.MaxCrashes, true}, core.Buried: {1, false}} {
		t.Run(string(outcome), func(t *testing.T) {
			s := open(t)
			a := s.admit(t)
			for i := 1; ; i++ {
				j := s.finish(t, s.claim(t, "w1", a.Job.ID), ports.Result{Outcome: outcome, Error: because(core.DecoderCrashed)})
				bad, err := s.Images.Quarantined(t.Context(), a.Image.SHA256)
				must(t, err)
				if dead := i == c.tries; dead != (j.State == core.JobDead) || bad != (dead && c.quarantined) || i > c.tries {
					t.Fatalf("after %d of %d tries it is %s, its bytes quarantined: %v", i, c.tries, j.State, bad)
				}
				if j.State.Final() {
					break
				}
			}
			expectStates(t, s.record(t, a.Image.ID), core.ImageFailed, core.VariantIsBad, core.VariantIsBad)
		})
	}
	t.Run("a stop is free", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		for range 3 * core.MaxAttempts {
			s.finish(t, s.claim(t, "w1", a.Job.ID), ports.Result{Outcome: core.Released})
		}
		if j := s.job(t, a.Job.ID); j.State != core.JobQueued || j.Attempt != 0 || j.Crashes != 0 || j.Lost != 0 {
			t.Errorf("after many stops the job is %+v, want it queued and nothing counted", j)
		}
	})
	t.Run("bytes are quarantined once, whoever sends them", func(t *testing.T) {
		s := open(t)
		for range 2 {
			a := s.admit(t)
			for range core.MaxCrashes {
				s.finish(t, s.claim(t, "w1", a.Job.ID), ports.Result{Outcome: core.Crashed, Error: because(core.DecoderCrashed)})
			}
		}
	})
}

func jobsReap(t *testing.T, open func(*testing.T) *Store) {
	t.Run("gives the attempt back, the first time without backoff", func(t *testing.T) {
		s := open(t)
		a, other := s.admit(t), s.admit(t)
		held, safe := s.claim(t, "w1", a.Job.ID), s.claim(t, "w2", other.Job.ID)
		reaped := s.reap(t, held.ID)
		j := reaped[0]
		if j.State != core.JobQueued || j.Attempt != 0 || j.Lost != 1 || j.Crashes != 0 || j.Epoch != held.Epoch+1 || j.LeaseUntil != nil {
			t.Errorf("the reaped job is %+v, want it queued, the attempt back, 1 lost and a new epoch", j)
		}
		expect(t, "the job as it is read", s.job(t, j.ID), j)
		expect(t, "the job that was not lost", s.job(t, safe.ID), safe)
		expectStates(t, s.record(t, a.Image.ID), core.ImageProcessing, core.VariantPending, core.VariantPending)
		if e := s.last(t, a.Image.ID); e.Type != core.JobReaped || e.Epoch != j.Epoch {
			t.Errorf("the event is %s of epoch %d, want job.reaped of %d", e.Type, e.Epoch, j.Epoch)
		}
		if again := s.claim(t, "w2", ""); again.ID != j.ID || again.Epoch != held.Epoch+2 || again.Attempt != 1 {
			t.Errorf("the next claim is %+v, want the reaped job at once", again)
		}
		expectLost(t, s, held)
	})
	t.Run("ends a job whose cancellation was asked for", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		j := s.claim(t, "w1", a.Job.ID)
		must(t, s.Jobs.Publish(t.Context(), j, []core.Variant{made(j, "small", "1")}))
		_, err := s.Control.Cancel(t.Context(), acme, j.ID, ann)
		must(t, err)
		if got := s.reap(t, j.ID)[0]; got.State != core.JobCancelled || got.FinishedAt == nil {
			t.Errorf("the reaped job is %s, want cancelled", got.State)
		}
		expectStates(t, s.record(t, a.Image.ID), core.ImagePartial, core.VariantIsBad, core.VariantIsReady)
		if e := s.last(t, a.Image.ID); e.Type != core.JobCancel {
			t.Errorf("the event is %s, want job.cancelled", e.Type)
		}
	})
	t.Run("buries a job that too many workers were lost with", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		for lost := int64(1); lost <= core.MaxLost; lost++ {
			j := s.reap(t, s.claim(t, "w1", a.Job.ID).ID)[0]
			wanted := core.JobQueued
			if lost == core.MaxLost {
				wanted = core.JobDead
			}
			if j.State != wanted || j.Lost != lost || j.Attempt != 0 {
				t.Fatalf("after %d losses the job is %s with %d lost and %d attempts, want %s with %d and 0", lost, j.State, j.Lost, j.Attempt, wanted, lost)
			}
			if wanted == core.JobQueued {
				must(t, s.MakeDue(t.Context(), j.ID))
			}
		}
		j := s.job(t, a.Job.ID)
		if j.Error == nil || j.Error.Slug != core.WorkerLost {
			t.Errorf("its error is %+v, want worker-lost", j.Error)
		}
		rec := s.record(t, a.Image.ID)
		expectStates(t, rec, core.ImageFailed, core.VariantIsBad, core.VariantIsBad)
		expect(t, "the variants' reason", rec.Variants[0].Error, j.Error)
		if e := s.last(t, a.Image.ID); e.Type != core.JobDied {
			t.Errorf("the event is %s, want job.dead", e.Type)
		}
		if bad, err := s.Images.Quarantined(t.Context(), a.Image.SHA256); bad || err != nil {
			t.Errorf("Quarantined = %v, %v, want false: no decoder died", bad, err)
		}
	})
}

// reap lets a job's lease run out and ends it.
func (s *Store) reap(t *testing.T, id core.ID) []core.Job {
	t.Helper()
	must(t, s.Expire(t.Context(), id))
	reaped, err := s.Jobs.Reap(t.Context())
	must(t, err)
	if len(reaped) != 1 || reaped[0].ID != id {
		t.Fatalf("Reap returns %+v, want job %s alone", reaped, id)
	}
	return reaped
}

func jobsAbsence(t *testing.T, s *Store) {
	_, _, err := s.Jobs.Claim(t.Context(), want("w1", ""))
	expectKind(t, "Claim in an empty store", err, core.NotFound)
	if reaped, err := s.Jobs.Reap(t.Context()); len(reaped) != 0 || err != nil {
		t.Errorf("Reap in an empty store = %d jobs, %v, want none", len(reaped), err)
	}
	running, waiting, ended := s.admit(t).Job, s.admit(t).Job, s.admit(t).Job
	s.claim(t, "w1", running.ID)
	s.finish(t, s.claim(t, "w1", waiting.ID), ports.Result{Outcome: core.Erred, Error: because(core.Slug(core.Unavailable)), Wait: forever})
	s.finish(t, s.claim(t, "w1", ended.ID), ports.Result{Outcome: core.Rejected, Error: because(core.ImageTruncated)})
	for what, id := range map[string]core.ID{"any": "", "an unknown": newID(), "a running": running.ID, "a waiting": waiting.ID, "an ended": ended.ID, "a nonsensical": "x"} {
		_, _, err := s.Jobs.Claim(t.Context(), want("w2", id))
		expectKind(t, "Claim of "+what+" job", err, core.NotFound)
	}
	expectLost(t, s, core.Job{ID: newID(), Tenant: acme, Epoch: 1})
}

// expectLost tries every write of a worker that does not hold j.
func expectLost(t *testing.T, s *Store, j core.Job) {
	t.Helper()
	_, err := s.Jobs.Beat(t.Context(), j, lease)
	expectSlug(t, "Beat without the lease", err, core.LeaseLost)
	expectSlug(t, "Publish without the lease", s.Jobs.Publish(t.Context(), j, []core.Variant{made(j, "small", "stale")}), core.LeaseLost)
	for _, o := range []core.Outcome{core.Succeeded, core.Rejected, core.Erred, core.Crashed, core.Buried, core.Released, core.Stopped, ""} {
		_, err = s.Jobs.Finish(t.Context(), j, ports.Result{Outcome: o, Variants: []core.Variant{made(j, "small", "stale")}, Facts: &core.Facts{Blurhash: "stale"}})
		expectSlug(t, fmt.Sprintf("Finish(%q) without the lease", o), err, core.LeaseLost)
	}
}

func jobsFence(t *testing.T, s *Store) {
	a := s.admit(t)
	stale := s.claim(t, "w1", a.Job.ID)
	s.reap(t, stale.ID)
	current := s.claim(t, "w2", a.Job.ID)
	must(t, s.Jobs.Publish(t.Context(), current, []core.Variant{made(current, "small", "current")}))
	before, events := s.record(t, a.Image.ID), s.told(t, a.Image.ID)
	for _, epoch := range []int64{stale.Epoch, current.Epoch - 1, current.Epoch + 1} {
		j := current
		j.Epoch = epoch
		expectLost(t, s, j)
	}
	expect(t, "the job after it", s.job(t, current.ID), current)
	expect(t, "the image after it", s.record(t, a.Image.ID), before)
	if got := s.told(t, a.Image.ID); !slices.Equal(got, events) {
		t.Errorf("the events after it are %q, want %q", got, events)
	}
	if done := s.finish(t, current, ports.Result{Outcome: core.Succeeded, Variants: []core.Variant{made(current, "large", "current")}}); done.State != core.JobSucceeded {
		t.Errorf("who holds the lease finishes with %s, want succeeded", done.State)
	}
}

func jobsRepeated(t *testing.T, s *Store) {
	a := s.admit(t)
	j := s.claim(t, "w1", a.Job.ID)
	r := ports.Result{Outcome: core.Erred, Error: because(core.Slug(core.Unavailable)), Cost: core.Cost{CPUMS: 5}}
	done := s.finish(t, j, r)
	events := s.told(t, a.Image.ID)
	expect(t, "the job that a repeated Finish returns", s.finish(t, j, r), done)
	r.Outcome = core.Succeeded
	_, err := s.Jobs.Finish(t.Context(), j, r)
	expectSlug(t, "Finish with another outcome", err, core.LeaseLost)
	if got := s.told(t, a.Image.ID); !slices.Equal(got, events) {
		t.Errorf("the events after it are %q, want %q", got, events)
	}
	next := s.claim(t, "w2", a.Job.ID)
	r.Outcome = core.Erred
	s.finish(t, j, r) // late, and still fine
	expect(t, "the job that another worker has claimed", s.job(t, j.ID), next)
}

func jobsNoEnd(t *testing.T, s *Store) {
	a := s.admit(t)
	j := s.claim(t, "w1", a.Job.ID)
	for _, o := range []core.Outcome{"", "finished"} {
		if _, err := s.Jobs.Finish(t.Context(), j, ports.Result{Outcome: o, Variants: []core.Variant{made(j, "small", "1")}}); err == nil {
			t.Errorf("Finish(%q) = nil, want an error: no attempt ends like that", o)
		}
	}
	expect(t, "the job after it", s.job(t, j.ID), j)
	expect(t, "its image after it", s.record(t, a.Image.ID), core.Record{Image: a.Image, Variants: a.Variants})
}

func jobsSpecVersion(t *testing.T, s *Store) {
	future := s.admit(t, func(a *ports.Admission) { a.Job.SpecVersion, a.Job.Priority = core.SpecVersion+1, 0 }).Job
	for _, only := range []core.ID{"", future.ID} {
		_, _, err := s.Jobs.Claim(t.Context(), want("old", only))
		expectKind(t, "Claim of what the worker cannot read", err, core.NotFound)
	}
	legible := s.admit(t).Job
	if j := s.claim(t, "old", ""); j.ID != legible.ID {
		t.Errorf("the old worker claims %s, want %s, which it can read", j.ID, legible.ID)
	}
	w := want("new", "")
	w.SpecVersion++
	if j, _, err := s.Jobs.Claim(t.Context(), w); j.ID != future.ID || err != nil {
		t.Errorf("the new worker claims %q, %v, want %s", j.ID, err, future.ID)
	}
}

func jobsConcurrency(t *testing.T, open func(*testing.T) *Store) {
	t.Run("of concurrent claims one gets the job", func(t *testing.T) {
		s := open(t)
		for range 3 {
			s.admit(t)
		}
		taken := make([]core.ID, racers)
		for i, err := range race(racers, func(i int) error {
			j, _, err := s.Jobs.Claim(t.Context(), want(fmt.Sprint("w", i), ""))
			taken[i] = j.ID
			return err
		}) {
			if err != nil {
				expectKind(t, "a Claim that lost", err, core.NotFound)
				taken[i] = ""
			}
		}
		taken = slices.DeleteFunc(taken, func(id core.ID) bool { return id == "" })
		slices.Sort(taken)
		if n := len(taken); n != 3 || len(slices.Compact(taken)) != 3 {
			t.Errorf("%d workers took %d of 3 jobs: %q, want each once", racers, n, taken)
		}
	})
	t.Run("of concurrent ends of one epoch one counts", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		j := s.claim(t, "w1", a.Job.ID)
		outcomes := []core.Outcome{core.Succeeded, core.Rejected, core.Erred, core.Crashed, core.Buried, core.Released, core.Stopped}
		errs := race(len(outcomes), func(i int) error {
			_, err := s.Jobs.Finish(t.Context(), j, ports.Result{Outcome: outcomes[i], Error: because(core.ImageTruncated), Wait: forever})
			return err
		})
		oneWinner(t, "Finish", errs, core.LeaseLost)
		if got := s.told(t, a.Image.ID); len(got) != 4 {
			t.Errorf("its events are %q, want one end", got)
		}
	})
	t.Run("a job is reaped once", func(t *testing.T) {
		s := open(t)
		j := s.claim(t, "w1", s.admit(t).Job.ID)
		must(t, s.Expire(t.Context(), j.ID))
		reaped := make([][]core.Job, racers)
		for _, err := range race(racers, func(i int) (err error) { reaped[i], err = s.Jobs.Reap(t.Context()); return err }) {
			must(t, err)
		}
		if got := slices.Concat(reaped...); len(got) != 1 || s.job(t, j.ID).Lost != 1 {
			t.Errorf("%d reapers reaped %d jobs, lost %d times, want once", racers, len(got), s.job(t, j.ID).Lost)
		}
	})
	t.Run("of the same additions one is queued", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		added, ids := make([]bool, racers), make([]core.ID, racers)
		for _, err := range race(racers, func(i int) error {
			j, fresh, err := s.Control.Add(t.Context(), ports.Addition{Job: order(a.Image, "digest-2")})
			added[i], ids[i] = fresh, j.ID
			return err
		}) {
			must(t, err)
		}
		n := 0
		for _, fresh := range added {
			if fresh {
				n++
			}
		}
		if slices.Sort(ids); n != 1 || len(slices.Compact(ids)) != 1 {
			t.Errorf("%d of %d additions were queued, returning %q, want one job", n, racers, ids)
		}
	})
	t.Run("of concurrent retries one counts", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		s.finish(t, s.claim(t, "w1", a.Job.ID), ports.Result{Outcome: core.Buried, Error: because(core.OriginalMissing)})
		errs := race(racers, func(int) error { _, err := s.Control.Retry(t.Context(), acme, a.Job.ID, ann); return err })
		oneWinner(t, "Retry", errs, core.JobStateConflict)
	})
	t.Run("a claim and a cancellation agree", func(t *testing.T) {
		s := open(t)
		for range 10 {
			j := s.admit(t).Job
			errs := race(2, func(i int) error {
				if i == 0 {
					_, err := s.Control.Cancel(t.Context(), acme, j.ID, ann)
					return err
				}
				_, _, err := s.Jobs.Claim(t.Context(), want("w1", j.ID))
				return err
			})
			now := s.job(t, j.ID)
			wanted := core.JobRunning // and asked to stop
			if errs[1] != nil {
				expectKind(t, "the Claim of a cancelled job", errs[1], core.NotFound)
				wanted = core.JobCancelled
			}
			if errs[0] != nil || now.State != wanted || now.CancelAt == nil {
				t.Errorf("Cancel = %v, Claim = %v and the job is %s, want it %s with a cancellation", errs[0], errs[1], now.State, wanted)
			}
		}
	})
}

func jobsCancelled(t *testing.T, s *Store) {
	ctx, a := cancelled(t), s.admit(t)
	_, _, err := s.Jobs.Claim(ctx, want("w1", ""))
	expectCancelled(t, "Claim", err)
	j := s.claim(t, "w1", a.Job.ID)
	if j.Epoch != 1 {
		t.Errorf("the claim after an interrupted one has epoch %d, want 1", j.Epoch)
	}
	_, err = s.Jobs.Beat(ctx, j, 2*lease)
	expectCancelled(t, "Beat", err)
	expectCancelled(t, "Publish", s.Jobs.Publish(ctx, j, []core.Variant{made(j, "small", "1")}))
	_, err = s.Jobs.Finish(ctx, j, ports.Result{Outcome: core.Succeeded})
	expectCancelled(t, "Finish", err)
	_, err = s.Control.Cancel(ctx, acme, j.ID, ann)
	expectCancelled(t, "Cancel", err)
	_, _, err = s.Control.Add(ctx, ports.Addition{Job: order(a.Image, "digest-2")})
	expectCancelled(t, "Add", err)
	_, err = s.Control.Job(ctx, acme, j.ID)
	expectCancelled(t, "Job", err)
	_, err = s.Control.List(ctx, acme, core.JobFilter{}, core.Page{Limit: 10})
	expectCancelled(t, "List", err)
	expect(t, "the job after it", s.job(t, j.ID), j)
	expectStates(t, s.record(t, a.Image.ID), core.ImageProcessing, core.VariantPending, core.VariantPending)
	must(t, s.Expire(t.Context(), j.ID))
	if _, err := s.Jobs.Reap(ctx); !errors.Is(err, ctx.Err()) {
		t.Errorf("Reap with a cancelled context = %v, want the context's own error", err)
	}
	if s.reap(t, j.ID); len(s.told(t, a.Image.ID)) != 4 {
		t.Errorf("its events are %q, want one reap", s.told(t, a.Image.ID))
	}
	s.finish(t, s.claim(t, "w1", j.ID), ports.Result{Outcome: core.Rejected, Error: because(core.ImageTruncated)})
	_, err = s.Control.Retry(ctx, acme, j.ID, ann)
	expectCancelled(t, "Retry", err)
	if got := s.job(t, j.ID).State; got != core.JobFailed {
		t.Errorf("after an interrupted Retry the job is %s, want failed", got)
	}
}
