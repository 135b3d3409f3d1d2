package worker_test

import (
	"context"
	"testing"
	"time"

	"imgd/core"
	"imgd/core/ingest"
	"imgd/e2e/house"
	"imgd/ports/portstest"
)

func TestWhatIsOverIsForgottenAndTheRestIsNot(t *testing.T) {
	h := house.New(t)
	for range 25 { // more than one batch
		h.Accept(t, string(house.NewID()))
		if err := h.Process.Next(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	live := h.Accept(t, "live")
	count := func(table string) (n int) {
		t.Helper()
		if err := h.DB.SQL().QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil { // #nosec G202 -- of this test
			t.Fatal(err)
		}
		return n
	}
	k := keeper(h, time.Hour)
	events := count("events")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	k.Run(ctx)
	if jobs := count("jobs"); jobs != 26 || count("events") != events {
		t.Errorf("%d jobs and %d events are left, want all 26 and %d: nothing is to be forgotten", jobs, count("events"), events)
	}
	k.Jobs = time.Millisecond
	during(t, k.Run, func() bool { return count("jobs") == 1 })
	if _, err := h.Library.Job(t.Context(), house.Ann(), live.Job.ID, 0); err != nil {
		t.Errorf("the job that is not at its end = %v", err)
	}
	if images, variants := count("images"), count("variants"); images != 26 || variants != 104 || count("events") != events {
		t.Errorf("%d images, %d variants and %d events are left, want 26, 104 and %d", images, variants, count("events"), events)
	}
	if err := h.Library.Delete(t.Context(), house.Ann(), "", live.Record.Image.ID, true); err != nil {
		t.Fatal(err)
	}
	k.Events = time.Millisecond
	during(t, k.Run, func() bool { return count("images") == 25 && count("events") == 0 && count("jobs") == 0 })
}

func TestAnImageWhoseTimeIsOverIsDeletedAsByItsOwner(t *testing.T) {
	h := house.New(t)
	soon := time.Now().Add(150 * time.Millisecond).Format(time.RFC3339Nano)
	a, err := h.Ingest.Accept(t.Context(), house.Upload(portstest.FakeImage(40, 30, "a"), ingest.Fields{ExpiresAt: soon}))
	if err != nil {
		t.Fatal(err)
	}
	stays := h.Accept(t, "b")
	k := keeper(h, time.Hour)
	k.Grace = time.Hour
	during(t, k.Run, func() bool {
		_, err := h.Library.Image(t.Context(), house.Ann(), a.Record.Image.ID)
		return core.KindOf(err) == core.NotFound
	})
	if time.Now().Before(*a.Record.Image.ExpiresAt) {
		t.Error("it was deleted before its time")
	}
	if n := len(objects(t, h)); n != 2 {
		t.Errorf("%d objects are left, want 2: the grace is not over", n)
	}
	if _, err := h.Library.Image(t.Context(), house.Ann(), stays.Record.Image.ID); err != nil {
		t.Errorf("an image without an end = %v", err)
	}
}
