package portstest

import (
	"errors"
	"slices"
	"testing"

	"imgd/core"
	"imgd/ports"
)

func imagesTombstone(t *testing.T, s *Store) {
	a := s.admit(t, func(a *ports.Admission) { a.Image.ExternalID = "x-1" })
	_, living := s.Tombstones.Tombstone(t.Context(), acme, a.Image.ID)
	expectKind(t, "the tombstone of an image that lives", living, core.NotFound)
	for range 2 {
		if err := s.Images.Delete(t.Context(), acme, a.Image.ID, ports.Removal{By: ann, Grace: forever}); err != nil {
			t.Errorf("Delete = %v, want nil however often", err)
		}
	}
	if got, want := s.told(t, a.Image.ID), []core.EventType{core.ImageCreated, core.JobCreated, core.JobCancel, core.ImageDeleted}; !slices.Equal(got, want) {
		t.Errorf("the events of a deleted image are %q, want %q", got, want)
	}
	if e := s.last(t, a.Image.ID); e.Actor != ann.Subject || e.CorrelationID != ann.CorrelationID {
		t.Errorf("it was deleted by %q in %q, want ann in c-ann", e.Actor, e.CorrelationID)
	}
	s.admit(t, func(b *ports.Admission) { b.Image.ExternalID = "x-1" }) // the name is free again

	left, err := s.Tombstones.Tombstone(t.Context(), acme, a.Image.ID)
	must(t, err)
	if left.ID != a.Image.ID || left.Owner != a.Image.Owner || left.Bucket != a.Image.Bucket || left.DeletedAt == nil {
		t.Errorf("its tombstone is %+v, want whose it was, and where", left)
	}
	for tenant, id := range map[string]core.ID{globex: a.Image.ID, acme: newID()} {
		_, err := s.Tombstones.Tombstone(t.Context(), tenant, id)
		expectKind(t, "a tombstone in "+tenant+" that is not there", err, core.NotFound)
		if detail(err) != detail(living) {
			t.Errorf("of a tombstone that is not there it is said %q, and of an image that lives %q", detail(err), detail(living))
		}
	}
}

func imagesDeletedJobs(t *testing.T, s *Store) {
	queued, running := s.admit(t), s.admit(t)
	held := s.claim(t, "w1", running.Job.ID)
	for _, a := range []ports.Admission{queued, running} {
		must(t, s.Images.Delete(t.Context(), acme, a.Image.ID, ports.Removal{By: ann}))
	}
	if j, _, err := s.Jobs.Claim(t.Context(), want("w2", "")); core.KindOf(err) != core.NotFound {
		t.Errorf("Claim = job %s, %v, want none: its image is deleted", j.ID, err)
	}
	expectLost(t, s, held)
	if reaped, err := s.Jobs.Reap(t.Context()); err != nil || len(reaped) != 0 {
		t.Errorf("Reap = %d jobs, %v, want none: they are at an end", len(reaped), err)
	}
	if e := s.last(t, running.Image.ID); e.Type != core.ImageDeleted {
		t.Errorf("the last event is %s, want image.deleted", e.Type)
	}
}

func imagesSweeps(t *testing.T, s *Store) {
	soon, late := s.admit(t).Image, s.admit(t).Image
	must(t, s.Images.Delete(t.Context(), acme, soon.ID, ports.Removal{By: ann}))
	must(t, s.Images.Delete(t.Context(), acme, late.ID, ports.Removal{By: ann, Grace: forever}))
	expectSweeps(t, s, "after a deletion without grace", soon)
	must(t, s.Images.Delete(t.Context(), acme, late.ID, ports.Removal{By: ann}))
	expectSweeps(t, s, "after deleting a tombstone again", soon)
	err := s.Images.Delete(t.Context(), acme, late.ID, ports.Removal{By: ann, Owner: late.Owner + "s", Purge: true})
	expectKind(t, "purging somebody else's tombstone", err, core.NotFound)
	if what, hidden := core.Hidden(err); !hidden || what != (core.Refusal{ImageID: late.ID, Problem: core.Slug(core.Forbidden)}) {
		t.Errorf("purging somebody else's tombstone hides %+v (%t), want the refusal", what, hidden)
	}
	never := s.Images.Delete(t.Context(), acme, newID(), ports.Removal{By: ann, Owner: late.Owner + "s", Purge: true})
	if _, hidden := core.Hidden(never); hidden || detail(never) != detail(err) {
		t.Errorf("purging nothing = %v, want the words of %v and nothing hidden", never, err)
	}
	expectSweeps(t, s, "after somebody else purged a tombstone", soon)
	must(t, s.Images.Delete(t.Context(), acme, late.ID, ports.Removal{By: ann, Owner: late.Owner, Grace: forever, Purge: true}))
	expectSweeps(t, s, "after purging a tombstone", soon, late)
	purged := s.admit(t).Image
	must(t, s.Images.Delete(t.Context(), acme, purged.ID, ports.Removal{By: ann, Grace: forever, Purge: true}))
	expectSweeps(t, s, "after purging a living image", soon, late, purged)
}

// imagesPurged looks for what is told of a purge: once, whether the image lived until
// then or not, and nothing of what changes nothing.
func imagesPurged(t *testing.T, s *Store) {
	eve := core.Actor{Subject: "eve", CorrelationID: "c-eve", Address: "192.0.2.9"}
	living, buried := s.admit(t).Image, s.admit(t).Image
	must(t, s.Images.Delete(t.Context(), acme, buried.ID, ports.Removal{By: ann, Grace: forever}))
	for _, m := range []core.Image{living, buried} {
		for range 2 {
			must(t, s.Images.Delete(t.Context(), acme, m.ID, ports.Removal{By: eve, Grace: forever, Purge: true}))
		}
		if got, want := s.told(t, m.ID), []core.EventType{core.ImageCreated, core.JobCreated, core.JobCancel, core.ImageDeleted, core.ImagePurged}; !slices.Equal(got, want) {
			t.Errorf("the events of a purged image are %q, want %q", got, want)
		}
		if e := s.last(t, m.ID); e.Actor != eve.Subject || e.CorrelationID != eve.CorrelationID || e.Address != eve.Address || e.Outcome() != core.EventDone {
			t.Errorf("it was purged by %q in %q from %q and came out %s, want eve in c-eve from 192.0.2.9, done", e.Actor, e.CorrelationID, e.Address, e.Outcome())
		}
	}
}

// detail is what a caller reads of an error.
func detail(err error) string {
	e, _ := errors.AsType[*core.Error](err)
	return e.Detail
}

func expectSweeps(t *testing.T, s *Store, when string, images ...core.Image) {
	t.Helper()
	var got, want []string
	due, err := s.House.Due(t.Context(), 100)
	must(t, err)
	for _, w := range due {
		got = append(got, w.BlobKey)
	}
	for _, m := range images {
		want = append(want, m.OriginalKey(), "v/"+string(m.ID)+"/")
	}
	slices.Sort(got)
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("%s, to be swept are %q, want %q", when, got, want)
	}
}
