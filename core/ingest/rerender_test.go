package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"imgd/adapters/records"
	"imgd/core"
	"imgd/core/ingest"
	"imgd/core/transform"
	"imgd/e2e/house"
	"imgd/ports"
	"imgd/ports/portstest"
)

// preset is a list of square variants of the given sides.
func preset(sides ...int) (list []transform.Variant) {
	for i, n := range sides {
		s := transform.Default()
		s.W, s.H, s.Fit = n, n, transform.FitCover
		list = append(list, transform.Variant{Name: string(rune('a' + i)), Spec: s})
	}
	return list
}

// rerender is an operator's hand on a house.
func rerender(h *house.House) *ingest.Rerender {
	images := records.Images{DB: h.DB}
	return &ingest.Rerender{
		Images: images, Tenants: images, Control: records.JobControl{DB: h.DB}, Renderer: h.Render.Capabilities().Renderer,
		NewID: house.NewID, Now: time.Now,
	}
}

// works runs jobs until nothing is due, and returns how many jobs that were.
func works(t *testing.T, h *house.House) (n int) {
	t.Helper()
	for ; ; n++ {
		err := h.Process.Next(t.Context(), "")
		if core.KindOf(err) == core.NotFound {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func expectTally(t *testing.T, what string, r *ingest.Rerender, want ingest.Renewal, tally ingest.Tally) {
	t.Helper()
	if got, err := r.Run(t.Context(), want); got != tally || err != nil {
		t.Errorf("%s: got %+v, %v, want %+v", what, got, err, tally)
	}
}

func TestARerenderBringsImagesToWhatAPresetIsNow(t *testing.T) {
	h := house.New(t)
	a, b := h.Accept(t, "one"), h.Accept(t, "two")
	works(t, h)
	r, want := rerender(h), ingest.Renewal{Variants: preset(50, 100), CorrelationID: "run-1"}
	dry := want
	dry.DryRun = true
	expectTally(t, "a dry run", r, dry, ingest.Tally{Seen: 2, Queued: 2})
	expectTally(t, "the first run", r, want, ingest.Tally{Seen: 2, Queued: 2})
	expectTally(t, "another before anybody has worked", r, want, ingest.Tally{Seen: 2, Busy: 2})
	v, err := h.Deliver.Variant(t.Context(), house.Ann(), a.Record.Image.ID, "thumbnail")
	if err != nil {
		t.Errorf("while the jobs wait, the old variant = %v", err)
	} else {
		v.Close()
	}
	if n := works(t, h); n != 2 {
		t.Errorf("%d jobs were run, want one for each image", n)
	}
	for _, id := range []core.ID{a.Record.Image.ID, b.Record.Image.ID} {
		rec, err := h.Library.Image(t.Context(), house.Ann(), id)
		if err != nil || len(rec.Variants) != 6 || rec.Image.State != core.ImageReady || rec.Variants[0].Width != 50 {
			t.Errorf("the image is %s with %d variants, %v; want ready with two more", rec.Image.State, len(rec.Variants), err)
		}
	}
	expectTally(t, "a run after it", r, want, ingest.Tally{Seen: 2, Current: 2})
	want.Variants = preset(60, 100)
	expectTally(t, "a run after the preset has changed", r, want, ingest.Tally{Seen: 2, Queued: 2})
	works(t, h)
	want.Variants = preset(50, 100)
	expectTally(t, "a run after it has changed back", r, want, ingest.Tally{Seen: 2, Queued: 2})
	works(t, h)
	expectTally(t, "a last run", r, want, ingest.Tally{Seen: 2, Current: 2})
}

func TestAnOldVariantIsReadUntilItsSuccessorIsRecorded(t *testing.T) {
	h := house.New(t)
	id := h.Accept(t, "one").Record.Image.ID
	works(t, h)
	smaller := transform.Default()
	smaller.W, smaller.H = 7, 7
	if _, err := rerender(h).Run(t.Context(), ingest.Renewal{Variants: []transform.Variant{{Name: "thumbnail", Spec: smaller}}}); err != nil {
		t.Fatal(err)
	}
	read := func() string {
		t.Helper()
		b, err := h.Deliver.Variant(t.Context(), house.Ann(), id, "thumbnail")
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		text, err := io.ReadAll(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var during string
	h.Render.Before = func(context.Context, ports.Task) error { during = read(); return nil }
	before := read()
	works(t, h)
	if after := read(); during != before || after == before || !strings.Contains(after, "7x5") {
		t.Errorf("the variant read %q, while its successor was made %q, and then %q", before, during, after)
	}
}

func TestARerenderGivesWayToUploads(t *testing.T) {
	h := house.New(t)
	old := h.Accept(t, "old")
	works(t, h)
	if _, err := rerender(h).Run(t.Context(), ingest.Renewal{Variants: preset(50)}); err != nil {
		t.Fatal(err)
	}
	fresh := h.Accept(t, "new")
	if err := h.Process.Next(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if j, err := h.Library.Job(t.Context(), house.Ann(), fresh.Job.ID, 0); err != nil || j.State != core.JobSucceeded {
		t.Errorf("the upload's job is %s, %v; want it run before the older one of the rerender", j.State, err)
	}
	jobs, _, err := h.Library.ListJobs(t.Context(), house.Ann(), core.JobFilter{ImageID: old.Record.Image.ID}, 1, "")
	if err != nil || jobs[0].State != core.JobQueued || jobs[0].Priority != core.PriorityLow || jobs[0].Owner != "rerender" {
		t.Errorf("the job of the rerender is %+v, %v; want it still queued", jobs, err)
	}
}

func TestWhatAnotherRendererHasMadeIsMadeAnewWhenAskedFor(t *testing.T) {
	for name, renderer := range map[string]string{"the next": "2", "one with a point": "0.1", "one that begins alike": "00"} {
		t.Run(name, func(t *testing.T) {
			h := house.New(t)
			id := h.Accept(t, "one").Record.Image.ID
			works(t, h)
			r, want := rerender(h), ingest.Renewal{Variants: transform.DefaultPreset(), Older: true}
			expectTally(t, "with the renderer it was made by", r, want, ingest.Tally{Seen: 1, Current: 1})
			r.Renderer = renderer
			want.Older = false
			expectTally(t, "with another, not asked for", r, want, ingest.Tally{Seen: 1, Current: 1})
			want.Older = true
			expectTally(t, "with another", r, want, ingest.Tally{Seen: 1, Queued: 1})
			works(t, h)
			expectTally(t, "after an outdated worker", r, want, ingest.Tally{Seen: 1, Queued: 1})
			h.Render.Version, h.Render.Salt = renderer, " anew"
			works(t, h)
			expectTally(t, "after a worker of today", r, want, ingest.Tally{Seen: 1, Current: 1})
			rec, err := h.Library.Image(t.Context(), house.Ann(), id)
			if err != nil || rec.Image.State != core.ImageReady || !rec.Variants[0].MadeBy(renderer) || rec.Variants[0].MadeBy("0") {
				t.Errorf("the image is %+v, %v; want its variants made by %s", rec, err, renderer)
			}
		})
	}
}

func TestAKeyOfAnEpochTellsItsRendererToo(t *testing.T) {
	h := house.New(t)
	a := h.Accept(t, "one")
	works(t, h)
	h.Render.Salt = " other" // the same keys, other bytes
	if _, err := h.Ingest.Add(t.Context(), house.Ann(), "", "", a.Record.Image.ID, ingest.Request{Force: true}); err != nil {
		t.Fatal(err)
	}
	works(t, h)
	rec, err := h.Library.Image(t.Context(), house.Ann(), a.Record.Image.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range rec.Variants {
		if !strings.Contains(v.BlobKey, "-e") || !v.MadeBy("0") || v.MadeBy("0-e") || v.MadeBy("1") {
			t.Errorf("of %s: made by 0 is %v, by 1 %v; want it made by 0 alone, in an epoch", v.BlobKey, v.MadeBy("0"), v.MadeBy("1"))
		}
	}
}

func TestWhatCannotBeMadeIsTriedOnce(t *testing.T) {
	h := house.New(t)
	h.Accept(t, "one")
	works(t, h)
	larger := transform.Default()
	larger.W = 3000
	want := ingest.Renewal{Variants: []transform.Variant{{Name: "large", Spec: larger}}}
	r := rerender(h)
	h.Render.Between = func(context.Context, transform.Variant) error {
		return core.TransformUnsupported.Errorf("not this one")
	}
	expectTally(t, "the first run", r, want, ingest.Tally{Seen: 1, Queued: 1})
	works(t, h)
	expectTally(t, "the second", r, want, ingest.Tally{Seen: 1, Tried: 1})
	h.Render.Between = nil
	want.Variants[0].Spec.W = 2900
	expectTally(t, "a run for something else", r, want, ingest.Tally{Seen: 1, Queued: 1})
	works(t, h)
	expectTally(t, "after it", r, want, ingest.Tally{Seen: 1, Current: 1})
}

func TestARerenderSeesTheTenantsAndBucketsThatAreMeant(t *testing.T) {
	h := house.New(t)
	upload := func(tenant, bucket string) {
		t.Helper()
		u := house.Upload(portstest.FakeImage(40, 30, tenant+bucket), ingest.Fields{Bucket: bucket})
		u.By.Tenant = tenant
		if _, err := h.Ingest.Accept(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	for _, tenant := range []string{"acme", "globex"} {
		for _, bucket := range []string{"holiday", "holiday-2", "work"} {
			upload(tenant, bucket)
		}
	}
	works(t, h)
	r := rerender(h)
	for _, c := range []struct {
		tenant, bucket string
		want           int64
	}{{"", "", 6}, {"acme", "", 3}, {"", "holiday", 2}, {"", "holiday*", 4}, {"globex", "[hw]o[lr][ik]*", 3}, {"acme", "holi", 0}, {"nobody", "", 0}} {
		what := fmt.Sprintf("tenant %q, bucket %q", c.tenant, c.bucket)
		expectTally(t, what, r, ingest.Renewal{Variants: preset(5), Tenant: c.tenant, Bucket: c.bucket, DryRun: true}, ingest.Tally{Seen: c.want, Queued: c.want})
	}
	if _, err := r.Run(t.Context(), ingest.Renewal{Variants: preset(5), Bucket: "a["}); core.KindOf(err) != core.Invalid {
		t.Errorf("a pattern that is none = %v, want Invalid", err)
	}
}

func TestARerenderThatWasEndedGoesOnWhereItWas(t *testing.T) {
	h := house.New(t)
	const n = 230 // more than a page
	for i := range n {
		h.Accept(t, fmt.Sprint(i))
	}
	works(t, h)
	r, want := rerender(h), ingest.Renewal{Variants: preset(50)}
	left := 210
	cut := errors.New("cut off")
	r.Pace = func(context.Context) error {
		if left--; left < 0 {
			return cut
		}
		return nil
	}
	if tally, err := r.Run(t.Context(), want); !errors.Is(err, cut) || tally.Queued != 210 {
		t.Errorf("a run that is cut off = %+v, %v; want 210 jobs", tally, err)
	}
	for range 100 { // some are done, some wait
		if err := h.Process.Next(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	r.Pace = nil
	expectTally(t, "the second run", r, want, ingest.Tally{Seen: n, Current: 100, Busy: 110, Queued: 20})
	if ran := works(t, h); ran != 130 {
		t.Errorf("%d jobs were left, want each image's one", ran)
	}
	expectTally(t, "the third", r, want, ingest.Tally{Seen: n, Current: n})
}

func TestARerenderKnowsTheWatermarksOfATenant(t *testing.T) {
	h := house.New(t)
	mark := h.Accept(t, "mark").Record.Image
	works(t, h)
	r, want := rerender(h), ingest.Renewal{Variants: preset(50)}
	want.Variants[0].Spec.WM = transform.Watermark{Image: mark.ID, Pos: transform.Center, Scale: 1, Opacity: 1}
	expectTally(t, "the first run", r, want, ingest.Tally{Seen: 1, Queued: 1})
	works(t, h)
	expectTally(t, "the second", r, want, ingest.Tally{Seen: 1, Current: 1})
	want.Variants[0].Spec.WM.Image = house.NewID()
	if _, err := r.Run(t.Context(), want); core.SlugOf(err) != core.InvalidTransform {
		t.Errorf("with a watermark that there is not, Run = %v, want an invalid transform", err)
	}
}
