package portstest

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Events holds a store to the promises of ports.Events. open returns an empty one.
func Events(t *testing.T, open func(*testing.T) *Store) {
	t.Run("reads what was written", func(t *testing.T) {
		t.Run("who did what in which request", func(t *testing.T) { eventsTell(t, open(t)) })
		t.Run("pages", func(t *testing.T) { eventsPages(t, open(t)) })
		t.Run("of a tenant, through filters", func(t *testing.T) { eventsOfTenant(t, open(t)) })
		t.Run("who was refused what", func(t *testing.T) { eventsRefused(t, open(t)) })
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
		From        string
		Epoch       int64
	}
	var got []line
	for i, e := range events {
		got = append(got, line{e.Type, e.JobID, e.Actor, e.CorrelationID, e.Address, e.Epoch})
		if e.ImageID != a.Image.ID || e.Tenant != acme || e.At.IsZero() || !json.Valid(e.Detail) {
			t.Errorf("event %d is %+v, want one of image %s with a time and a JSON detail", i, e, a.Image.ID)
		}
		if i > 0 && e.At.Before(events[i-1].At) {
			t.Errorf("event %d is of %v, before the one before it of %v", i, e.At, events[i-1].At)
		}
	}
	expect(t, "the audit trail", got, []line{
		{core.ImageCreated, "", "ann", "c-1", "192.0.2.1", 0},
		{core.JobCreated, j.ID, "ann", "c-1", "192.0.2.1", 0},
		{core.JobClaimed, j.ID, "worker:w1", "c-1", "", 1},
		{core.JobRetried, j.ID, "worker:w1", "c-1", "", 1},
		{core.JobCancel, j.ID, "ann", "c-ann", ann.Address, 1},
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

func eventsOfTenant(t *testing.T, s *Store) {
	first, theirs := s.admit(t), s.admit(t, func(a *ports.Admission) { *a = admission(globex) })
	second := s.admit(t)
	time.Sleep(2 * time.Millisecond) // a database's clock may tell no less than one
	must(t, s.Images.Delete(t.Context(), acme, first.Image.ID, ports.Removal{By: core.Actor{Subject: "eve"}}))
	all, err := s.Events.OfTenant(t.Context(), acme, core.EventFilter{}, core.Page{Limit: 100})
	must(t, err)
	if len(all) != 6 || slices.ContainsFunc(all, func(e core.Event) bool { return e.ImageID == theirs.Image.ID }) {
		t.Fatalf("the tenant has %d events, want the 6 of its own images: %+v", len(all), all)
	}
	var parts []core.Event
	page := core.Page{Limit: 4}
	for range 2 {
		events, err := s.Events.OfTenant(t.Context(), acme, core.EventFilter{}, page)
		must(t, err)
		parts = append(parts, events...)
		last := events[len(events)-1]
		page.Before = &core.Position{At: last.At, ID: last.ID}
	}
	expect(t, "the pages of four together", parts, all)
	at := all[0].At
	for name, c := range map[string]struct {
		f    core.EventFilter
		want int
	}{
		"of a type":                {core.EventFilter{Type: core.ImageCreated}, 2},
		"of an actor":              {core.EventFilter{Actor: "eve"}, 2},
		"of an image":              {core.EventFilter{ImageID: second.Image.ID}, 2},
		"of a deleted image":       {core.EventFilter{ImageID: first.Image.ID}, 4},
		"of an image and an actor": {core.EventFilter{ImageID: first.Image.ID, Actor: "eve", Type: core.ImageDeleted}, 1},
		"of another's image":       {core.EventFilter{ImageID: theirs.Image.ID}, 0},
		"after the last":           {core.EventFilter{CreatedAfter: &at}, 0},
		"before the last":          {core.EventFilter{CreatedBefore: &at}, 4},
	} {
		got, err := s.Events.OfTenant(t.Context(), acme, c.f, core.Page{Limit: 100})
		must(t, err)
		if len(got) != c.want {
			t.Errorf("%s there are %d events, want %d", name, len(got), c.want)
		}
	}
}

func eventsRefused(t *testing.T, s *Store) {
	a, theirs := s.admit(t), s.admit(t, func(a *ports.Admission) { *a = admission(globex) })
	refuse := func(r core.Refusal, want bool) {
		t.Helper()
		r.Operation, r.Problem, r.By = "deleteImage", core.InsufficientScope, ann
		if recorded, err := s.Events.Refuse(t.Context(), acme, r); recorded != want || err != nil {
			t.Errorf("Refuse(%+v) = %t, %v; want %t", r, recorded, err, want)
		}
	}
	refuse(core.Refusal{ImageID: a.Image.ID}, true)
	refuse(core.Refusal{JobID: a.Job.ID}, true)
	for _, nothing := range []core.Refusal{{ImageID: newID()}, {JobID: newID()}, {ImageID: theirs.Image.ID}, {JobID: theirs.Job.ID}} {
		refuse(nothing, false)
	}
	got, err := s.Events.OfTenant(t.Context(), acme, core.EventFilter{Type: core.AccessRefused}, core.Page{Limit: 100})
	must(t, err)
	if len(got) != 2 || got[0].JobID != a.Job.ID || got[1].JobID != "" {
		t.Fatalf("the refusals are %+v, want one of the image and one of its job", got)
	}
	for _, e := range got {
		var detail map[string]string
		must(t, json.Unmarshal(e.Detail, &detail))
		if e.ImageID != a.Image.ID || e.Actor != ann.Subject || e.CorrelationID != ann.CorrelationID || e.Address != ann.Address ||
			detail["operation"] != "deleteImage" || detail["problem"] != "insufficient-scope" || e.Outcome() != core.EventRefused {
			t.Errorf("a refusal is %+v", e)
		}
	}
	if events, err := s.Events.OfTenant(t.Context(), globex, core.EventFilter{Type: core.AccessRefused}, core.Page{Limit: 100}); err != nil || len(events) != 0 {
		t.Errorf("the other tenant has %d refusals (%v), want none: it learns nothing of who guesses", len(events), err)
	}
	must(t, s.Images.Delete(t.Context(), acme, a.Image.ID, ports.Removal{By: ann}))
	refuse(core.Refusal{ImageID: a.Image.ID, Answer: core.Slug(core.NotFound), Times: 7, Others: 9}, true)
	var detail map[string]any
	must(t, json.Unmarshal(s.last(t, a.Image.ID).Detail, &detail))
	expect(t, "a refusal that was hidden and stands for others", detail, map[string]any{
		"operation": "deleteImage", "problem": "insufficient-scope", "answer": "not-found", "times": 7.0, "others": 9.0,
	})
	if got := s.told(t, a.Image.ID); got[len(got)-1] != core.AccessRefused {
		t.Errorf("of a deleted image the last event is %s, want the refusal", got[len(got)-1])
	}
}
