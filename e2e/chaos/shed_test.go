package chaos

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/ledger"
	"imgd/e2e/rig"
)

const hmac = "IMGD_AUTH_HS256_SECRET=0123456789abcdef0123456789abcdef"

// bearer is the header with a token for somebody of a tenant.
func bearer(t *testing.T, tenant, scopes string) []string {
	t.Helper()
	cmd := exec.Command(shipped, "token", "--tenant", tenant, "--scope", scopes) // #nosec G204 -- the binary of this test
	cmd.Env, cmd.Dir = []string{"HOME=" + t.TempDir(), hmac}, t.TempDir()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("imgd token: %v", err)
	}
	return []string{"Authorization", "Bearer " + strings.TrimSpace(string(out))}
}

// flooded is what became of a flood of uploads.
type flooded struct {
	accepted, refused int
	other             []caller.Answer
	told              []time.Duration // to wait, of those who were refused
	took              []time.Duration // refusals
}

// flood sends some uploads every 100 ms until it is told to stop, whatever they are answered.
func flood(t *testing.T, c *caller.Caller, header []string, each int, stop <-chan struct{}) (f flooded) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	file := picture(t, 64, 64)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	defer wg.Wait()
	for {
		select {
		case <-stop:
			return f
		case <-tick.C:
		}
		for range each {
			wg.Go(func() {
				began := time.Now()
				a, err := c.Do(within(t, time.Minute), http.MethodPost, "/v1/images", "image/jpeg", file, header...)
				took := time.Since(began)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil && a.Status == http.StatusAccepted:
					f.accepted++
				case err == nil && a.Status == http.StatusServiceUnavailable && a.Slug() == "queue-full":
					f.refused++
					f.took, f.told = append(f.took, took), append(f.told, a.RetryAfter())
				default:
					f.other = append(f.other, a)
				}
			})
		}
	}
}

// fleet is what an administrator is told of all tenants.
type fleet struct {
	Depth     int64 `json:"queue_depth"`
	Age       int64 `json:"oldest_age_ms"`
	Admission struct {
		Open     bool  `json:"open"`
		Expected int64 `json:"expected_wait_ms"`
		Refused  int64 `json:"refused"`
	} `json:"admission"`
}

func fleetOf(t *testing.T, c *caller.Caller, admin []string) fleet {
	t.Helper()
	a, err := c.Do(within(t, time.Minute), http.MethodGet, "/v1/stats", "", nil, admin...)
	var s struct{ Fleet fleet }
	if err != nil || a.Status != http.StatusOK || json.Unmarshal(a.Body, &s) != nil {
		t.Fatalf("statistics are answered %d %s, %v", a.Status, a.Body, err)
	}
	return s.Fleet
}

// slowly is a deployment whose worker does some three jobs a second: its store is far
// away, that of the API is not.
func slowly(t *testing.T, wait string) (*caller.Caller, *ledger.Books) {
	t.Helper()
	bucket := rig.S3(t)
	link := rig.Proxy(t, bucket.Endpoint[len("http://"):])
	far := bucket
	far.Endpoint = link.Through(bucket.Endpoint)
	site := rig.NewProduction(t, shipped, hmac, "IMGD_UPLOAD_RATE=off", "IMGD_LOG_LEVEL=error", "IMGD_DECODERS=1", "IMGD_QUEUE_WAIT="+wait,
		"IMGD_STORAGE_URL="+bucket.URL(), "AWS_ACCESS_KEY_ID="+bucket.AccessKey, "AWS_SECRET_ACCESS_KEY="+bucket.SecretKey)
	api := site.Start(t, "api")
	site.Start(t, "worker", "IMGD_WORKERS=2", "IMGD_STORAGE_URL="+far.URL())
	link.Latency(100 * time.Millisecond)
	return caller.At(api.URL), ledger.Open(t, site)
}

// More is uploaded than is rendered. Before the oldest job has waited for much longer
// than it may, uploads are refused; whoever has nothing waiting comes in; all that was
// accepted is done, and then all are welcome. It runs alone: how much is too much hangs on
// what the machine can do.
func TestTooMuchIsShedBeforeTheQueueIsTooOld(t *testing.T) {
	const limit = 5 * time.Second
	client, books := slowly(t, limit.String())
	admin, crowd, single := bearer(t, "ops", "images:read,images:admin"), bearer(t, "crowd", "images:read,images:write"), bearer(t, "single", "images:read,images:write")
	stop, over := make(chan struct{}), make(chan flooded)
	go func() { over <- flood(t, client, crowd, 2, stop) }()
	var oldest, expected, closed time.Duration
	began := time.Now()
	for time.Since(began) < 18*time.Second {
		f := fleetOf(t, client, admin)
		oldest, expected = max(oldest, time.Duration(f.Age)*time.Millisecond), max(expected, time.Duration(f.Admission.Expected)*time.Millisecond)
		if !f.Admission.Open && closed == 0 {
			closed = time.Since(began)
			// A tenant with nothing waiting is not in line for what another has sent.
			a, err := client.Do(within(t, time.Minute), http.MethodPost, "/v1/images", "image/jpeg", picture(t, 64, 64), single...)
			if err != nil || a.Status != http.StatusAccepted {
				t.Errorf("a single upload of another tenant is answered %d %s, %v; want 202", a.Status, a.Body, err)
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	close(stop)
	got := <-over
	if got.refused == 0 || got.accepted == 0 || len(got.other) > 0 {
		t.Fatalf("of the flood %d uploads were accepted, %d refused, and the others answered %v", got.accepted, got.refused, got.other)
	}
	if closed == 0 {
		t.Error("the statistics never said that uploads are refused")
	}
	if oldest > 2*limit {
		t.Errorf("the oldest job waited %s, want no more than twice the %s that a job may", oldest, limit)
	}
	slices.Sort(got.took)
	if half := got.took[len(got.took)/2]; half > 100*time.Millisecond {
		t.Errorf("half of the refusals took longer than %s, want 50 ms and some noise at most", half)
	}
	if least := slices.Min(got.told); least < time.Second {
		t.Errorf("a refusal asks to come again after %s, want a second or more", least)
	}
	drained := eventually(t, "all done", time.Minute, func() bool {
		time.Sleep(100 * time.Millisecond)
		return number(t, books, "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')") == 0
	})
	if done := number(t, books, "SELECT count(*) FROM jobs WHERE state = 'succeeded'"); done != got.accepted+1 {
		t.Errorf("%d jobs have succeeded of %d that were accepted", done, got.accepted+1)
	}
	back := eventually(t, "an upload accepted again", 10*time.Second, func() bool {
		a, err := client.Do(within(t, time.Minute), http.MethodPost, "/v1/images", "image/jpeg", picture(t, 64, 64), crowd...)
		return err == nil && a.Status == http.StatusAccepted
	})
	t.Logf("in 18 s %d uploads were accepted and %d refused, from %s on; half of the refusals took %s, told to wait %s to %s; the oldest job waited %s, %s were expected at most; all done %s later, and an upload accepted after %s",
		got.accepted, got.refused, closed.Round(10*time.Millisecond), got.took[len(got.took)/2].Round(100*time.Microsecond), slices.Min(got.told), slices.Max(got.told),
		oldest.Round(10*time.Millisecond), expected.Round(10*time.Millisecond), drained.Round(10*time.Millisecond), back.Round(time.Millisecond))
}

// The same flood without a limit: the test above measures something.
func TestWithoutALimitTheQueueGrowsOld(t *testing.T) {
	t.Parallel()
	client, _ := slowly(t, "0")
	admin, crowd := bearer(t, "ops", "images:read,images:admin"), bearer(t, "crowd", "images:read,images:write")
	stop, over := make(chan struct{}), make(chan flooded)
	go func() { over <- flood(t, client, crowd, 2, stop) }()
	took := eventually(t, "older than twice the limit", time.Minute, func() bool {
		time.Sleep(250 * time.Millisecond)
		return fleetOf(t, client, admin).Age > 10_000
	})
	close(stop)
	if got := <-over; got.refused > 0 || len(got.other) > 0 {
		t.Errorf("without a limit %d uploads were refused, others answered %v", got.refused, got.other)
	}
	t.Logf("after %s the oldest job has waited for ten seconds", took.Round(time.Second))
}
