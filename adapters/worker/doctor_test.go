package worker_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imgd/adapters/worker"
	"imgd/core"
	"imgd/e2e/house"
	"imgd/ports"
	"imgd/ports/portstest"
)

// doctor finds objects of any age.
func doctor(h *house.House, b ports.Blobs) worker.Doctor {
	return worker.Doctor{Rows: h.House, Blobs: b, NewID: house.NewID, Age: -time.Hour}
}

func examine(t *testing.T, d worker.Doctor) worker.Findings {
	t.Helper()
	f, err := d.Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// shuffled lists in no order.
type shuffled struct{ ports.Blobs }

func (s shuffled) List(ctx context.Context, prefix string) iter.Seq2[ports.Entry, error] {
	var all []ports.Entry
	for e := range s.Blobs.List(ctx, prefix) {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b ports.Entry) int { return strings.Compare(a.Key[len(a.Key)/2:], b.Key[len(b.Key)/2:]) })
	return func(yield func(ports.Entry, error) bool) {
		for _, e := range all {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// furnished is a house with images in every state: finished, queued, deleted.
func furnished(t *testing.T) (h *house.House, ids []core.ID) {
	t.Helper()
	h = house.New(t)
	advance(t, h)
	for range 7 {
		a := h.Accept(t, string(house.NewID()))
		ids = append(ids, a.Record.Image.ID)
		if err := h.Process.Next(t.Context(), a.Job.ID); err != nil {
			t.Fatal(err)
		}
	}
	h.Accept(t, "queued")
	if err := h.Library.Delete(t.Context(), house.Ann(), "", ids[3], false); err != nil {
		t.Fatal(err)
	}
	return h, slices.Delete(ids, 3, 4)
}

func TestAHealthyHouseHasNothingWrong(t *testing.T) {
	h, _ := furnished(t)
	for name, d := range map[string]worker.Doctor{
		"as it is": doctor(h, h.Disk), "in another order": doctor(h, shuffled{h.Disk}), "without descriptors": doctor(h, portstest.Fileless{Blobs: h.Disk}),
	} {
		for _, d.Digests = range []bool{false, true} {
			f := examine(t, d)
			if f.Wrong() {
				t.Errorf("%s, with digests %v, the doctor finds %+v", name, d.Digests, f)
			}
			if f.Objects != 36 || f.Needed != 31 || f.Waiting != 2 || f.Bytes == 0 {
				t.Errorf("%s, with digests %v, %d objects are there, %d needed and %d sweeps waiting; want 36, 31 and 2", name, d.Digests, f.Objects, f.Needed, f.Waiting)
			}
		}
	}
}

func TestTheDoctorFindsEveryKindOfDamage(t *testing.T) {
	remove := func(t *testing.T, h *house.House, key string) {
		t.Helper()
		if err := h.Disk.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	write := func(t *testing.T, h *house.House, key, text string) {
		t.Helper()
		remove(t, h, key)
		if _, err := h.Disk.Create(t.Context(), key, "", strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	// variantOf is a variant's key, and as many other bytes as it has.
	variantOf := func(t *testing.T, h *house.House, id core.ID) (key, other string) {
		t.Helper()
		rec, err := h.Library.Image(t.Context(), house.Ann(), id)
		if err != nil {
			t.Fatal(err)
		}
		return rec.Variants[1].BlobKey, strings.Repeat("x", int(rec.Variants[1].Bytes))
	}
	for name, c := range map[string]struct {
		damage  func(t *testing.T, h *house.House, ids []core.ID)
		digests bool
		found   func(worker.Findings) worker.Finding
		count   int64
	}{
		"an orphan": {func(t *testing.T, h *house.House, ids []core.ID) {
			write(t, h, "o/"+string(house.NewID()), "x")
			write(t, h, "v/"+string(ids[0])+"/a.webp", "x")
			write(t, h, "a", "x")
			write(t, h, "zz/z", "x")
		}, false, func(f worker.Findings) worker.Finding { return f.Orphans }, 4},
		"a missing original": {func(t *testing.T, h *house.House, ids []core.ID) {
			remove(t, h, core.Image{ID: ids[0]}.OriginalKey())
			remove(t, h, core.Image{ID: ids[len(ids)-1]}.OriginalKey())
		}, false, func(f worker.Findings) worker.Finding { return f.Missing }, 2},
		"missing variants": {func(t *testing.T, h *house.House, ids []core.ID) {
			remove(t, h, "v/"+string(ids[2])+"/")
			key, _ := variantOf(t, h, ids[len(ids)-1])
			remove(t, h, key)
		}, false, func(f worker.Findings) worker.Finding { return f.Missing }, 5},
		"an empty store": {func(t *testing.T, h *house.House, _ []core.ID) {
			remove(t, h, "o/")
			remove(t, h, "v/")
		}, false, func(f worker.Findings) worker.Finding { return f.Missing }, 31},
		"a wrong size": {func(t *testing.T, h *house.House, ids []core.ID) {
			key, other := variantOf(t, h, ids[1])
			write(t, h, key, other+"x")
			write(t, h, core.Image{ID: ids[1]}.OriginalKey(), "x")
		}, false, func(f worker.Findings) worker.Finding { return f.Damaged }, 2},
		"wrong bytes": {func(t *testing.T, h *house.House, ids []core.ID) {
			key, other := variantOf(t, h, ids[1])
			write(t, h, key, other)
		}, true, func(f worker.Findings) worker.Finding { return f.Damaged }, 1},
		"an overdue sweep": {func(t *testing.T, h *house.House, _ []core.ID) {
			if _, err := h.DB.SQL().ExecContext(t.Context(), "UPDATE sweep_tasks SET not_before = 1"); err != nil {
				t.Fatal(err)
			}
		}, false, func(f worker.Findings) worker.Finding { return worker.Finding{Count: f.Overdue} }, 2},
		"another store": {func(t *testing.T, h *house.House, _ []core.ID) {
			remove(t, h, "generation/")
		}, false, func(f worker.Findings) worker.Finding {
			return worker.Finding{Count: int64(strings.Count(f.Generation, "imgd doctor --accept"))}
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h, ids := furnished(t)
			c.damage(t, h, ids)
			for order, b := range map[string]ports.Blobs{"in order": h.Disk, "in no order": shuffled{h.Disk}} {
				d := doctor(h, b)
				d.Digests = c.digests
				f := examine(t, d)
				if got := c.found(f).Count; got != c.count || !f.Wrong() {
					t.Errorf("listed %s, the doctor finds %d of it, want %d: %+v", order, got, c.count, f)
				}
				if all := f.Orphans.Count + f.Missing.Count + f.Damaged.Count + f.Overdue; f.Generation == "" && all != c.count {
					t.Errorf("listed %s, the doctor finds %d things in all, want %d: %+v", order, all, c.count, f)
				}
			}
		})
	}
}

func TestTheDoctorFindsWhatIsHalfWritten(t *testing.T) {
	h, _ := furnished(t)
	var before time.Time
	d := doctor(h, h.Disk)
	d.Age = 3 * time.Hour
	d.Unfinished = func(_ context.Context, b time.Time) (int, error) { before = b; return 2, nil }
	if f := examine(t, d); f.Unfinished != 2 || !f.Wrong() || time.Since(before) < d.Age {
		t.Errorf("half-written are %d since before %s, want 2 that are 3 hours old", f.Unfinished, before)
	}
}

func TestTheDoctorDiscardsOnlyWhatIsHalfWrittenForLong(t *testing.T) {
	h, _ := furnished(t)
	d := doctor(h, h.Disk)
	d.Age = 3 * time.Hour
	if n, err := d.Discard(t.Context()); n != 0 || err != nil {
		t.Errorf("Discard in a store that has no such thing = %d, %v", n, err)
	}
	var before time.Time
	d.CleanStaging = func(_ context.Context, b time.Time) (int, error) { before = b; return 2, nil }
	if n, err := d.Discard(t.Context()); n != 2 || err != nil || time.Since(before) < d.Age {
		t.Errorf("Discard = %d, %v of what is older than %s, want 2 that are 3 hours old", n, err, before)
	}
	before = time.Time{}
	was := generation(t, h)
	advance(t, h)
	restore(t, h, was)
	if n, err := d.Discard(t.Context()); core.KindOf(err) != core.Conflict || n != 0 || !before.IsZero() {
		t.Errorf("Discard with a restored database = %d, %v, want a Conflict and nothing touched", n, err)
	}
}

func TestYoungObjectsAreNoDamage(t *testing.T) {
	h, _ := furnished(t)
	if _, err := h.Disk.Create(t.Context(), "o/upload-under-way", "", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	d := doctor(h, h.Disk)
	d.Age = time.Hour
	if f := examine(t, d); f.Wrong() || f.Young != 37 {
		t.Errorf("the doctor finds %+v, want nothing, and 37 young objects", f)
	}
}

func TestRemovingOrphansLeavesWhatIsNeededAndWhatHasItsGrace(t *testing.T) {
	h, ids := furnished(t)
	orphans := []string{"o/" + string(house.NewID()), "v/" + string(ids[0]) + "/a.webp"}
	for _, key := range orphans {
		if _, err := h.Disk.Create(t.Context(), key, "", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	d := doctor(h, h.Disk)
	was := generation(t, h)
	advance(t, h)
	is := generation(t, h)
	restore(t, h, was)
	if n, err := d.Remove(t.Context()); core.KindOf(err) != core.Conflict || n != 0 {
		t.Errorf("Remove of a restored database = %d, %v, want a Conflict", n, err)
	}
	restore(t, h, is)
	if n, err := d.Remove(t.Context()); n != 2 || err != nil {
		t.Errorf("Remove = %d, %v, want 2", n, err)
	}
	if f := examine(t, d); f.Wrong() || f.Objects != 36 || f.Waiting != 2 {
		t.Errorf("after it the doctor finds %+v, want 36 objects and 2 sweeps that wait", f)
	}
}

func TestHardLinksAreACopyThatDeletingDoesNotReach(t *testing.T) {
	h, ids := furnished(t)
	to := filepath.Join(t.TempDir(), "copy")
	n, err := h.Disk.LinkInto(t.Context(), to)
	if n != 37 || err != nil {
		t.Fatalf("LinkInto = %d, %v, want 37 objects", n, err)
	}
	if _, err := h.Disk.LinkInto(t.Context(), to); !os.IsExist(err) {
		t.Errorf("LinkInto where something is = %v, want a refusal", err)
	}
	key := core.Image{ID: ids[0]}.OriginalKey()
	if err := h.Disk.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(to, key)); err != nil || len(text) == 0 {
		t.Errorf("the copy of a deleted object has %d bytes (%v)", len(text), err)
	}
}
