package portstest

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"imgd/core"
	"imgd/ports"
)

// Events holds a store to the promises of ports.Events. open returns an empty one.
func Events(t *testing.T, open func(*testing.T) *Store) {
	t.Run("reads what was written", func(t *testing.T) {
		t.Run("who did what in which request", func(t *testing.T) { eventsTell(t, open(t)) })
		t.Run("pages", func(t *testing.T) { eventsPages(t, open(t)) })
	})
	t.Run("absence", func(t *testing.T) { eventsAbsence(t, open(t)) })
	t.Run("conflict", func(t *testing.T) {
		s := open(t)
		a, stale := s.admit(t), int64(99)
		_, err := s.Images.Patch(t.Context(), acme, a.Image.ID, core.ImagePatch{IfVersion: &stale, Metadata: json.RawMessage(`{}`)}, ann)
		expectSlug(t, "Patch", err, core.PreconditionFailed)
		_, err = s.Control.Retry(t.Context(), acme, a.Job.ID, "", ann)
		expectSlug(t, "Retry", err, core.JobStateConflict)
		if got := s.told(t, a.Image.ID); len(got) != 2 {
			t.Errorf("after two refusals the events are %q, want none of them", got)
		}
	})
	t.Run("concurrency", func(t *testing.T) {
		s := open(t)
		m := s.admit(t).Image
		for _, err := range race(racers, func(i int) error {
			_, err := s.Images.Patch(t.Context(), acme, m.ID, core.ImagePatch{Metadata: json.RawMessage(`{}`)}, core.Actor{Subject: fmt.Sprint(i)})
			return err
		}) {
			must(t, err)
		}
		events, err := s.Events.OfImage(t.Context(), acme, m.ID, core.Page{Limit: 100})
		must(t, err)
		actors, ids := map[string]bool{}, map[core.ID]bool{}
		for _, e := range events {
			actors[e.Actor], ids[e.ID] = true, true
		}
		if len(events) != racers+2 || len(actors) != racers+1 || len(ids) != len(events) {
			t.Errorf("%d writers left %d events of %d actors with %d ids, want one each and ann's two", racers, len(events), len(actors), len(ids))
		}
	})
	t.Run("interruption", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		_, err := s.Events.OfImage(cancelled(t), acme, a.Image.ID, core.Page{Limit: 10})
		expectCancelled(t, "OfImage", err)
		expectCancelled(t, "Delete", s.Images.Delete(cancelled(t), acme, a.Image.ID, ports.Removal{By: ann}))
		if got := s.told(t, a.Image.ID); len(got) != 2 {
			t.Errorf("after an interrupted delete the events are %q, want the two of the admission", got)
		}
	})
}

func eventsTell(t *testing.T, s *Store) {
	a := s.admit(t)
	j := s.claim(t, "w1", a.Job.ID)
	s.finish(t, j, ports.Result{Outcome: core.Erred, Error: because(core.Slug(core.Unavailable)), Wait: forever})
	_, err := s.Control.Cancel(t.Context(), acme, j.ID, ann)
	must(t, err)
	events, err := s.Events.OfImage(t.Context(), acme, a.Image.ID, core.Page{Limit: 10})
	must(t, err)
	slices.Reverse(events)
	type line struct {
		Type        core.EventType
		Job         core.ID
		Actor, Corr string
		Epoch       int64
	}
	var got []line
	for i, e := range events {
		got = append(got, line{e.Type, e.JobID, e.Actor, e.CorrelationID, e.Epoch})
		if e.ImageID != a.Image.ID || e.Tenant != acme || e.At.IsZero() || !json.Valid(e.Detail) {
			t.Errorf("event %d is %+v, want one of image %s with a time and a JSON detail", i, e, a.Image.ID)
		}
		if i > 0 && e.At.Before(events[i-1].At) {
			t.Errorf("event %d is of %v, before the one before it of %v", i, e.At, events[i-1].At)
		}
	}
	expect(t, "the audit trail", got, []line{
		{core.ImageCreated, "", "ann", "c-1", 0},
		{core.JobCreated, j.ID, "ann", "c-1", 0},
		{core.JobClaimed, j.ID, "worker:w1", "c-1", 1},
		{core.JobRetried, j.ID, "worker:w1", "c-1", 1},
		{core.JobCancel, j.ID, "ann", "c-ann", 1},
	})
}

func eventsPages(t *testing.T, s *Store) {
	m := s.admit(t).Image
	for range 3 {
		_, err := s.Images.Patch(t.Context(), acme, m.ID, core.ImagePatch{Metadata: json.RawMessage(`{}`)}, ann)
		must(t, err)
	}
	whole, err := s.Events.OfImage(t.Context(), acme, m.ID, core.Page{Limit: 100})
	must(t, err)
	var parts []core.Event
	page := core.Page{Limit: 2}
	for range 5 {
		events, err := s.Events.OfImage(t.Context(), acme, m.ID, page)
		must(t, err)
		if len(events) == 0 {
			break
		}
		parts = append(parts, events...)
		last := events[len(events)-1]
		page.Before = &core.Position{At: last.At, ID: last.ID}
	}
	if len(whole) != 5 {
		t.Errorf("the image has %d events, want 5", len(whole))
	}
	expect(t, "the pages of two together", parts, whole)
}

func eventsAbsence(t *testing.T, s *Store) {
	a, theirs := s.admit(t), s.admit(t, func(a *ports.Admission) { *a = admission(globex) })
	for what, id := range map[string]core.ID{"unknown": newID(), "another tenant's": theirs.Image.ID} {
		_, err := s.Events.OfImage(t.Context(), acme, id, core.Page{Limit: 10})
		expectKind(t, "OfImage of what is "+what, err, core.NotFound)
	}
	must(t, s.Images.Delete(t.Context(), acme, a.Image.ID, ports.Removal{By: ann}))
	if got := s.told(t, a.Image.ID); len(got) != 4 || got[3] != core.ImageDeleted {
		t.Errorf("a deleted image's events are %q, want all of them and its end", got)
	}
}
