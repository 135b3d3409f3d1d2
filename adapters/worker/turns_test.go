package worker_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"imgd/core"
	"imgd/core/ingest"
	"imgd/e2e/house"
	"imgd/ports/portstest"
)

// TestManyJobsOfOneTenantAreNotInTheWayOfAnothers, neither in the rows nor in the
// hints, which come in the order of the uploads.
func TestManyJobsOfOneTenantAreNotInTheWayOfAnothers(t *testing.T) {
	h := house.New(t)
	send := func(tenant string, n int) {
		t.Helper()
		for i := range n {
			u := house.Upload(portstest.FakeImage(4, 3, fmt.Sprint(tenant, i)), ingest.Fields{})
			u.By.Tenant = tenant
			if _, err := h.Ingest.Accept(t.Context(), u); err != nil {
				t.Fatal(err)
			}
		}
	}
	send("acme", 200)
	send("globex", 5)
	var mu sync.Mutex
	begun, few := 0, 0
	last := 0 // of globex's
	h.Process.Watch = func(ctx context.Context, j core.Job) (context.Context, func(core.Outcome, error)) {
		mu.Lock()
		defer mu.Unlock()
		if begun++; j.Tenant == "globex" {
			few, last = few+1, begun
		}
		return ctx, func(core.Outcome, error) {}
	}
	stop := start(t, h.Process, h.Queue, 1, time.Hour, time.Minute)
	defer stop()
	eventually(t, "all of globex's begun", func() bool { mu.Lock(); defer mu.Unlock(); return few == 5 })
	if last > 25 {
		t.Errorf("the last of globex's five jobs is the %dth to begin, among 200 of acme's", last)
	}
}
