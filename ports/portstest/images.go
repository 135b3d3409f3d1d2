package portstest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"imgd/core"
	"imgd/ports"
)

// Images holds a store to the promises of ports.Images. open returns an empty one.
func Images(t *testing.T, open func(*testing.T) *Store) {
	t.Run("reads what was written", func(t *testing.T) {
		t.Run("an admission", func(t *testing.T) { imagesAdmitted(t, open(t)) })
		t.Run("pages", func(t *testing.T) { imagesPages(t, open(t)) })
		t.Run("filters", func(t *testing.T) { imagesFilters(t, open(t)) })
		t.Run("a lookup", func(t *testing.T) { imagesLookup(t, open(t)) })
		t.Run("a patch", func(t *testing.T) { imagesPatch(t, open(t)) })
		t.Run("every tenant", func(t *testing.T) { imagesTenants(t, open(t)) })
		t.Run("the place of an image", func(t *testing.T) { imagesPlace(t, open(t)) })
	})
	t.Run("absence", func(t *testing.T) {
		t.Run("unknown, another tenant's and deleted", func(t *testing.T) { imagesAbsence(t, open(t)) })
		t.Run("facts", func(t *testing.T) { imagesFacts(t, open(t)) })
		t.Run("a tombstone", func(t *testing.T) { imagesTombstone(t, open(t)) })
		t.Run("its jobs", func(t *testing.T) { imagesDeletedJobs(t, open(t)) })
		t.Run("its objects", func(t *testing.T) { imagesSweeps(t, open(t)) })
		t.Run("its purge", func(t *testing.T) { imagesPurged(t, open(t)) })
	})
	t.Run("conflict", func(t *testing.T) {
		t.Run("a taken external id", func(t *testing.T) { imagesExternalID(t, open(t)) })
		t.Run("a version that has passed", func(t *testing.T) { imagesVersion(t, open(t)) })
		t.Run("an idempotency key that was taken over", func(t *testing.T) { imagesTakenOver(t, open(t)) })
		t.Run("a part that cannot be recorded undoes the whole", func(t *testing.T) { imagesAllOrNothing(t, open(t)) })
	})
	t.Run("concurrency", func(t *testing.T) { imagesConcurrency(t, open) })
	t.Run("interruption", func(t *testing.T) {
		t.Run("a cancelled context changes nothing", func(t *testing.T) { imagesCancelled(t, open(t)) })
		t.Run("an admission that is cut off is whole or absent", func(t *testing.T) { imagesCutOff(t, open(t)) })
	})
}

func imagesAdmitted(t *testing.T, s *Store) {
	a := s.admit(t)
	rec := s.record(t, a.Image.ID)
	expect(t, "the image", rec.Image, a.Image)
	expect(t, "its variants", rec.Variants, a.Variants)
	expect(t, "its job", s.job(t, a.Job.ID), a.Job, cmpopts.IgnoreFields(core.Job{}, "RunAt"))
	if j := s.claim(t, "w1", ""); j.ID != a.Job.ID {
		t.Errorf("the job that is due is %s, want the admitted %s", j.ID, a.Job.ID)
	}
	if got, want := s.told(t, a.Image.ID), []core.EventType{core.ImageCreated, core.JobCreated, core.JobClaimed}; !slices.Equal(got, want) {
		t.Errorf("its events are %q, want %q", got, want)
	}
	if bad, err := s.Images.Quarantined(t.Context(), a.Image.SHA256); bad || err != nil {
		t.Errorf("Quarantined of fresh bytes = %v, %v, want false", bad, err)
	}
}

func imagesPages(t *testing.T, s *Store) {
	var want []core.ID
	at := core.Round(time.Now())
	for _, back := range []time.Duration{0, time.Microsecond, time.Microsecond, time.Millisecond, time.Second} {
		want = append(want, s.admit(t, func(a *ports.Admission) { a.Image.CreatedAt = at.Add(-back) }).Image.ID)
	}
	want[1], want[2] = want[2], want[1] // born at the same time: the greater id is the newer
	s.admit(t, func(a *ports.Admission) { *a = admission(globex) })
	var got []core.ID
	page := core.Page{Limit: 2}
	for range len(want) {
		recs, err := s.Images.List(t.Context(), acme, core.ImageFilter{}, page)
		must(t, err)
		if len(recs) == 0 {
			break
		}
		for _, r := range recs {
			got = append(got, r.Image.ID)
			if len(r.Variants) != 2 || r.Variants[0].Name != "large" || r.Variants[1].ImageID != r.Image.ID {
				t.Errorf("image %s is listed with the variants %+v, want its large and small", r.Image.ID, r.Variants)
			}
		}
		last := recs[len(recs)-1].Image
		page.Before = &core.Position{At: last.CreatedAt, ID: last.ID}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages of two list %q, want the newest first: %q", got, want)
	}
}

func imagesFilters(t *testing.T, s *Store) {
	at := core.Round(time.Now())
	old := s.admit(t, func(a *ports.Admission) {
		a.Image.CreatedAt, a.Image.Bucket, a.Image.Owner, a.Image.ExternalID = at.Add(-time.Hour), "b", "bob", "x-1"
	}).Image
	fresh := s.admit(t, func(a *ports.Admission) { a.Image.CreatedAt, a.Image.State = at, core.ImageReady }).Image
	before, after := at.Add(-time.Minute), at.Add(-time.Minute)
	for name, c := range map[string]struct {
		filter core.ImageFilter
		want   []core.ID
	}{
		"no filter":      {core.ImageFilter{}, []core.ID{fresh.ID, old.ID}},
		"bucket":         {core.ImageFilter{Bucket: "b"}, []core.ID{old.ID}},
		"state":          {core.ImageFilter{State: core.ImageReady}, []core.ID{fresh.ID}},
		"owner":          {core.ImageFilter{Owner: "bob"}, []core.ID{old.ID}},
		"external id":    {core.ImageFilter{ExternalID: "x-1"}, []core.ID{old.ID}},
		"created after":  {core.ImageFilter{CreatedAfter: &after}, []core.ID{fresh.ID}},
		"created before": {core.ImageFilter{CreatedBefore: &before}, []core.ID{old.ID}},
		"exactly at":     {core.ImageFilter{CreatedAfter: &at}, nil},
		"all at once":    {core.ImageFilter{Bucket: "b", State: core.ImageProcessing, Owner: "bob", ExternalID: "x-1", CreatedBefore: &before}, []core.ID{old.ID}},
		"contradiction":  {core.ImageFilter{ExternalID: "x-1", Owner: "ann"}, nil},
	} {
		recs, err := s.Images.List(t.Context(), acme, c.filter, core.Page{Limit: 10})
		must(t, err)
		if got := idsOf(recs); !slices.Equal(got, c.want) {
			t.Errorf("%s: List = %q, want %q", name, got, c.want)
		}
	}
}

func idsOf(recs []core.Record) (ids []core.ID) {
	for _, r := range recs {
		ids = append(ids, r.Image.ID)
	}
	return ids
}

func imagesLookup(t *testing.T, s *Store) {
	a, b := s.admit(t), s.admit(t)
	gone, theirs := s.admit(t), s.admit(t, func(a *ports.Admission) { *a = admission(globex) })
	must(t, s.Images.Delete(t.Context(), acme, gone.Image.ID, ports.Removal{By: ann}))
	recs, err := s.Images.Lookup(t.Context(), acme, []core.ID{b.Image.ID, newID(), gone.Image.ID, theirs.Image.ID, a.Image.ID, "nonsense"})
	must(t, err)
	got, want := idsOf(recs), []core.ID{a.Image.ID, b.Image.ID}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("Lookup finds %q, want the two that are there: %q", got, want)
	}
	for _, r := range recs {
		if len(r.Variants) != 2 {
			t.Errorf("Lookup of %s has %d variants, want 2", r.Image.ID, len(r.Variants))
		}
	}
	if recs, err := s.Images.Lookup(t.Context(), acme, nil); err != nil || len(recs) != 0 {
		t.Errorf("Lookup of nothing = %d images, %v, want none", len(recs), err)
	}
}

func imagesPatch(t *testing.T, s *Store) {
	was := s.admit(t, func(a *ports.Admission) { a.Image.ExternalID = "x-1" }).Image
	name, bucket, none := "sea.jpg", "work", ""
	rec, err := s.Images.Patch(t.Context(), acme, was.ID, core.ImagePatch{Filename: &name, IfVersion: &was.Version}, ann)
	must(t, err)
	want := was
	want.Filename, want.Version = name, was.Version+1
	expect(t, "a patched filename", rec.Image, want, cmpopts.IgnoreFields(core.Image{}, "UpdatedAt"))
	if len(rec.Variants) != 2 {
		t.Errorf("the patched image has %d variants, want its 2", len(rec.Variants))
	}
	rec, err = s.Images.Patch(t.Context(), acme, was.ID, core.ImagePatch{Metadata: json.RawMessage(`{"n":2}`), Bucket: &bucket, ExternalID: &none}, ann)
	must(t, err)
	want.Metadata, want.Bucket, want.ExternalID, want.Version = json.RawMessage(`{"n":2}`), bucket, "", want.Version+1
	expect(t, "the other fields patched", rec.Image, want, cmpopts.IgnoreFields(core.Image{}, "UpdatedAt"))
	expect(t, "what is read after it", s.record(t, was.ID), rec)
	if e := s.last(t, was.ID); e.Type != core.ImageUpdated || e.Actor != ann.Subject || e.CorrelationID != ann.CorrelationID {
		t.Errorf("its event is %+v, want image.updated by ann in c-ann", e)
	}
	x := "x-1"
	again := s.admit(t, func(a *ports.Admission) { a.Image.ExternalID = x }) // it is free again
	if _, err := s.Images.Patch(t.Context(), acme, again.Image.ID, core.ImagePatch{ExternalID: &x}, ann); err != nil {
		t.Errorf("a patch with the external id that the image has = %v, want nil", err)
	}
}

func imagesAbsence(t *testing.T, s *Store) {
	theirs, gone := s.admit(t, func(a *ports.Admission) { *a = admission(globex) }), s.admit(t)
	must(t, s.Images.Delete(t.Context(), acme, gone.Image.ID, ports.Removal{By: ann}))
	name := "mine.jpg"
	for what, id := range map[string]core.ID{"unknown": newID(), "another tenant's": theirs.Image.ID, "deleted": gone.Image.ID} {
		_, err := s.Images.Image(t.Context(), acme, id)
		expectKind(t, "Image of what is "+what, err, core.NotFound)
		_, err = s.Images.Patch(t.Context(), acme, id, core.ImagePatch{Filename: &name}, ann)
		expectKind(t, "Patch of what is "+what, err, core.NotFound)
		if what != "deleted" {
			err = s.Images.Delete(t.Context(), acme, id, ports.Removal{By: ann, Purge: true})
			expectKind(t, "Delete of what is "+what, err, core.NotFound)
		}
	}
	if recs, err := s.Images.List(t.Context(), acme, core.ImageFilter{}, core.Page{Limit: 10}); err != nil || len(recs) != 0 {
		t.Errorf("List = %q, %v, want nothing", idsOf(recs), err)
	}
	rec, err := s.Images.Image(t.Context(), globex, theirs.Image.ID)
	must(t, err)
	expect(t, "the other tenant's image", rec.Image, theirs.Image)
}

func imagesExternalID(t *testing.T, s *Store) {
	x := "x-1"
	named := func(a *ports.Admission) { a.Image.ExternalID = x }
	first := s.admit(t, named)
	second := admission(acme)
	named(&second)
	err := s.Images.Admit(t.Context(), second)
	expectTaken(t, "Admit", err, first.Image.ID)
	expectNothing(t, s, second)
	other := s.admit(t)
	_, err = s.Images.Patch(t.Context(), acme, other.Image.ID, core.ImagePatch{ExternalID: &x}, ann)
	expectTaken(t, "Patch", err, first.Image.ID)
	expect(t, "the image after it", s.record(t, other.Image.ID).Image, other.Image)
	s.admit(t, func(a *ports.Admission) { *a = admission(globex); named(a) }) // every tenant has its own names
	s.admit(t)                                                                // and any number of images has none
}

func expectTaken(t *testing.T, what string, err error, by core.ID) {
	t.Helper()
	expectSlug(t, what+" of a taken external id", err, core.ExternalIDTaken)
	if f := core.FailureOf(err); f != nil && fmt.Sprint(f.Facts["image_id"]) != string(by) {
		t.Errorf("%s names image %v, want %s", what, f.Facts["image_id"], by)
	}
}

// expectNothing looks for any part of an admission that failed.
func expectNothing(t *testing.T, s *Store, a ports.Admission) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	_, err := s.Images.Image(ctx, a.Image.Tenant, a.Image.ID)
	expectKind(t, "Image of what was not admitted", err, core.NotFound)
	_, err = s.Control.Job(ctx, a.Image.Tenant, a.Job.ID)
	expectKind(t, "Job of what was not admitted", err, core.NotFound)
	_, _, err = s.Jobs.Claim(ctx, want("w9", a.Job.ID))
	expectKind(t, "Claim of what was not admitted", err, core.NotFound)
	if events, err := s.Events.OfImage(ctx, a.Image.Tenant, a.Image.ID, core.Page{Limit: 10}); len(events) != 0 {
		t.Errorf("what was not admitted has %d events (%v), want none", len(events), err)
	}
}

func imagesVersion(t *testing.T, s *Store) {
	m, name := s.admit(t).Image, "new.jpg"
	for _, version := range []int64{m.Version - 1, m.Version + 1} {
		_, err := s.Images.Patch(t.Context(), acme, m.ID, core.ImagePatch{IfVersion: &version, Filename: &name}, ann)
		expectSlug(t, fmt.Sprintf("Patch of version %d where it is %d", version, m.Version), err, core.PreconditionFailed)
	}
	expect(t, "the image after it", s.record(t, m.ID).Image, m)
}

func imagesTenants(t *testing.T, s *Store) {
	if first, err := s.Tenants.NextTenant(t.Context(), ""); first != "" || err != nil {
		t.Errorf("of an empty store the first tenant is %q, %v; want none", first, err)
	}
	of := map[string]core.ID{}
	for _, tenant := range []string{globex, acme, globex, "Zenith", "ürünler"} {
		a := s.admit(t, func(a *ports.Admission) { *a = admission(tenant) })
		of[tenant] = a.Image.ID
	}
	must(t, s.Images.Delete(t.Context(), "Zenith", of["Zenith"], ports.Removal{By: ann}))
	var seen []string
	for tenant := ""; ; {
		next, err := s.Tenants.NextTenant(t.Context(), tenant)
		must(t, err)
		if next == "" {
			break
		}
		tenant, seen = next, append(seen, next)
		if len(seen) > 10 {
			t.Fatalf("the walk over three tenants does not end: %q", seen)
		}
	}
	if want := []string{acme, globex, "ürünler"}; !slices.Equal(slices.Sorted(slices.Values(seen)), want) {
		t.Errorf("the tenants are %q, want each of %q once, and not one whose images are all deleted", seen, want)
	}
}

func imagesPlace(t *testing.T, s *Store) {
	a := s.admit(t, func(a *ports.Admission) { *a = admission(globex) })
	want := core.Place{Tenant: globex, Bucket: a.Image.Bucket}
	for _, deleted := range []bool{false, true} {
		got, err := s.Tenants.PlaceOf(t.Context(), a.Image.ID)
		if (got.DeletedAt != nil) != deleted {
			t.Errorf("of an image that is deleted (%t) the time of its end is %v", deleted, got.DeletedAt)
		}
		if got.DeletedAt = nil; got != want || err != nil {
			t.Errorf("the place of an image that is deleted (%t) is %+v, %v; want %+v", deleted, got, err, want)
		}
		must(t, s.Images.Delete(t.Context(), globex, a.Image.ID, ports.Removal{By: ann}))
	}
	got, err := s.Tenants.PlaceOf(t.Context(), newID())
	expectKind(t, "PlaceOf nothing", err, core.NotFound)
	if got != (core.Place{}) {
		t.Errorf("the place of nothing is %+v", got)
	}
}

func imagesTakenOver(t *testing.T, s *Store) {
	k := ports.IdempotencyKey{Tenant: acme, Subject: "ann", Route: "POST /v1/images", Key: "k", Token: "slow"}
	if _, err := s.Answers.Begin(t.Context(), k, 0); err != nil {
		t.Fatal(err)
	}
	slow := admission(acme)
	slow.Answer = &ports.Answer{Key: k, Fingerprint: "f", Body: json.RawMessage(`{"by":"slow"}`), ExpiresAt: time.Now().Add(forever)}
	k.Token = "fast"
	if _, err := s.Answers.Begin(t.Context(), k, lease); err != nil {
		t.Fatal(err)
	}
	expectSlug(t, "Admit by a holder that was overtaken", s.Images.Admit(t.Context(), slow), core.IdempotencyInProgress)
	expectNothing(t, s, slow)
	s.admit(t, func(a *ports.Admission) {
		a.Answer = &ports.Answer{Key: k, Fingerprint: "f", Body: json.RawMessage(`{"by":"fast"}`), ExpiresAt: time.Now().Add(forever)}
	})
	k.Token = "later"
	a, err := s.Answers.Begin(t.Context(), k, lease)
	must(t, err)
	if a == nil || a.Fingerprint != "f" {
		t.Fatalf("Begin after the answer = %+v, want the answer", a)
	}
	expect(t, "the answer", a.Body, json.RawMessage(`{"by":"fast"}`))
}

func imagesAllOrNothing(t *testing.T, s *Store) {
	k := ports.IdempotencyKey{Tenant: acme, Subject: "ann", Route: "POST /v1/images", Key: "k", Token: "a"}
	_, err := s.Answers.Begin(t.Context(), k, lease)
	must(t, err)
	torn := admission(acme)
	torn.Answer = &ports.Answer{Key: k, Fingerprint: "f", Body: json.RawMessage(`{}`), ExpiresAt: time.Now().Add(forever)}
	torn.Variants = append(torn.Variants, torn.Variants[0]) // the last row to be written cannot be
	expectKind(t, "Admit of one variant twice", s.Images.Admit(t.Context(), torn), core.Conflict)
	expectNothing(t, s, torn)
	if a, err := s.Answers.Begin(t.Context(), k, lease); a != nil || err != nil {
		t.Errorf("Begin after it = %+v, %v: the answer was kept without its image", a, err)
	}
	whole := s.admit(t)
	expectKind(t, "Admit of the same again", s.Images.Admit(t.Context(), whole), core.Conflict)
	expect(t, "the image after it", s.record(t, whole.Image.ID).Image, whole.Image)
}

func imagesConcurrency(t *testing.T, open func(*testing.T) *Store) {
	t.Run("of one external id one is admitted", func(t *testing.T) {
		s, all := open(t), make([]ports.Admission, racers)
		for i := range all {
			all[i] = admission(acme)
			all[i].Image.ExternalID = "x-1"
		}
		errs := race(racers, func(i int) error { return s.Images.Admit(t.Context(), all[i]) })
		winner := oneWinner(t, "Admit", errs, core.ExternalIDTaken)
		for i, err := range errs {
			if i != winner {
				expectTaken(t, "a losing Admit", err, all[winner].Image.ID)
			}
		}
	})
	t.Run("of one version one patch wins", func(t *testing.T) {
		s := open(t)
		m := s.admit(t).Image
		errs := race(racers, func(i int) error {
			name := fmt.Sprintf("%d.jpg", i)
			_, err := s.Images.Patch(t.Context(), acme, m.ID, core.ImagePatch{IfVersion: &m.Version, Filename: &name}, ann)
			return err
		})
		winner := oneWinner(t, "Patch", errs, core.PreconditionFailed)
		if got, want := s.record(t, m.ID).Image.Filename, fmt.Sprintf("%d.jpg", winner); got != want {
			t.Errorf("the filename is %s, want the winner's %s", got, want)
		}
	})
	t.Run("patches of any version lose nothing", func(t *testing.T) {
		s := open(t)
		m := s.admit(t).Image
		for _, err := range race(racers, func(int) error {
			_, err := s.Images.Patch(t.Context(), acme, m.ID, core.ImagePatch{Metadata: json.RawMessage(`{}`)}, ann)
			return err
		}) {
			must(t, err)
		}
		if got, want := s.record(t, m.ID).Image.Version, m.Version+racers; got != want {
			t.Errorf("after %d patches the version is %d, want %d", racers, got, want)
		}
	})
	t.Run("many deletes are one", func(t *testing.T) {
		s := open(t)
		m := s.admit(t).Image
		for _, err := range race(racers, func(int) error { return s.Images.Delete(t.Context(), acme, m.ID, ports.Removal{By: ann}) }) {
			must(t, err)
		}
		if got, want := s.told(t, m.ID), []core.EventType{core.ImageCreated, core.JobCreated, core.JobCancel, core.ImageDeleted}; !slices.Equal(got, want) {
			t.Errorf("its events are %q, want %q", got, want)
		}
		expectSweeps(t, s, "after them", m)
	})
}

func imagesCancelled(t *testing.T, s *Store) {
	ctx, a, name := cancelled(t), s.admit(t), "new.jpg"
	fresh := admission(acme)
	expectCancelled(t, "Admit", s.Images.Admit(ctx, fresh))
	expectNothing(t, s, fresh)
	_, err := s.Images.Patch(ctx, acme, a.Image.ID, core.ImagePatch{Filename: &name}, ann)
	expectCancelled(t, "Patch", err)
	expectCancelled(t, "Delete", s.Images.Delete(ctx, acme, a.Image.ID, ports.Removal{By: ann}))
	_, err = s.Images.Image(ctx, acme, a.Image.ID)
	expectCancelled(t, "Image", err)
	_, err = s.Images.List(ctx, acme, core.ImageFilter{}, core.Page{Limit: 10})
	expectCancelled(t, "List", err)
	_, err = s.Images.Lookup(ctx, acme, []core.ID{a.Image.ID})
	expectCancelled(t, "Lookup", err)
	_, err = s.Images.Quarantined(ctx, a.Image.SHA256)
	expectCancelled(t, "Quarantined", err)
	expect(t, "the image after it", s.record(t, a.Image.ID), core.Record{Image: a.Image, Variants: a.Variants})
}

func imagesCutOff(t *testing.T, s *Store) {
	kept := 0
	for range 40 {
		ctx, cancel := context.WithCancel(t.Context())
		stop := time.AfterFunc(time.Duration(rand.Int64N(int64(4*time.Millisecond))), cancel)
		a := admission(acme)
		err := s.Images.Admit(ctx, a)
		stop.Stop()
		cancel()
		rec, found := s.Images.Image(t.Context(), acme, a.Image.ID)
		switch {
		case found == nil:
			kept++
			expect(t, "what was admitted", rec, core.Record{Image: a.Image, Variants: a.Variants})
			s.job(t, a.Job.ID)
			if got := s.told(t, a.Image.ID); len(got) != 2 {
				t.Errorf("what was admitted has the events %q, want 2", got)
			}
		case err == nil:
			t.Errorf("Admit said nil and Image says %v", found)
		default:
			expectNothing(t, s, a)
		}
	}
	t.Logf("%d of 40 admissions came through", kept)
}
