package process_test

import (
	"context"
	"testing"
	"time"

	"imgd/core/process"
	"imgd/e2e/house"
	"imgd/ports"
	"imgd/ports/portstest"
)

// sweepAll deletes what is due, as a housekeeper does.
func sweepAll(t *testing.T, h *house.House) {
	t.Helper()
	for {
		due, err := h.House.Due(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(due) == 0 {
			return
		}
		if err := h.Disk.Delete(t.Context(), due[0].BlobKey); err != nil {
			t.Fatal(err)
		}
		if err := h.House.Swept(t.Context(), due[0]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNothingComesBackOfAnImageThatIsDeletedWhileItsWorkerIsFrozen(t *testing.T) {
	h := house.New(t)
	h.Process.Sweeps = h.House
	a := h.Accept(t, "")
	h.Render.Before = func(context.Context, ports.Task) error {
		if err := h.Library.Delete(t.Context(), house.Ann(), "c", a.Record.Image.ID, true); err != nil {
			t.Error(err)
		}
		sweepAll(t, h)
		if keys := h.Keys(t); len(keys) != 0 {
			t.Errorf("after the image was purged the store holds %q", keys)
		}
		return nil // the worker thaws, and does not know yet
	}
	if err := next(t, h); err != nil {
		t.Fatal(err)
	}
	if keys := h.Keys(t); len(keys) == 0 {
		t.Error("the frozen worker made nothing: nothing was tested")
	}
	sweepAll(t, h)
	if keys := h.Keys(t); len(keys) != 0 {
		t.Errorf("what the frozen worker made of a purged image stays: %q", keys)
	}
}

func TestWhatASuccessorFoundInTheStoreIsNotSwept(t *testing.T) {
	h := house.New(t)
	h.Process.Sweeps = h.House
	a := h.Accept(t, "")
	frozen := process.Service{Worker: "frozen", Jobs: silent{h.Jobs}, Blobs: h.Blobs, Lease: 100 * time.Millisecond, PublishAfter: time.Hour, Sweeps: h.House, Log: h.Process.Log}
	frozen.Render = &portstest.FakeRenderer{Before: func(context.Context, ports.Task) error {
		time.Sleep(150 * time.Millisecond)
		if reaped, err := h.Jobs.Reap(t.Context()); err != nil || len(reaped) != 1 {
			t.Errorf("Reap = %d jobs, %v, want the frozen one's", len(reaped), err)
		}
		return nil
	}}
	if err := frozen.Next(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if all, _, err := h.House.Waiting(t.Context(), 0); err != nil || all == 0 {
		t.Errorf("%d objects of the frozen one are to be swept, %v; want some", all, err)
	}
	sweepAll(t, h) // while the successor may be about to use them
	if err := next(t, h); err != nil {
		t.Fatal(err)
	}
	sweepAll(t, h)
	variants := image(t, h, a.Record.Image.ID).Variants
	if len(variants) != 4 {
		t.Errorf("there are %d variants, want 4", len(variants))
	}
	for _, v := range variants {
		b, err := h.Deliver.Variant(t.Context(), house.Ann(), v.ImageID, v.Name)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		b.Close()
	}
}
