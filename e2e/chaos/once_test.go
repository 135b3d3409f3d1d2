package chaos

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/ledger"
	"imgd/e2e/rig"
)

func TestAHundredIdenticalUploadsToTwoAPIsMakeOneImage(t *testing.T) {
	t.Parallel()
	site := rig.NewProduction(t, shipped, "IMGD_LOG_LEVEL=warn")
	books := ledger.Open(t, site)
	apis := []*caller.Caller{caller.At(site.Start(t, "api").URL), caller.At(site.Start(t, "api").URL)}
	site.Start(t, "worker")
	file := picture(t, 320, 240)
	body, contentType := caller.Form(file, "a.jpg")
	ctx := within(t, time.Minute)
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		fresh []caller.Job
		seen  = map[string]int{}
	)
	for i := range 100 {
		wg.Go(func() {
			a, err := apis[i%2].Do(ctx, http.MethodPost, "/v1/images", contentType, body, "Idempotency-Key", "the-one")
			mu.Lock()
			defer mu.Unlock()
			var j caller.Job
			switch {
			case err != nil:
				t.Error(err)
			case a.Status == http.StatusConflict && a.Slug() == "idempotency-in-progress" && a.RetryAfter() > 0:
				seen["in progress"]++
			case a.Status != http.StatusAccepted || json.Unmarshal(a.Body, &j) != nil:
				t.Errorf("an upload was answered %d: %s", a.Status, a.Body)
			case a.Header.Get("Idempotency-Replayed") == "true":
				seen["replayed"]++
			default:
				fresh = append(fresh, j)
			}
		})
	}
	wg.Wait()
	t.Logf("100 uploads at once: %d carried out, %v", len(fresh), seen)
	if len(fresh) != 1 {
		t.Fatalf("%d uploads were carried out, want 1", len(fresh))
	}
	succeeded(t, apis[0], fresh[0].ID, time.Minute)
	one(t, apis[1], books, ledger.Sent{Image: fresh[0].ImageID, Job: fresh[0].ID, SHA256: ledger.Digest(file), Width: 320, Height: 240}, 0)
}
