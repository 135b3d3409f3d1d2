package chaos

import (
	"net/http"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/ledger"
	"imgd/e2e/rig"
)

// A worker freezes in the middle of a job; its image is deleted for good; it thaws.
func TestAFrozenWorkerBringsNothingBackOfADeletedImage(t *testing.T) {
	points := []string{"after-render", "mid-decode"}
	if long() {
		points = append(points, "after-first-variant-put", "before-finish")
	}
	for _, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			site := rig.NewProduction(t, stopping, "IMGD_LOG_LEVEL=error", "IMGD_LEASE="+short.String())
			books := ledger.Open(t, site)
			client := caller.At(site.Start(t, "api").URL)
			frozen := site.Start(t, "worker", "IMGD_CRASH_POINT="+point, "IMGD_CRASH_ACT=freeze")
			j := accepted(t, client, picture(t, 640, 480), "the-one")
			eventually(t, "frozen", time.Minute, func() bool { return reached(t, site, point) })
			remove(t, client, j)
			site.Start(t, "worker") // not sooner: it would finish the job before it is gone
			gone := swept(t, books)
			frozen.Cont(t)
			time.Sleep(short)
			again := swept(t, books)
			t.Logf("its objects were gone %s after it was deleted, and for good %s after its worker thawed", gone.Round(time.Millisecond), again.Round(time.Millisecond))
			unreadable(t, client, j)
			if n := number(t, books, "SELECT count(*) FROM events WHERE type = 'job.succeeded'"); n != 0 {
				t.Errorf("its job succeeded %d times, want never", n)
			}
		})
	}
}

// remove deletes an image for good while its job runs, and reads at once.
func remove(t *testing.T, client *caller.Caller, j caller.Job) {
	t.Helper()
	a, err := client.Insist(within(t, time.Minute), http.MethodDelete, "/v1/images/"+j.ImageID+"?purge=true", "", nil)
	if err != nil || a.Status != http.StatusNoContent {
		t.Fatalf("DELETE = %d %s, %v; want 204", a.Status, a.Body, err)
	}
	unreadable(t, client, j)
}

// unreadable checks that nothing is answered but 404.
func unreadable(t *testing.T, client *caller.Caller, j caller.Job) {
	t.Helper()
	for _, path := range []string{
		"/v1/images/" + j.ImageID, "/v1/images/" + j.ImageID + "/original", "/v1/images/" + j.ImageID + "/variants/thumbnail", "/v1/jobs/" + j.ID,
	} {
		if a, err := client.Do(within(t, time.Minute), http.MethodGet, path, "", nil); err != nil || a.Status != http.StatusNotFound {
			t.Errorf("GET %s = %d %s, %v; want 404", path, a.Status, a.Body, err)
		}
	}
}
