package worker_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/worker"
	"imgd/core"
	"imgd/core/ingest"
	"imgd/e2e/house"
	"imgd/ports"
)

func keeper(h *house.House, age time.Duration) *worker.Housekeeper {
	return &worker.Housekeeper{
		Rows: h.House, Blobs: h.Blobs, Worker: "w1", NewID: house.NewID, Log: slog.New(slog.DiscardHandler), CleanStaging: h.CleanStaging,
		Sweep: 5 * time.Millisecond, Orphans: 10 * time.Millisecond, Age: age,
	}
}

// objects lists what the store holds for rows.
func objects(t *testing.T, h *house.House) []string {
	t.Helper()
	return slices.DeleteFunc(h.Keys(t), func(key string) bool { return strings.HasPrefix(key, "generation/") })
}

func during(t *testing.T, run func(context.Context), look func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { run(ctx); close(done) }()
	defer func() { cancel(); <-done }()
	eventually(t, "done", look)
}

func TestPurgedObjectsAreSweptAndOthersStay(t *testing.T) {
	h := house.New(t)
	gone, stays := h.Accept(t, "gone"), h.Accept(t, "stays")
	for range 2 {
		if err := h.Process.Next(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Library.Delete(t.Context(), house.Ann(), "", gone.Record.Image.ID, true); err != nil {
		t.Fatal(err)
	}
	during(t, keeper(h, time.Hour).Run, func() bool { return len(objects(t, h)) == 5 })
	for _, k := range objects(t, h) {
		if strings.Contains(k, string(gone.Record.Image.ID)) {
			t.Errorf("%s is still there", k)
		}
	}
	if b, err := h.Deliver.Original(t.Context(), house.Ann(), stays.Record.Image.ID); err != nil {
		t.Errorf("the other original = %v", err)
	} else {
		b.Close()
	}
}

func TestAStoreThatIsAwayIsSweptLater(t *testing.T) {
	h := house.New(t)
	a := h.Accept(t, "")
	if err := h.Library.Delete(t.Context(), house.Ann(), "", a.Record.Image.ID, true); err != nil {
		t.Fatal(err)
	}
	k := keeper(h, time.Hour)
	refusing := &refusing{Blobs: h.Disk}
	refusing.left.Store(1)
	k.Blobs = refusing
	during(t, k.Run, func() bool { return len(objects(t, h)) == 0 })
}

type refusing struct {
	ports.Blobs
	left atomic.Int64
}

func (r *refusing) Delete(ctx context.Context, key string) error {
	if r.left.Add(-1) >= 0 {
		return core.Unavailable.Errorf("the store is away")
	}
	return r.Blobs.Delete(ctx, key)
}

func TestOrphansGoAndWhatRowsKnowStays(t *testing.T) {
	h := house.New(t)
	h.Accept(t, "")
	if err := h.Process.Next(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	orphan := core.Image{ID: house.NewID()}.OriginalKey()
	if _, err := h.Disk.Create(t.Context(), orphan, "", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	during(t, keeper(h, -time.Hour).Run, func() bool { return !slices.Contains(objects(t, h), orphan) })
	if keys := objects(t, h); len(keys) != 5 {
		t.Errorf("the store holds %q, want the original and its four variants", keys)
	}
}

func TestAnOrphanGoesAfterTheGraceUnlessItIsNeededAgain(t *testing.T) {
	h := house.New(t)
	a := h.Accept(t, "")
	ask := func(spec string) {
		t.Helper()
		if _, err := h.Ingest.Add(t.Context(), house.Ann(), "c", "", a.Record.Image.ID, ingest.Request{Variants: []byte(`{"one":"` + spec + `"}`), Force: true}); err != nil {
			t.Fatal(err)
		}
	}
	work := func() {
		t.Helper()
		if err := h.Process.Next(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
	work()
	ask("w=10")
	work()
	ask("w=20") // replaces what w=10 made
	work()
	k := keeper(h, -time.Hour)
	k.Grace = time.Hour
	during(t, k.Run, func() bool { all, _, err := h.House.Waiting(t.Context(), 0); return all == 1 && err == nil })
	ask("w=10") // finds its bytes and makes none
	work()
	if all, _, err := h.House.Waiting(t.Context(), 0); all != 0 || err != nil {
		t.Errorf("%d objects wait for a sweep (%v), want none: the marked one is needed again", all, err)
	}
	k.Grace = 0
	during(t, k.Run, func() bool { return len(objects(t, h)) == 6 })
	b, err := h.Deliver.Variant(t.Context(), house.Ann(), a.Record.Image.ID, "one")
	if err != nil {
		t.Fatalf("the variant that was asked for again = %v", err)
	}
	b.Close()
}

func TestYoungObjectsAreNoOrphans(t *testing.T) {
	h := house.New(t)
	if _, err := h.Disk.Create(t.Context(), "o/upload-under-way", "", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	keeper(h, time.Hour).Run(ctx)
	if keys := objects(t, h); len(keys) != 1 {
		t.Errorf("the store holds %q, want the young object", keys)
	}
}

func TestTheScanDiscardsWhatIsHalfWrittenForLong(t *testing.T) {
	h := house.New(t)
	var before atomic.Pointer[time.Time]
	k := keeper(h, 3*time.Hour)
	k.CleanStaging = func(_ context.Context, b time.Time) (int, error) { before.Store(&b); return 0, nil }
	during(t, k.Run, func() bool { return before.Load() != nil })
	if age := time.Since(*before.Load()); age < 3*time.Hour || age > 3*time.Hour+time.Minute {
		t.Errorf("what is older than %s is discarded, want 3 hours", age)
	}
}

func TestAStoreThatBelongsToAnotherDatabaseIsLeftAlone(t *testing.T) {
	h := house.New(t)
	for range 101 {
		if _, err := h.Disk.Create(t.Context(), core.Image{ID: house.NewID()}.OriginalKey(), "", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	k := keeper(h, -time.Hour)
	during(t, k.Run, func() bool { return k.Apart() != nil })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	k.Run(ctx)
	if n := len(objects(t, h)); n != 101 {
		t.Errorf("%d of 101 unknown objects are left, want all: the database has never met this store", n)
	}
	if err := meeting(h).Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	during(t, k.Run, func() bool { return len(objects(t, h)) == 0 })
}

func TestOneOfTwoKeepsHouse(t *testing.T) {
	h := house.New(t)
	if mine, err := h.House.Lead(t.Context(), "housekeeping", "w1", time.Minute); !mine || err != nil {
		t.Fatalf("Lead of the first = %t, %v, want true", mine, err)
	}
	a := h.Accept(t, "")
	if err := h.Library.Delete(t.Context(), house.Ann(), "", a.Record.Image.ID, true); err != nil {
		t.Fatal(err)
	}
	other := keeper(h, time.Hour)
	other.Worker = "w2"
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	other.Run(ctx)
	if n := len(objects(t, h)); n != 1 {
		t.Errorf("a worker without the lease swept: %d objects are left, want 1", n)
	}
}

func TestAVanishedWorkersJobIsReaped(t *testing.T) {
	h := house.New(t)
	a := h.Accept(t, "")
	if _, err := h.Queue.Pop(t.Context()); err != nil { // the upload's own hint
		t.Fatal(err)
	}
	if _, _, err := h.Jobs.Claim(t.Context(), ports.Want{Worker: "gone", Lease: 20 * time.Millisecond, SpecVersion: core.SpecVersion}); err != nil {
		t.Fatal(err)
	}
	r := &worker.Reaper{Jobs: h.Jobs, Queue: h.Queue, Every: 10 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
	during(t, r.Run, func() bool {
		j, err := h.Library.Job(t.Context(), house.Ann(), a.Job.ID, 0)
		return err == nil && j.State == core.JobQueued && j.Lost == 1 && j.Attempt == 0
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if id, err := h.Queue.Pop(ctx); id != a.Job.ID || err != nil {
		t.Errorf("the hint is %q, %v, want the reaped job", id, err)
	}
}
