package portstest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"imgd/core"
	"imgd/ports"
)

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
	_, err = s.Jobs.Beat(t.Context(), j, lease)
	expectSlug(t, "Beat after its end", err, core.LeaseLost)
	expectSlug(t, "Publish after its end", s.Jobs.Publish(t.Context(), j, []core.Variant{made(j, "small", "late")}), core.LeaseLost)
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
		errs := race(racers, func(int) error { _, err := s.Control.Retry(t.Context(), acme, a.Job.ID, "", ann); return err })
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
	_, err = s.Control.Retry(ctx, acme, j.ID, "", ann)
	expectCancelled(t, "Retry", err)
	if got := s.job(t, j.ID).State; got != core.JobFailed {
		t.Errorf("after an interrupted Retry the job is %s, want failed", got)
	}
}
