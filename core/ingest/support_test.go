package ingest_test

import (
	"context"
	"testing"
	"time"

	"imgd/core"
	"imgd/e2e/house"
	"imgd/ports"
)

// crash is a decoder that dies of every image.
func crash(context.Context, ports.Task) error {
	return core.DecoderCrashed.Errorf("the decoder died")
}

// runAll runs jobs until none is left to run, over their backoff too.
func runAll(t *testing.T, h *house.House) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		err := h.Process.Next(t.Context(), "")
		if err == nil {
			continue
		}
		if core.KindOf(err) != core.NotFound {
			t.Fatal(err)
		}
		live := 0
		for _, s := range []core.JobState{core.JobQueued, core.JobRunning} {
			jobs, _, err := h.Library.ListJobs(t.Context(), house.Ann(), core.JobFilter{State: s}, 0, "")
			if err != nil {
				t.Fatal(err)
			}
			live += len(jobs)
		}
		if live == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("jobs are left after 20 s")
}
