package portstest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// finished is an image whose first job has made both variants.
func (s *Store) finished(t *testing.T) (ports.Admission, core.Job) {
	t.Helper()
	a := s.admit(t)
	j := s.claim(t, "w1", a.Job.ID)
	return a, s.finish(t, j, ports.Result{Outcome: core.Succeeded, Variants: []core.Variant{made(j, "small", "1"), made(j, "large", "1")}})
}

// add asks for the named variants of m.
func (s *Store) add(t *testing.T, m core.Image, digest string, force bool, names ...string) (core.Job, bool) {
	t.Helper()
	j := order(m, digest)
	got, added, err := s.Control.Add(t.Context(), ports.Addition{Job: j, Variants: wishes(j, names...), Force: force})
	if err != nil {
		t.Fatalf("Add = %v", err)
	}
	return got, added
}

func controlAdd(t *testing.T, open func(*testing.T) *Store) {
	t.Run("a ready variant stays readable until its successor", func(t *testing.T) {
		s := open(t)
		a, _ := s.finished(t)
		j, added := s.add(t, a.Image, "digest-2", false, "small", "tiny")
		if !added || j.State != core.JobQueued || j.ImageID != a.Image.ID {
			t.Fatalf("Add = %+v, %v, want a new queued job", j, added)
		}
		expect(t, "the job as it is read", s.job(t, j.ID), j)
		rec := s.record(t, a.Image.ID)
		expectStates(t, rec, core.ImageProcessing, core.VariantIsReady, core.VariantIsReady, core.VariantPending)
		if old := made(a.Job, "small", "1"); rec.Variants[1].BlobKey != old.BlobKey {
			t.Errorf("small is %s while it is made anew, want the old %s", rec.Variants[1].BlobKey, old.BlobKey)
		}
		if e := s.last(t, a.Image.ID); e.Type != core.JobCreated || e.JobID != j.ID {
			t.Errorf("the event is %s of job %s, want job.created of %s", e.Type, e.JobID, j.ID)
		}
		j = s.claim(t, "w1", "")
		s.finish(t, j, ports.Result{Outcome: core.Succeeded, Variants: []core.Variant{made(j, "small", "2"), made(j, "tiny", "2")}})
		rec = s.record(t, a.Image.ID)
		expectStates(t, rec, core.ImageReady, core.VariantIsReady, core.VariantIsReady, core.VariantIsReady)
		if got := rec.Variants[1].SHA256; got != "2" {
			t.Errorf("small is the bytes %q after its successor was made, want 2", got)
		}
		if rec.Variants[0].JobID != a.Job.ID || rec.Variants[1].JobID != j.ID {
			t.Errorf("large is of job %s and small of %s, want the first and the second", rec.Variants[0].JobID, rec.Variants[1].JobID)
		}
	})
	t.Run("a failure leaves what was ready", func(t *testing.T) {
		s := open(t)
		a, _ := s.finished(t)
		s.add(t, a.Image, "digest-1", true, "small", "large")
		s.finish(t, s.claim(t, "w1", ""), ports.Result{Outcome: core.Rejected, Error: because(core.ImageTruncated)})
		expectStates(t, s.record(t, a.Image.ID), core.ImageReady, core.VariantIsReady, core.VariantIsReady)
	})
	t.Run("the same is not made twice", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		expectTwin := func(when string, force, wanted bool) {
			t.Helper()
			was := s.job(t, a.Job.ID)
			j, added := s.add(t, a.Image, "digest-1", force, "small", "large")
			if added != wanted || (j.ID == a.Job.ID) == wanted {
				t.Errorf("%s, Add with force %v = job %s (%s), added %v, want added %v", when, force, j.ID, j.State, added, wanted)
			}
			if !wanted {
				expect(t, when+", the job that is returned", j, was)
			}
		}
		expectTwin("while it is queued", false, false)
		expectTwin("while it is queued", true, false)
		j := s.claim(t, "w1", a.Job.ID)
		expectTwin("while it runs", true, false)
		s.finish(t, j, ports.Result{Outcome: core.Succeeded, Variants: []core.Variant{made(j, "small", "1"), made(j, "large", "1")}})
		expectTwin("after it succeeded", false, false)
		expectStates(t, s.record(t, a.Image.ID), core.ImageReady, core.VariantIsReady, core.VariantIsReady)
		expectTwin("after it succeeded", true, true)
	})
	t.Run("who asks for the same more urgently has it sooner", func(t *testing.T) {
		s := open(t)
		a, _ := s.finished(t)
		patient := order(a.Image, "digest-2")
		patient.Priority = core.PriorityLow
		_, added, err := s.Control.Add(t.Context(), ports.Addition{Job: patient, Variants: wishes(patient, "tiny")})
		must(t, err)
		between := s.admit(t) // of priority 5
		if !added {
			t.Fatal("a patient job was not added")
		}
		urgent := order(a.Image, "digest-2")
		urgent.Priority = 0
		j, added, err := s.Control.Add(t.Context(), ports.Addition{Job: urgent, Variants: wishes(urgent, "tiny"), Force: true})
		if must(t, err); added || j.ID != patient.ID || j.Priority != 0 {
			t.Errorf("Add of the same = job %s of priority %d, added %v; want the first one, as urgent as the second", j.ID, j.Priority, added)
		}
		expect(t, "the job that is returned", j, s.job(t, j.ID))
		patient.ID = newID()
		if j, _, err = s.Control.Add(t.Context(), ports.Addition{Job: patient, Variants: wishes(patient, "tiny")}); err != nil || j.Priority != 0 {
			t.Errorf("Add by somebody patient = priority %d, %v; want it as urgent as it was", j.Priority, err)
		}
		if got := s.claim(t, "w1", ""); got.ID != j.ID {
			t.Errorf("the first claim is of job %s, want %s before %s", got.ID, j.ID, between.Job.ID)
		}
	})
	t.Run("what failed is made again", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		s.finish(t, s.claim(t, "w1", a.Job.ID), ports.Result{Outcome: core.Rejected, Error: because(core.ImageTruncated)})
		if j, added := s.add(t, a.Image, "digest-1", false, "small", "large"); !added || j.ID == a.Job.ID {
			t.Errorf("Add = job %s, %v, want a new job", j.ID, added)
		}
		expectStates(t, s.record(t, a.Image.ID), core.ImageProcessing, core.VariantPending, core.VariantPending)
	})
	t.Run("an image is processing while any job of it lives", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		second, _ := s.add(t, a.Image, "digest-2", false, "tiny")
		j := s.claim(t, "w1", a.Job.ID)
		s.finish(t, j, ports.Result{Outcome: core.Succeeded, Variants: []core.Variant{made(j, "small", "1"), made(j, "large", "1")}})
		expectStates(t, s.record(t, a.Image.ID), core.ImageProcessing, core.VariantIsReady, core.VariantIsReady, core.VariantPending)
		_, err := s.Control.Cancel(t.Context(), acme, second.ID, ann)
		must(t, err)
		expectStates(t, s.record(t, a.Image.ID), core.ImagePartial, core.VariantIsReady, core.VariantIsReady, core.VariantIsBad)
	})
}

func controlRetry(t *testing.T, s *Store) {
	bystander := s.admit(t)
	s.finish(t, s.claim(t, "w1", ""), ports.Result{Outcome: core.Rejected, Error: because(core.ImageTruncated)})
	for name, end := range map[core.JobState]func(core.Job){
		core.JobFailed: func(j core.Job) {
			s.finish(t, s.claim(t, "w1", j.ID), ports.Result{Outcome: core.Rejected, Error: because(core.ImageTruncated)})
		},
		core.JobDead: func(j core.Job) {
			for range core.MaxCrashes {
				s.finish(t, s.claim(t, "w1", j.ID), ports.Result{Outcome: core.Crashed, Error: because(core.DecoderCrashed)})
			}
		},
		core.JobCancelled: func(j core.Job) {
			held := s.claim(t, "w1", j.ID)
			must(t, s.Jobs.Publish(t.Context(), held, []core.Variant{made(held, "small", "1")}))
			_, err := s.Control.Cancel(t.Context(), acme, j.ID, ann)
			must(t, err)
			s.finish(t, held, ports.Result{Outcome: core.Stopped})
		},
	} {
		a := s.admit(t, func(a *ports.Admission) { a.Job.Lost = 3 })
		end(a.Job)
		was := s.job(t, a.Job.ID)
		if was.State != name {
			t.Fatalf("the job is %s, want %s", was.State, name)
		}
		j, err := s.Control.Retry(t.Context(), acme, a.Job.ID, "", ann)
		must(t, err)
		if j.State != core.JobQueued || j.Attempt+j.Crashes+j.Lost != 0 || j.Epoch != was.Epoch+1 || j.Error != nil || j.CancelAt != nil || j.FinishedAt != nil {
			t.Errorf("the retried %s job is %+v, want it queued with fresh budgets and epoch %d", name, j, was.Epoch+1)
		}
		expect(t, "the job as it is read", s.job(t, j.ID), j)
		small := core.VariantPending
		if name == core.JobCancelled {
			small = core.VariantIsReady // what is made stays
		}
		expectStates(t, s.record(t, a.Image.ID), core.ImageProcessing, core.VariantPending, small)
		if e := s.last(t, a.Image.ID); e.Type != core.JobRequeued || e.Actor != ann.Subject || e.CorrelationID != ann.CorrelationID || e.Epoch != j.Epoch {
			t.Errorf("the event is %+v, want job.requeued by ann in c-ann", e)
		}
		again := s.claim(t, "w2", j.ID)
		if done := s.finish(t, again, ports.Result{Outcome: core.Succeeded, Variants: []core.Variant{made(again, "small", "2"), made(again, "large", "2")}}); done.Attempt != 1 {
			t.Errorf("the retried job succeeds in attempt %d, want 1", done.Attempt)
		}
		expectStates(t, s.record(t, a.Image.ID), core.ImageReady, core.VariantIsReady, core.VariantIsReady)
	}
	expectStates(t, s.record(t, bystander.Image.ID), core.ImageFailed, core.VariantIsBad, core.VariantIsBad)
}

func controlCancel(t *testing.T, open func(*testing.T) *Store) {
	t.Run("of a queued job is its end", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		j, err := s.Control.Cancel(t.Context(), acme, a.Job.ID, ann)
		must(t, err)
		if j.State != core.JobCancelled || j.FinishedAt == nil || j.CancelAt == nil {
			t.Errorf("the cancelled job is %+v, want it cancelled and finished", j)
		}
		expect(t, "the job as it is read", s.job(t, j.ID), j)
		expectStates(t, s.record(t, a.Image.ID), core.ImageFailed, core.VariantIsBad, core.VariantIsBad)
		if e := s.last(t, a.Image.ID); e.Type != core.JobCancel || e.Actor != ann.Subject {
			t.Errorf("the event is %s by %s, want job.cancelled by ann", e.Type, e.Actor)
		}
		_, _, err = s.Jobs.Claim(t.Context(), want("w1", j.ID))
		expectKind(t, "Claim of a cancelled job", err, core.NotFound)
	})
	t.Run("of a running job is a wish", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		held := s.claim(t, "w1", a.Job.ID)
		for i := range 2 { // asking again is fine, and no news
			was := s.job(t, a.Job.ID)
			j, err := s.Control.Cancel(t.Context(), acme, a.Job.ID, ann)
			must(t, err)
			if i == 1 {
				expect(t, "the job after it was asked for again", j, was)
			}
			if j.State != core.JobRunning || j.CancelAt == nil || j.Epoch != held.Epoch || j.LeaseUntil == nil {
				t.Errorf("the job is %+v, want it running with its cancellation asked for", j)
			}
		}
		wanted := []core.EventType{core.ImageCreated, core.JobCreated, core.JobClaimed, core.JobCancelling}
		if got := s.told(t, a.Image.ID); !slices.Equal(got, wanted) {
			t.Errorf("its events are %q, want %q", got, wanted)
		}
		expectStates(t, s.record(t, a.Image.ID), core.ImageProcessing, core.VariantPending, core.VariantPending)
		if done := s.finish(t, held, ports.Result{Outcome: core.Stopped}); done.State != core.JobCancelled {
			t.Errorf("its worker stops and the job is %s, want cancelled", done.State)
		}
		expectStates(t, s.record(t, a.Image.ID), core.ImageFailed, core.VariantIsBad, core.VariantIsBad)
	})
}

func controlList(t *testing.T, s *Store) {
	at := core.Round(time.Now())
	var all []core.ID
	var images []core.Image
	for i := range 4 {
		a := s.admit(t, func(a *ports.Admission) { a.Job.CreatedAt = at.Add(time.Duration(i/2) * time.Microsecond) })
		all, images = append([]core.ID{a.Job.ID}, all...), append(images, a.Image)
	}
	s.admit(t, func(a *ports.Admission) { *a = admission(globex) })
	gone := s.admit(t)
	must(t, s.Images.Delete(t.Context(), acme, gone.Image.ID, ports.Removal{By: ann}))
	running := s.claim(t, "w1", all[2])
	for name, c := range map[string]struct {
		filter core.JobFilter
		want   []core.ID
	}{
		"all":                   {core.JobFilter{}, all},
		"running":               {core.JobFilter{State: core.JobRunning}, []core.ID{running.ID}},
		"queued":                {core.JobFilter{State: core.JobQueued}, []core.ID{all[0], all[1], all[3]}},
		"cancelled":             {core.JobFilter{State: core.JobCancelled}, nil}, // its image is deleted
		"of an image":           {core.JobFilter{ImageID: images[0].ID}, []core.ID{all[3]}},
		"of an image, in state": {core.JobFilter{ImageID: running.ImageID, State: core.JobRunning}, []core.ID{running.ID}},
		"of an image, in none":  {core.JobFilter{ImageID: running.ImageID, State: core.JobDead}, nil},
		"of a deleted image":    {core.JobFilter{ImageID: gone.Image.ID}, nil},
	} {
		var got []core.ID
		page := core.Page{Limit: 3}
		for range len(all) {
			jobs, err := s.Control.List(t.Context(), acme, c.filter, page)
			must(t, err)
			if len(jobs) == 0 {
				break
			}
			for _, j := range jobs {
				got = append(got, j.ID)
			}
			last := jobs[len(jobs)-1]
			page.Before = &core.Position{At: last.CreatedAt, ID: last.ID}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("jobs %s in pages of three are %q, want %q", name, got, c.want)
		}
	}
}

func controlAbsence(t *testing.T, s *Store) {
	theirs, gone := s.admit(t, func(a *ports.Admission) { *a = admission(globex) }), s.admit(t)
	must(t, s.Images.Delete(t.Context(), acme, gone.Image.ID, ports.Removal{By: ann}))
	nowhere := admission(acme)
	for what, a := range map[string]ports.Admission{"unknown": nowhere, "another tenant's": theirs, "deleted": gone} {
		_, err := s.Control.Job(t.Context(), acme, a.Job.ID)
		expectKind(t, "Job of what is "+what, err, core.NotFound)
		_, err = s.Control.Retry(t.Context(), acme, a.Job.ID, "", ann)
		expectKind(t, "Retry of what is "+what, err, core.NotFound)
		_, err = s.Control.Cancel(t.Context(), acme, a.Job.ID, ann)
		expectKind(t, "Cancel of what is "+what, err, core.NotFound)
		more := order(a.Image, "digest-2")
		more.Tenant = acme
		_, added, err := s.Control.Add(t.Context(), ports.Addition{Job: more, Variants: wishes(more, "tiny")})
		expectKind(t, "Add to what is "+what, err, core.NotFound)
		if added {
			t.Errorf("Add to what is %s says that it was added", what)
		}
	}
	j, err := s.Control.Job(t.Context(), globex, theirs.Job.ID)
	must(t, err)
	if j.State != core.JobQueued || j.CancelAt != nil {
		t.Errorf("the other tenant's job is %+v, want it as it was", j)
	}
}

func controlConflict(t *testing.T, s *Store) {
	expectRefused := func(what string, err error, state core.JobState) {
		t.Helper()
		expectSlug(t, what, err, core.JobStateConflict)
		if f := core.FailureOf(err); f != nil && fmt.Sprint(f.Facts["state"]) != string(state) {
			t.Errorf("%s says the state is %v, want %s", what, f.Facts["state"], state)
		}
	}
	queued, running := s.admit(t).Job, s.claim(t, "w1", s.admit(t).Job.ID)
	_, succeeded := s.finished(t)
	for _, j := range []core.Job{queued, running, succeeded} {
		_, err := s.Control.Retry(t.Context(), acme, j.ID, "", ann)
		expectRefused(fmt.Sprintf("Retry of a %s job", j.State), err, j.State)
	}
	a := s.admit(t)
	failed := s.finish(t, s.claim(t, "w1", a.Job.ID), ports.Result{Outcome: core.Rejected, Error: because(core.ImageTruncated)})
	for _, j := range []core.Job{succeeded, failed} {
		_, err := s.Control.Cancel(t.Context(), acme, j.ID, ann)
		expectRefused(fmt.Sprintf("Cancel of a %s job", j.State), err, j.State)
		expect(t, "the job after it", s.job(t, j.ID), j)
	}
	twin, _ := s.add(t, a.Image, a.Job.SpecDigest, false, "small", "large")
	_, err := s.Control.Retry(t.Context(), acme, failed.ID, "", ann)
	expectSlug(t, "Retry while a live job makes the same", err, core.JobStateConflict)
	expect(t, "the failed job after it", s.job(t, failed.ID), failed)
	expect(t, "the live job after it", s.job(t, twin.ID), twin)
}

// controlSameName lets two jobs make the same name in either order: what the
// younger one's caller asked for is what stays.
func controlSameName(t *testing.T, s *Store) {
	for name, elderLast := range map[string]bool{"in their order": false, "the elder last": true} {
		a := s.admit(t)
		younger, _ := s.add(t, a.Image, "digest-2", false, "small")
		elder, young := s.claim(t, "w1", a.Job.ID), s.claim(t, "w2", younger.ID)
		finish := []func(){
			func() {
				s.finish(t, elder, ports.Result{Outcome: core.Succeeded, Variants: []core.Variant{made(elder, "small", "elder"), made(elder, "large", "elder")}})
			},
			func() {
				s.finish(t, young, ports.Result{Outcome: core.Succeeded, Variants: []core.Variant{made(young, "small", "younger")}})
			},
		}
		if elderLast {
			slices.Reverse(finish)
		}
		for _, f := range finish {
			f()
		}
		rec := s.record(t, a.Image.ID)
		expectStates(t, rec, core.ImageReady, core.VariantIsReady, core.VariantIsReady)
		if got := rec.Variants[1].SHA256; got != "younger" {
			t.Errorf("%s: small is the %s job's, want the younger's", name, got)
		}
	}
}
