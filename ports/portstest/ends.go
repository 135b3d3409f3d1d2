package portstest

import (
	"slices"
	"testing"

	"imgd/core"
	"imgd/ports"
)

func jobsSuccess(t *testing.T, s *Store) {
	a := s.admit(t)
	warn := core.Warnings{{Slug: "clipped", Detail: "too wide", Variant: "large"}}
	more := core.Warnings{{Slug: "first-frame", Detail: "too long"}, warn[0]}
	cost := core.Cost{CPUMS: 5, ReadBytes: 7, WriteBytes: 11}
	j := s.claim(t, "w1", a.Job.ID)
	s.finish(t, j, ports.Result{Outcome: core.Erred, Error: because(core.Slug(core.Unavailable)), Warnings: warn, Cost: cost})
	j = s.claim(t, "w2", a.Job.ID)
	done := s.finish(t, j, ports.Result{
		Outcome: core.Succeeded, Variants: []core.Variant{made(j, "small", "1"), made(j, "large", "2")}, Warnings: more, Cost: cost,
		Facts: seen(),
	})
	if done.State != core.JobSucceeded || done.Error != nil || done.LeaseUntil != nil || done.FinishedAt == nil || done.Attempt != 2 || done.Epoch != 2 {
		t.Errorf("the finished job is %+v, want it succeeded in epoch 2 without an error or a lease", done)
	}
	if done.CostCPUMS != 10 || done.CostReadBytes != 14 || done.CostWriteBytes != 22 {
		t.Errorf("two attempts cost %d ms, %d and %d bytes, want the sums 10, 14, 22", done.CostCPUMS, done.CostReadBytes, done.CostWriteBytes)
	}
	expect(t, "its warnings, each once", done.Warnings, core.Warnings{warn[0], more[0]})
	expect(t, "the job as it is read", s.job(t, j.ID), done)
	rec := s.record(t, a.Image.ID)
	expectStates(t, rec, core.ImageReady, core.VariantIsReady, core.VariantIsReady)
	expectFacts(t, s, rec.Image, seen())
	if m := rec.Image; m.Version <= a.Image.Version {
		t.Errorf("the image has the version %d, want a greater one than %d", m.Version, a.Image.Version)
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
