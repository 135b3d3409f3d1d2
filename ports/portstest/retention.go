package portstest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// forgetting are the ways of retention that go by age.
func (s *Store) forgetting() map[string]func(context.Context, time.Duration, int) (int, error) {
	return map[string]func(context.Context, time.Duration, int) (int, error){
		"ForgetJobs": s.House.ForgetJobs, "ForgetEvents": s.House.ForgetEvents, "ForgetTombstones": s.House.ForgetTombstones,
	}
}

// forget forgets what is older than age, two at a time, and returns how many they
// were.
func (s *Store) forget(t *testing.T, what string, age time.Duration) (all int) {
	t.Helper()
	for range 100 {
		n, err := s.forgetting()[what](t.Context(), age, 2)
		must(t, err)
		if n > 2 {
			t.Errorf("%s removes %d at a time, want at most 2", what, n)
		}
		if all += n; n < 2 {
			return all
		}
	}
	t.Errorf("%s comes to no end", what)
	return all
}

// bornAt is an id that says so.
func bornAt(at time.Time) core.ID {
	ms := at.UnixMilli()
	return core.ID(fmt.Sprintf("%08x-%04x-%s", ms>>16, ms&0xffff, newID()[14:]))
}

func houseExpiredImages(t *testing.T, s *Store) {
	stays := s.admit(t).Image
	var over []core.Image
	for i := range 3 {
		over = append(over, s.admit(t, func(a *ports.Admission) {
			at := core.Round(time.Now()).Add(-time.Duration(i+1) * time.Second)
			a.Image.ExpiresAt = &at
		}).Image)
	}
	later := s.admit(t, func(a *ports.Admission) {
		at := core.Round(time.Now()).Add(forever)
		a.Image.ExpiresAt = &at
	}).Image
	expect(t, "the time in the record", s.record(t, later.ID).Image.ExpiresAt, later.ExpiresAt)
	reprieved, never := over[0], time.Time{}
	_, err := s.Images.Patch(t.Context(), acme, reprieved.ID, core.ImagePatch{ExpiresAt: &never}, ann)
	must(t, err)
	if at := s.record(t, reprieved.ID).Image.ExpiresAt; at != nil {
		t.Errorf("after its removal the time is %s, want none", at)
	}
	must(t, s.Images.Delete(t.Context(), acme, over[1].ID, ports.Removal{By: ann, Grace: forever}))
	r := ports.Removal{By: core.Actor{Subject: "retention"}}
	for i, want := range []int{1, 0} {
		if n, err := s.House.DeleteExpired(t.Context(), r, 10); n != want || err != nil {
			t.Errorf("DeleteExpired %d = %d, %v, want %d", i+1, n, err, want)
		}
	}
	gone := over[2]
	if _, err := s.Images.Image(t.Context(), acme, gone.ID); core.KindOf(err) != core.NotFound {
		t.Errorf("an image whose time is over = %v, want NotFound", err)
	}
	if e := s.last(t, gone.ID); e.Type != core.ImageDeleted || e.Actor != "retention" {
		t.Errorf("its last event is %s by %q, want image.deleted by retention", e.Type, e.Actor)
	}
	if e := s.last(t, over[1].ID); e.Actor != ann.Subject {
		t.Errorf("what its owner deleted before was deleted by %q, want ann", e.Actor)
	}
	s.expectDue(t, "after it", gone.OriginalKey(), "v/"+string(gone.ID)+"/")
	for _, m := range []core.Image{stays, later, reprieved} {
		s.record(t, m.ID)
	}
}

func houseOldJobs(t *testing.T, s *Store) {
	long := func(a *ports.Admission) {
		a.Job.ID = bornAt(time.Now().Add(-100 * time.Hour))
		for i := range a.Variants {
			a.Variants[i].JobID = a.Job.ID
		}
	}
	var ended []ports.Admission
	for range 3 {
		a := s.admit(t, long)
		j := s.claim(t, "w1", a.Job.ID)
		s.finish(t, j, ports.Result{Outcome: core.Succeeded, Variants: []core.Variant{made(j, "small", "1"), made(j, "large", "1")}})
		ended = append(ended, a)
	}
	queued, running := s.admit(t, long), s.admit(t, long)
	s.claim(t, "w1", running.Job.ID)
	if n := s.forget(t, "ForgetJobs", forever); n != 0 {
		t.Errorf("%d jobs are forgotten that have only just ended, want none", n)
	}
	if n := s.forget(t, "ForgetJobs", -forever); n != 3 {
		t.Errorf("%d jobs are forgotten, want the 3 that are at an end", n)
	}
	for _, a := range ended {
		if _, err := s.Control.Job(t.Context(), acme, a.Job.ID); core.KindOf(err) != core.NotFound {
			t.Errorf("a forgotten job = %v, want NotFound", err)
		}
		expectStates(t, s.record(t, a.Image.ID), core.ImageReady, core.VariantIsReady, core.VariantIsReady)
		if got := s.told(t, a.Image.ID); !slices.Contains(got, core.JobDone) {
			t.Errorf("the events after it are %q, want the job's among them", got)
		}
	}
	s.job(t, queued.Job.ID)
	s.job(t, running.Job.ID)
	if _, added := s.add(t, ended[0].Image, "digest-1", false, "small", "large"); !added {
		t.Error("what a forgotten job has made cannot be asked for again")
	}
}

func houseOldEvents(t *testing.T, s *Store) {
	a := s.admit(t)
	was := len(s.told(t, a.Image.ID))
	if n := s.forget(t, "ForgetEvents", forever); n != 0 {
		t.Errorf("%d events are forgotten that have only just happened, want none", n)
	}
	if n := s.forget(t, "ForgetEvents", -forever); n != was || was == 0 {
		t.Errorf("%d events are forgotten, want the %d there are", n, was)
	}
	if got := s.told(t, a.Image.ID); len(got) != 0 {
		t.Errorf("the events are %q after it, want none", got)
	}
	s.record(t, a.Image.ID)
}

func houseOldTombstones(t *testing.T, s *Store) {
	stays, j := s.finished(t)
	var gone []core.Image
	for range 3 {
		a, _ := s.finished(t)
		must(t, s.Images.Delete(t.Context(), acme, a.Image.ID, ports.Removal{By: ann}))
		gone = append(gone, a.Image)
	}
	if n := s.forget(t, "ForgetTombstones", -forever); n != 0 {
		t.Errorf("%d tombstones are forgotten while their objects are there, want none", n)
	}
	for _, w := range s.due(t, 100) {
		if w.BlobKey != gone[0].OriginalKey() {
			must(t, s.House.Swept(t.Context(), w))
		}
	}
	if n := s.forget(t, "ForgetTombstones", forever); n != 0 {
		t.Errorf("%d tombstones are forgotten that are young, want none", n)
	}
	if n := s.forget(t, "ForgetTombstones", -forever); n != 2 {
		t.Errorf("%d tombstones are forgotten, want the 2 whose objects are gone", n)
	}
	for i, m := range gone {
		want := core.NotFound
		if i == 0 {
			want = ""
		}
		expectKind(t, "Delete of a tombstone", s.Images.Delete(t.Context(), acme, m.ID, ports.Removal{By: ann}), want)
	}
	expectStates(t, s.record(t, stays.Image.ID), core.ImageReady, core.VariantIsReady, core.VariantIsReady)
	s.job(t, j.ID)
}
