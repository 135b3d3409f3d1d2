package library_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"imgd/core"
	"imgd/core/ingest"
	"imgd/e2e/house"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestAListIsReadInPagesNewestFirst(t *testing.T) {
	h := house.New(t)
	var want []core.ID
	for i := range 7 {
		f := ingest.Fields{Bucket: "even"}
		if i%2 == 1 {
			f.Bucket = "odd"
		}
		a, err := h.Ingest.Accept(t.Context(), house.Upload(portstest.FakeImage(9, 9, fmt.Sprint(i)), f))
		if err != nil {
			t.Fatal(err)
		}
		if f.Bucket == "even" {
			want = append([]core.ID{a.Record.Image.ID}, want...)
		}
	}
	var got []core.ID
	cursor, pages := "", 0
	for {
		items, next, err := h.Library.ListImages(t.Context(), house.Ann(), core.ImageFilter{Bucket: "even"}, 2, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range items {
			if len(r.Variants) != 4 {
				t.Errorf("image %s comes with %d variants, want 4", r.Image.ID, len(r.Variants))
			}
			got = append(got, r.Image.ID)
		}
		pages++
		if cursor = next; cursor == "" {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || pages != 2 {
		t.Errorf("in %d pages the list is\n%v, want in 2\n%v", pages, got, want)
	}
}

func TestACursorBelongsToItsList(t *testing.T) {
	h := house.New(t)
	for i := range 3 {
		h.Accept(t, fmt.Sprint(i))
	}
	_, cursor, err := h.Library.ListImages(t.Context(), house.Ann(), core.ImageFilter{}, 1, "")
	if err != nil || cursor == "" {
		t.Fatalf("cursor %q, %v", cursor, err)
	}
	stranger := house.Ann()
	stranger.Tenant = "globex"
	for name, call := range map[string]func() error{
		"another filter": func() error {
			_, _, err := h.Library.ListImages(t.Context(), house.Ann(), core.ImageFilter{Bucket: "b"}, 1, cursor)
			return err
		},
		"another tenant": func() error {
			_, _, err := h.Library.ListImages(t.Context(), stranger, core.ImageFilter{}, 1, cursor)
			return err
		},
		"no cursor": func() error {
			_, _, err := h.Library.ListImages(t.Context(), house.Ann(), core.ImageFilter{}, 1, "!!")
			return err
		},
	} {
		if err := call(); core.SlugOf(err) != core.InvalidCursor {
			t.Errorf("%s = %v, want InvalidCursor", name, err)
		}
	}
	for _, limit := range []int{-1, 201} {
		if _, _, err := h.Library.ListImages(t.Context(), house.Ann(), core.ImageFilter{}, limit, ""); core.SlugOf(err) != core.InvalidParameter {
			t.Errorf("limit %d = %v, want InvalidParameter", limit, err)
		}
	}
}

func TestALookupSaysWhatIsMissingAndStrangersSeeNothing(t *testing.T) {
	h := house.New(t)
	a, b := h.Accept(t, "a").Record.Image.ID, h.Accept(t, "b").Record.Image.ID
	none := house.NewID()
	found, missing, err := h.Library.Lookup(t.Context(), house.Ann(), []core.ID{b, none, a, b})
	if err != nil || len(found) != 2 || found[0].Image.ID != b || found[1].Image.ID != a || len(missing) != 1 || missing[0] != none {
		t.Errorf("Lookup = %d found, missing %v, %v; want b, a and the unknown one", len(found), missing, err)
	}
	stranger := house.Ann()
	stranger.Tenant = "globex"
	found, missing, err = h.Library.Lookup(t.Context(), stranger, []core.ID{a, b})
	if err != nil || len(found) != 0 || len(missing) != 2 {
		t.Errorf("a stranger's Lookup = %d found, %v missing, %v; want both missing", len(found), missing, err)
	}
	if _, _, err := h.Library.Lookup(t.Context(), house.Ann(), make([]core.ID, 101)); core.KindOf(err) != core.Invalid {
		t.Errorf("101 ids = %v, want Invalid", err)
	}
}

func TestAPatchNeedsTheVersionItWasMadeFor(t *testing.T) {
	h := house.New(t)
	id := h.Accept(t, "").Record.Image.ID
	one, name := int64(1), "dog.png"
	got, err := h.Library.Patch(t.Context(), house.Ann(), "c", id, core.ImagePatch{IfVersion: &one, Filename: &name, Metadata: []byte(`{"a":1}`)})
	if err != nil || got.Image.Filename != "dog.png" || string(got.Image.Metadata) != `{"a":1}` || got.Image.Version <= 1 {
		t.Fatalf("Patch = %+v, %v", got.Image, err)
	}
	if _, err := h.Library.Patch(t.Context(), house.Ann(), "c", id, core.ImagePatch{IfVersion: &one, Filename: &name}); core.SlugOf(err) != core.PreconditionFailed {
		t.Errorf("a second patch of version 1 = %v, want PreconditionFailed", err)
	}
	bad := "../x"
	if _, err := h.Library.Patch(t.Context(), house.Ann(), "c", id, core.ImagePatch{Bucket: &bad}); core.SlugOf(err) != core.InvalidParameter {
		t.Errorf("a bucket that climbs = %v, want InvalidParameter", err)
	}
	if _, err := h.Library.Patch(t.Context(), house.Ann(), "c", id, core.ImagePatch{Metadata: []byte(`[1]`)}); core.SlugOf(err) != core.InvalidMetadata {
		t.Errorf("metadata that is a list = %v, want InvalidMetadata", err)
	}
}

func TestADeletedImageIsGoneAtOnceForEverybody(t *testing.T) {
	h := house.New(t)
	a := h.Accept(t, "")
	bob := house.Ann()
	bob.Subject = "bob"
	if err := h.Library.Delete(t.Context(), bob, "c", a.Record.Image.ID, false); core.KindOf(err) != core.Forbidden {
		t.Errorf("a colleague's Delete = %v, want Forbidden", err)
	}
	if err := h.Library.Delete(t.Context(), house.Ann(), "c", a.Record.Image.ID, false); err != nil {
		t.Fatal(err)
	}
	if err := h.Library.Delete(t.Context(), house.Ann(), "c", a.Record.Image.ID, false); err != nil {
		t.Errorf("deleting it again = %v, want nil while the tombstone stands", err)
	}
	stranger := house.Ann()
	stranger.Tenant = "globex"
	if err := h.Library.Delete(t.Context(), stranger, "c", a.Record.Image.ID, false); core.KindOf(err) != core.NotFound {
		t.Errorf("a stranger's Delete = %v, want NotFound", err)
	}
	for name, err := range map[string]error{
		"the image": second(h.Library.Image(t.Context(), house.Ann(), a.Record.Image.ID)),
		"its job":   second(h.Library.Job(t.Context(), house.Ann(), a.Job.ID, 0)),
		"its bytes": second(h.Deliver.Original(t.Context(), house.Ann(), a.Record.Image.ID)),
	} {
		if core.KindOf(err) != core.NotFound {
			t.Errorf("%s = %v, want NotFound", name, err)
		}
	}
	if due, err := h.House.Due(t.Context(), 10); err != nil || len(due) != 0 {
		t.Errorf("%d objects are due to be swept (%v), want none within the grace", len(due), err)
	}
	if err := h.Library.Delete(t.Context(), house.Ann(), "c", a.Record.Image.ID, true); err != nil {
		t.Fatal(err)
	}
	if due, err := h.House.Due(t.Context(), 10); err != nil || len(due) != 2 {
		t.Errorf("after a purge %d objects are due (%v), want the original and the variants", len(due), err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestAWaitEndsWhenTheStateChanges(t *testing.T) {
	h := house.New(t)
	a := h.Accept(t, "")
	if j, err := h.Library.Job(t.Context(), house.Ann(), a.Job.ID, 20*time.Millisecond); err != nil || j.State != core.JobQueued {
		t.Errorf("after a wait in vain the job is %s, %v, want queued", j.State, err)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		_ = h.Process.Next(t.Context(), "")
	}()
	began := time.Now()
	if j, err := h.Library.Await(t.Context(), house.Ann(), a.Job, 20*time.Second); err != nil || j.State != core.JobSucceeded {
		t.Errorf("after the wait the job is %s, %v, want succeeded", j.State, err)
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the wait took %s although the job had ended", took)
	}
	stop := make(chan struct{})
	h.Library.Stopping = stop
	b := h.Accept(t, "b")
	close(stop)
	if j, err := h.Library.Job(t.Context(), house.Ann(), b.Job.ID, time.Hour); err != nil || j.State != core.JobQueued {
		t.Errorf("while the process stops the answer is %s, %v, want queued at once", j.State, err)
	}
}

// told remembers what was announced, and fails as a Redis that is away does.
type told struct {
	ports.Cancels
	ids []core.ID
}

func (a *told) Announce(_ context.Context, id core.ID) error {
	a.ids = append(a.ids, id)
	return core.Unavailable.Errorf("nobody can be told")
}

func TestOnlyACancellationThatARunningJobWaitsForIsAnnounced(t *testing.T) {
	h, news := house.New(t), &told{}
	h.Library.Cancels = news
	queued := h.Accept(t, "a")
	if j, err := h.Library.Cancel(t.Context(), house.Ann(), "c", queued.Job.ID); err != nil || j.State != core.JobCancelled {
		t.Fatalf("cancelling a queued job = %s, %v, want cancelled at once", j.State, err)
	}
	if _, err := h.Library.Cancel(t.Context(), house.Ann(), "c", queued.Job.ID); core.SlugOf(err) != core.JobStateConflict {
		t.Errorf("cancelling it again = %v, want JobStateConflict", err)
	}
	if len(news.ids) != 0 {
		t.Errorf("%v were announced, want nothing where no worker is concerned", news.ids)
	}
	running := h.Accept(t, "b")
	h.Render.Before = func(ctx context.Context, _ ports.Task) error {
		j, err := h.Library.Cancel(ctx, house.Ann(), "c", running.Job.ID)
		if err != nil || j.State != core.JobRunning || j.CancelAt == nil {
			t.Errorf("cancelling a running job = %s, %v, want it to run until its worker stops, although nobody could be told", j.State, err)
		}
		return nil
	}
	if err := h.Process.Next(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if len(news.ids) != 1 || news.ids[0] != running.Job.ID {
		t.Errorf("%v were announced, want the running job's cancellation", news.ids)
	}
}

func TestTheStoryOfAnImageIsTold(t *testing.T) {
	h := house.New(t)
	a := h.Accept(t, "")
	if err := h.Process.Next(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	events, _, err := h.Library.ImageEvents(t.Context(), house.Ann(), a.Record.Image.ID, 0, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []core.EventType
	for _, e := range events {
		got = append(got, e.Type)
		if e.Actor == "" {
			t.Errorf("nobody did %s", e.Type)
		}
	}
	want := []core.EventType{core.JobDone, core.JobClaimed, core.JobCreated, core.ImageCreated}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the story is %v, want, newest first, %v", got, want)
	}
}

func TestNumbersAreCountedFromRows(t *testing.T) {
	h := house.New(t)
	a := h.Accept(t, "a")
	h.Accept(t, "b")
	if err := h.Process.Next(t.Context(), a.Job.ID); err != nil {
		t.Fatal(err)
	}
	own, fleet, err := h.Library.Count(t.Context(), house.Ann())
	if err != nil || fleet != nil {
		t.Fatalf("fleet %v, %v", fleet, err)
	}
	if own.Images != 2 || own.Bytes != 2*a.Record.Image.Bytes || own.Jobs[core.JobSucceeded] != 1 || own.Jobs[core.JobQueued] != 1 || own.Hour.Finished != 1 || own.Day.Failures != 0 {
		t.Errorf("the numbers are %+v", own)
	}
	admin := core.Principal{Tenant: "ops", Subject: "eve", Scopes: []core.Scope{core.ScopeAdmin}}
	own, fleet, err = h.Library.Count(t.Context(), admin)
	if err != nil || fleet == nil || fleet.Due != 1 || own.Images != 0 {
		t.Errorf("an administrator of another tenant sees %+v, %+v, %v; want one due job and no images", own, fleet, err)
	}
}
