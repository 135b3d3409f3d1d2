package process_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imgd/core"
	"imgd/core/ingest"
	"imgd/core/process"
	"imgd/core/transform"
	"imgd/e2e/house"
	"imgd/ports"
	"imgd/ports/portstest"
)

func next(t *testing.T, h *house.House) error {
	t.Helper()
	return h.Process.Next(t.Context(), "")
}

func job(t *testing.T, h *house.House, id core.ID) core.Job {
	t.Helper()
	j, err := h.Library.Job(t.Context(), house.Ann(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func image(t *testing.T, h *house.House, id core.ID) core.Record {
	t.Helper()
	r, err := h.Library.Image(t.Context(), house.Ann(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAJobMakesEveryVariantAndTheFacts(t *testing.T) {
	h := house.New(t)
	a := h.Accept(t, "")
	if err := next(t, h); err != nil {
		t.Fatal(err)
	}
	if j := job(t, h, a.Job.ID); j.State != core.JobSucceeded || j.Attempt != 1 || j.StartedAt == nil || j.FinishedAt == nil || j.CostCPUMS != 1 || j.CostWriteBytes == 0 {
		t.Errorf("the job is %+v", j)
	}
	rec := image(t, h, a.Record.Image.ID)
	if m := rec.Image; m.State != core.ImageReady || m.DominantColor != "#102030" || m.Blurhash == "" {
		t.Errorf("the image is %+v", m)
	}
	for _, v := range rec.Variants {
		if v.State != core.VariantIsReady {
			t.Errorf("%s is %s", v.Name, v.State)
			continue
		}
		b, err := h.Deliver.Variant(t.Context(), house.Ann(), v.ImageID, v.Name)
		if err != nil {
			t.Error(err)
			continue
		}
		body, err := io.ReadAll(b)
		b.Close()
		if err != nil || int64(len(body)) != v.Bytes || !strings.HasPrefix(string(body), v.Name+" ") {
			t.Errorf("%s reads %q (%v)", v.Name, body, err)
		}
	}
	if err := next(t, h); core.KindOf(err) != core.NotFound {
		t.Errorf("with no job left, Next = %v, want NotFound", err)
	}
}

func TestWhatBecomesOfAnAttempt(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		state   core.JobState
		attempt int64
		crashes int64
		slug    core.Slug
	}{
		"an undecodable image fails at once":      {core.ImageTruncated.Errorf("it ends early"), core.JobFailed, 1, 0, core.ImageTruncated},
		"an outage is tried again":                {core.Unavailable.Errorf("away"), core.JobQueued, 1, 0, core.Slug(core.Unavailable)},
		"an unclassified error is tried again":    {errors.New("secret path /etc"), core.JobQueued, 1, 0, core.Slug(core.Internal)},
		"a crash gives the attempt back":          {core.DecoderCrashed.Errorf("it died"), core.JobQueued, 0, 1, core.DecoderCrashed},
		"an overrun counts as a crash":            {core.DecoderOverran.Errorf("it took too long"), core.JobQueued, 0, 1, core.DecoderOverran},
		"an original that is gone kills":          {core.OriginalMissing.Errorf("gone"), core.JobDead, 1, 0, core.OriginalMissing},
		"a stop gives it back and counts nothing": {core.ShuttingDown.Errorf("stopping"), core.JobQueued, 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := house.New(t)
			h.Render.Before = func(context.Context, ports.Task) error { return c.err }
			a := h.Accept(t, "")
			if err := next(t, h); err != nil {
				t.Fatal(err)
			}
			j := job(t, h, a.Job.ID)
			if j.State != c.state || j.Attempt != c.attempt || j.Crashes != c.crashes {
				t.Errorf("the job is %s with %d attempts and %d crashes, want %s, %d, %d", j.State, j.Attempt, j.Crashes, c.state, c.attempt, c.crashes)
			}
			if j.Error == nil && c.slug != "" || j.Error != nil && (j.Error.Slug != c.slug || strings.Contains(j.Error.Detail, "secret")) {
				t.Errorf("its error is %+v, want %q without the cause", j.Error, c.slug)
			}
			wantImage := core.ImageProcessing
			if c.state.Final() {
				wantImage = core.ImageFailed
			}
			if got := image(t, h, a.Record.Image.ID).Image.State; got != wantImage {
				t.Errorf("the image is %s, want %s", got, wantImage)
			}
		})
	}
}

func TestAMissingOriginalKillsTheJob(t *testing.T) {
	h := house.New(t)
	a := h.Accept(t, "")
	if err := h.Disk.Delete(t.Context(), a.Record.Image.OriginalKey()); err != nil {
		t.Fatal(err)
	}
	if err := next(t, h); err != nil {
		t.Fatal(err)
	}
	if j := job(t, h, a.Job.ID); j.State != core.JobDead || j.Error == nil || j.Error.Slug != core.OriginalMissing {
		t.Errorf("the job is %s with %+v, want dead of a missing original", j.State, j.Error)
	}
}

func TestOneRefusedVariantDoesNotDiscardTheOthers(t *testing.T) {
	h := house.New(t)
	h.Render.Between = func(_ context.Context, v transform.Variant) error {
		if v.Name == "medium" {
			return core.ImageTooComplex.Errorf("this one is too complex")
		}
		return nil
	}
	a := h.Accept(t, "")
	if err := next(t, h); err != nil {
		t.Fatal(err)
	}
	rec := image(t, h, a.Record.Image.ID)
	if rec.Image.State != core.ImagePartial || job(t, h, a.Job.ID).State != core.JobSucceeded {
		t.Errorf("the image is %s and the job %s, want partial and succeeded", rec.Image.State, job(t, h, a.Job.ID).State)
	}
	for _, v := range rec.Variants {
		want := core.VariantIsReady
		if v.Name == "medium" {
			want = core.VariantIsBad
		}
		if v.State != want {
			t.Errorf("%s is %s, want %s", v.Name, v.State, want)
		}
	}
	if _, err := h.Deliver.Variant(t.Context(), house.Ann(), rec.Image.ID, "medium"); core.SlugOf(err) != core.VariantFailed {
		t.Errorf("the bad variant = %v, want VariantFailed", err)
	}
}

func TestARetryRendersOnlyWhatIsNotPublished(t *testing.T) {
	h := house.New(t)
	h.Process.PublishAfter = 0
	var rendered []string
	h.Render.Between = func(_ context.Context, v transform.Variant) error { rendered = append(rendered, v.Name); return nil }
	var emitted atomic.Int32
	h.Blobs.Err = nil
	h.Render.Before = func(context.Context, ports.Task) error { return nil }
	a := h.Accept(t, "")
	// The second put fails: one variant is published, the attempt is not over.
	h.Process.Blobs = &failing{Blobs: h.Blobs, after: 1, count: &emitted}
	if err := next(t, h); err != nil {
		t.Fatal(err)
	}
	if n := ready(image(t, h, a.Record.Image.ID)); n != 1 {
		t.Fatalf("%d variants are readable while the job waits for its retry, want 1", n)
	}
	h.Process.Blobs, rendered = h.Blobs, nil
	runUntilDone(t, h, a.Job.ID)
	slices.Sort(rendered)
	if len(rendered) != 3 {
		t.Errorf("the retry rendered %q, want the three that were not published", rendered)
	}
	if n := ready(image(t, h, a.Record.Image.ID)); n != 4 {
		t.Errorf("%d variants are readable in the end, want 4", n)
	}
}

func ready(r core.Record) (n int) {
	for _, v := range r.Variants {
		if v.State == core.VariantIsReady {
			n++
		}
	}
	return n
}

// failing is a store that goes away after some creates.
type failing struct {
	ports.Blobs
	after int32
	count *atomic.Int32
}

func (f *failing) Create(ctx context.Context, key, contentType string, r io.Reader) (ports.Info, error) {
	if f.count.Add(1) > f.after {
		return ports.Info{}, core.Unavailable.Errorf("the store is away")
	}
	return f.Blobs.Create(ctx, key, contentType, r)
}

func runUntilDone(t *testing.T, h *house.House, id core.ID) {
	t.Helper()
	for range 500 {
		if job(t, h, id).State.Final() {
			return
		}
		if err := next(t, h); err != nil && core.KindOf(err) != core.NotFound {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the job did not end in 5 s")
}

func TestALongJobShowsWhatIsReady(t *testing.T) {
	h := house.New(t)
	h.Process.PublishAfter = 10 * time.Millisecond
	seen := make(chan int, 1)
	n := 0
	h.Render.Between = func(context.Context, transform.Variant) error {
		if n++; n == 3 { // two are made; nothing more for a while
			for range 500 {
				items, _, err := h.Library.ListImages(t.Context(), house.Ann(), core.ImageFilter{}, 0, "")
				if err == nil && ready(items[0]) == 2 {
					break
				}
				time.Sleep(2 * time.Millisecond)
			}
			items, _, _ := h.Library.ListImages(t.Context(), house.Ann(), core.ImageFilter{}, 0, "")
			seen <- ready(items[0])
		}
		return nil
	}
	h.Accept(t, "")
	if err := next(t, h); err != nil {
		t.Fatal(err)
	}
	if got := <-seen; got != 2 {
		t.Errorf("while the third is being made %d variants are readable, want 2", got)
	}
}

func TestADecoderThatDiesThreeTimesKillsTheJob(t *testing.T) {
	h := house.New(t)
	h.Render.Before = func(context.Context, ports.Task) error { return core.DecoderCrashed.Errorf("it died") }
	a := h.Accept(t, "")
	runUntilDone(t, h, a.Job.ID)
	if j := job(t, h, a.Job.ID); j.State != core.JobDead || j.Crashes != core.MaxCrashes {
		t.Errorf("the job is %s after %d crashes, want dead after %d", j.State, j.Crashes, core.MaxCrashes)
	}
}

func TestACancelledJobStops(t *testing.T) {
	h := house.New(t)
	h.Process.Lease = 200 * time.Millisecond
	a := h.Accept(t, "")
	started := make(chan struct{})
	h.Render.Before = func(ctx context.Context, _ ports.Task) error {
		close(started)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	done := make(chan error, 1)
	go func() { done <- next(t, h) }()
	<-started
	if _, err := h.Library.Cancel(t.Context(), house.Ann(), "c", a.Job.ID); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if j := job(t, h, a.Job.ID); j.State != core.JobCancelled {
		t.Errorf("the job is %s, want cancelled", j.State)
	}
	if got := image(t, h, a.Record.Image.ID).Image.State; got != core.ImageFailed {
		t.Errorf("the image is %s, want failed", got)
	}
	h.Render.Before = nil
	if _, err := h.Library.Retry(t.Context(), house.Ann(), "c", a.Job.ID); err != nil {
		t.Fatal(err)
	}
	runUntilDone(t, h, a.Job.ID)
	if got := image(t, h, a.Record.Image.ID).Image.State; got != core.ImageReady {
		t.Errorf("after a retry the image is %s, want ready", got)
	}
}

func TestAWorkerThatLostItsLeaseThrowsItsWorkAway(t *testing.T) {
	h := house.New(t)
	a := h.Accept(t, "")
	slow := process.Service{Worker: "frozen", Jobs: silent{h.Jobs}, Blobs: h.Blobs, Lease: 100 * time.Millisecond, PublishAfter: time.Hour, Log: h.Process.Log}
	slow.Render = &portstest.FakeRenderer{Salt: " by the frozen one", Before: func(context.Context, ports.Task) error {
		time.Sleep(150 * time.Millisecond) // past its lease, as a stopped process is
		if reaped, err := h.Jobs.Reap(t.Context()); err != nil || len(reaped) != 1 {
			t.Errorf("Reap = %d jobs, %v, want the frozen one's", len(reaped), err)
		}
		if err := h.Process.Next(t.Context(), ""); err != nil {
			t.Error(err)
		}
		return nil
	}}
	if err := slow.Next(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	j := job(t, h, a.Job.ID)
	if j.State != core.JobSucceeded || j.Worker != "w1" || j.Lost != 1 || j.Attempt != 1 {
		t.Errorf("the job is %s of %s with %d lost and %d attempts, want succeeded of w1 with 1 and 1", j.State, j.Worker, j.Lost, j.Attempt)
	}
	for _, v := range image(t, h, a.Record.Image.ID).Variants {
		b, err := h.Deliver.Variant(t.Context(), house.Ann(), v.ImageID, v.Name)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(b)
		b.Close()
		if strings.Contains(string(body), "frozen") {
			t.Errorf("%s was made by the worker that lost its lease", v.Name)
		}
	}
}

// silent is a database that a frozen worker's heartbeat does not reach.
type silent struct{ ports.Jobs }

func (s silent) Beat(context.Context, core.Job, time.Duration) (bool, error) { return false, nil }

func TestADeletedImageIsNotBroughtBackByItsJob(t *testing.T) {
	h := house.New(t)
	a := h.Accept(t, "")
	h.Render.Before = func(context.Context, ports.Task) error {
		return h.Library.Delete(t.Context(), house.Ann(), "c", a.Record.Image.ID, false)
	}
	if err := next(t, h); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Library.Image(t.Context(), house.Ann(), a.Record.Image.ID); core.KindOf(err) != core.NotFound {
		t.Errorf("the image = %v, want NotFound", err)
	}
	if _, err := h.Deliver.Variant(t.Context(), house.Ann(), a.Record.Image.ID, "thumbnail"); core.KindOf(err) != core.NotFound {
		t.Errorf("a variant = %v, want NotFound", err)
	}
}

func TestAStoreWithoutDescriptorsIsReadThroughASpool(t *testing.T) {
	h := house.New(t)
	a, err := h.Ingest.Accept(t.Context(), house.Upload(portstest.FakeImage(30, 20, ""), ingest.Fields{}))
	if err != nil {
		t.Fatal(err)
	}
	h.Process.Blobs = portstest.Fileless{Blobs: h.Disk}
	h.Process.Spool = portstest.Spool(t)
	if err := next(t, h); err != nil {
		t.Fatal(err)
	}
	if j := job(t, h, a.Job.ID); j.State != core.JobSucceeded {
		t.Errorf("the job is %s with %+v, want succeeded", j.State, j.Error)
	}
}

func TestBytesOfAnEarlierAttemptServeAgainAndOthersGetAKeyOfTheirOwn(t *testing.T) {
	for name, c := range map[string]struct {
		salt string
		keys int // of variants, after two runs of the same transforms
	}{
		"the same bytes":  {"", 4},
		"different bytes": {" other", 8},
	} {
		t.Run(name, func(t *testing.T) {
			h := house.New(t)
			a := h.Accept(t, "")
			if err := next(t, h); err != nil {
				t.Fatal(err)
			}
			h.Render.Salt = c.salt
			if _, err := h.Ingest.Add(t.Context(), house.Ann(), "", "", a.Record.Image.ID, ingest.Request{Preset: "default", Force: true}); err != nil {
				t.Fatal(err)
			}
			if err := next(t, h); err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, k := range h.Keys(t) {
				if strings.HasPrefix(k, "v/") {
					n++
				}
			}
			if n != c.keys {
				t.Errorf("the store has %d variants, want %d", n, c.keys)
			}
			b, err := h.Deliver.Variant(t.Context(), house.Ann(), a.Record.Image.ID, "large")
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			if body, _ := io.ReadAll(b); strings.Contains(string(body), "other") != (c.salt != "") {
				t.Errorf("large reads %q after the second run", body)
			}
		})
	}
}

// alike has every variant come out as the same bytes, as those of a small image do.
type alike struct{ ports.Renderer }

func (a alike) Render(ctx context.Context, t ports.Task, emit func(ports.Rendition) error) (ports.Report, error) {
	return a.Renderer.Render(ctx, t, func(r ports.Rendition) error {
		if r.Err == nil {
			r.Body, r.Bytes = strings.NewReader("the same"), 8
		}
		return emit(r)
	})
}

func TestVariantsOfTheSameBytesAreOneObject(t *testing.T) {
	h := house.New(t)
	h.Process.Render = alike{h.Render}
	a := h.Accept(t, "small")
	if err := h.Process.Next(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	rec, err := h.Library.Image(t.Context(), house.Ann(), a.Record.Image.ID)
	if err != nil || len(rec.Variants) != 4 {
		t.Fatalf("%d variants, %v, want four", len(rec.Variants), err)
	}
	for _, v := range rec.Variants {
		if v.State != core.VariantIsReady || v.Bytes != 8 || v.BlobKey != rec.Variants[0].BlobKey || v.SHA256 != rec.Variants[0].SHA256 {
			t.Errorf("%s is %+v, want it ready and the object of %s", v.Name, v, rec.Variants[0].Name)
		}
	}
	if keys := h.Keys(t); len(keys) != 2 {
		t.Errorf("the store holds %q, want the original and one object", keys)
	}
	if j, err := h.Library.Job(t.Context(), house.Ann(), a.Job.ID, 0); err != nil || j.CostWriteBytes != 8 {
		t.Errorf("%d bytes were written (%v), want the 8 of the one object", j.CostWriteBytes, err)
	}
}
