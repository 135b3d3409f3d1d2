package portstest

import (
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
		t.Run("tenants in turn", func(t *testing.T) { jobsTurns(t, open(t)) })
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

func jobsTurns(t *testing.T, s *Store) {
	next := func(after string) core.Job {
		t.Helper()
		w := want("w1", "")
		w.After = after
		j, _, err := s.Jobs.Claim(t.Context(), w)
		must(t, err)
		return j
	}
	of := func(tenant string, change ...func(*ports.Admission)) core.Job {
		return s.admit(t, append([]func(*ports.Admission){func(a *ports.Admission) { *a = admission(tenant) }}, change...)...).Job
	}
	later := s.claim(t, "w1", of("later").ID)
	s.finish(t, later, ports.Result{Outcome: core.Erred, Error: because(core.Slug(core.Unavailable)), Wait: forever})
	var many []core.ID
	for range 50 {
		many = append(many, of(globex).ID)
	}
	few := []core.ID{of(acme).ID, of(acme).ID}
	patient := of("aardvark", func(a *ports.Admission) { a.Job.Priority = 9 })
	for i, want := range []core.ID{many[0], few[0], many[1], few[1], many[2], many[3]} {
		after := []string{acme, globex}[i%2]
		if i == 5 {
			after = globex // alone by now, it goes on
		}
		if j := next(after); j.ID != want {
			t.Errorf("claim %d, after one of %s, takes the job of %s due at %v; want %s", i, after, j.Tenant, j.RunAt, want)
		}
	}
	for range len(many) - 4 {
		if j := next("a"); j.Tenant != globex {
			t.Errorf("a job of %s with priority %d is taken while more urgent ones are due", j.Tenant, j.Priority)
		}
	}
	if j := next(acme); j.ID != patient.ID {
		t.Errorf("the last job to be taken is %s, want the patient one", j.ID)
	}
	w := want("w1", "")
	w.After = acme
	_, _, err := s.Jobs.Claim(t.Context(), w)
	expectKind(t, "a claim of nothing that is due", err, core.NotFound)
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
