package chaos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/rig"
)

func TestWithoutTheStoreUploadsAreShedAndJobsWait(t *testing.T) {
	bucket := rig.S3(t)
	link := rig.Proxy(t, bucket.Endpoint[len("http://"):])
	bucket.Endpoint = link.Through(bucket.Endpoint)
	site := rig.NewProduction(t, shipped, "IMGD_STORAGE_URL="+bucket.URL(), "AWS_ACCESS_KEY_ID="+bucket.AccessKey, "AWS_SECRET_ACCESS_KEY="+bucket.SecretKey, "IMGD_LOG_LEVEL=error")
	api, worker := site.Start(t, "api"), site.Start(t, "worker", "IMGD_WORKERS=2")
	client, asker := caller.At(api.URL), caller.At(worker.URL)
	stored := accepted(t, client, picture(t, 64, 64), "warm")
	succeeded(t, client, stored.ID, time.Minute)
	sizes := 10
	for _, fault := range []struct {
		name         string
		begin, clear func()
	}{
		{"refuses connections", link.Down, link.Up},
		{"does not answer", link.HalfOpen, link.Clear},
	} {
		t.Run(fault.name, func(t *testing.T) {
			fault.begin()
			began := time.Now()
			var slowest, shown, shed time.Duration
			// Work on what is stored is accepted, and waits without spending its attempts.
			var waiting []string
			for range 8 {
				sizes++
				waiting = append(waiting, added(t, client, stored.ImageID, sizes))
			}
			for time.Since(began) < 30*time.Second && shed == 0 {
				open := isOpen(t, client)
				if a, err := client.Do(within(t, 10*time.Second), http.MethodGet, "/readyz", "", nil); err == nil && shown == 0 && bytes.Contains(a.Body, []byte("degraded")) {
					shown = time.Since(began)
				}
				took := refused(t, client)
				slowest = max(slowest, took)
				if open {
					shed = took
				}
			}
			if slowest > 6*time.Second || shown == 0 || shown > 5500*time.Millisecond {
				t.Errorf("the slowest refusal took %s, and the outage shows after %s; want 5 s at most of both", slowest, shown)
			}
			if shed == 0 || shed > 2*time.Second {
				t.Errorf("with the breaker open an upload is refused after %s, want 2 s at most", shed)
			}
			eventually(t, "the worker's breaker open", time.Minute, func() bool { return isOpen(t, asker) })
			time.Sleep(2 * time.Second)
			fault.clear()
			cleared := time.Now()
			eventually(t, "an upload accepted again", 30*time.Second, func() bool { return uploaded(t, client) })
			back := time.Since(cleared)
			if back > 10*time.Second {
				t.Errorf("uploads are accepted after %s, want 10 s at most", back)
			}
			var most, sum int64
			for _, id := range waiting {
				attempts := int64(succeeded(t, client, id, time.Minute).Attempt)
				most, sum = max(most, attempts), sum+attempts
			}
			if most > 5 || sum > 24 {
				t.Errorf("the jobs that waited were tried %d times, one of them %d times", sum, most)
			}
			t.Logf("%s: slowest refusal %s, shown after %s, shed in %s, back after %s, 8 waiting jobs took %d attempts", fault.name,
				slowest.Round(time.Millisecond), shown.Round(time.Millisecond), shed.Round(100*time.Microsecond), back.Round(time.Millisecond), sum)
		})
	}
}

// isOpen reports whether a process refuses to ask its store.
func isOpen(t *testing.T, c *caller.Caller) bool {
	t.Helper()
	body, err := c.Get(within(t, 10*time.Second), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(body, []byte(`imgd_breaker_state{dependency="store",state="closed"} 0`))
}

// refused sends an upload that has to be refused with a time to wait, and returns how
// long that took.
func refused(t *testing.T, c *caller.Caller) time.Duration {
	t.Helper()
	body, contentType := caller.Form(picture(t, 64, 64), "a.jpg")
	began := time.Now()
	a, err := c.Do(within(t, time.Minute), http.MethodPost, "/v1/images", contentType, body)
	took := time.Since(began)
	if err != nil || a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Fatalf("an upload without a store was answered %d %s %v, %v; want 503 with Retry-After", a.Status, a.Body, a.Header, err)
	}
	return took
}

func uploaded(t *testing.T, c *caller.Caller) bool {
	t.Helper()
	body, contentType := caller.Form(picture(t, 64, 64), "a.jpg")
	a, err := c.Do(within(t, time.Minute), http.MethodPost, "/v1/images", contentType, body)
	return err == nil && a.Status == http.StatusAccepted
}

// added is one more job for a stored image.
func added(t *testing.T, c *caller.Caller, image string, width int) string {
	t.Helper()
	body := []byte(fmt.Sprintf(`{"variants":{"v%d":"w=%d"}}`, width, width))
	a, err := c.Do(within(t, time.Minute), http.MethodPost, "/v1/images/"+image+"/jobs", "application/json", body)
	var j caller.Job
	if err != nil || a.Status != http.StatusAccepted || json.Unmarshal(a.Body, &j) != nil {
		t.Fatalf("a job was answered %d %s, %v", a.Status, a.Body, err)
	}
	return j.ID
}
