package chaos

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/ledger"
	"imgd/e2e/rig"
)

// figures are what one state of Redis costs.
type figures struct {
	uploads []time.Duration // until the answer
	claims  []time.Duration // from the row to the worker, by the database's clock
}

// at is the value below which a part of them lies.
func at(all []time.Duration, part float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(part*float64(len(sorted))))]
}

func (f figures) String() string {
	r := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	return fmt.Sprintf("answered after %s (half), %s (all); claimed after %s (half), %s (99 of 100), %s (all)",
		r(at(f.uploads, 0.5)), r(at(f.uploads, 1)), r(at(f.claims, 0.5)), r(at(f.claims, 0.99)), r(at(f.claims, 1)))
}

// rigged is a deployment with a Redis of its own.
func rigged(t *testing.T) (*caller.Caller, *rig.Server, *ledger.Books) {
	t.Helper()
	redis := rig.NewRedis(t)
	site := rig.NewProduction(t, shipped, "IMGD_REDIS_URL="+redis.URL, "IMGD_LOG_LEVEL=error")
	client := caller.At(site.Start(t, "api").URL)
	site.Start(t, "worker", "IMGD_WORKERS=2")
	return client, redis, ledger.Open(t, site)
}

// measure uploads pictures one after the other, once each: none may be refused.
func measure(t *testing.T, client *caller.Caller, n int) (f figures) {
	t.Helper()
	body, contentType := caller.Form(picture(t, 64, 64), "a.jpg")
	for range n {
		began := time.Now()
		a, err := client.Do(within(t, time.Minute), http.MethodPost, "/v1/images", contentType, body)
		f.uploads = append(f.uploads, time.Since(began))
		var j caller.Job
		if err != nil || a.Status != http.StatusAccepted || json.Unmarshal(a.Body, &j) != nil {
			t.Fatalf("an upload was answered %d %s, %v; want 202", a.Status, a.Body, err)
		}
		succeeded(t, client, j.ID, time.Minute)
		events := story(t, client, j.ImageID)
		f.claims = append(f.claims, moment(t, events, "job.claimed", 1).Sub(moment(t, events, "job.created", 1)))
	}
	return f
}

// The bounds that are asserted leave room for a busy machine; the figures are in the
// log.
func TestWithoutRedisEveryUploadIsAcceptedAndSoonClaimed(t *testing.T) {
	client, redis, books := rigged(t)
	measure(t, client, 3) // warm
	const n = 30
	up := measure(t, client, n)
	t.Logf("Redis is up: %s", up)
	redis.Flush(t)
	measure(t, client, 2)
	redis.Stop(t)
	frozen := measure(t, client, n)
	t.Logf("Redis is frozen: %s", frozen)
	redis.Cont(t)
	redis.Kill9()
	down := measure(t, client, n)
	t.Logf("Redis is down: %s", down)
	redis.Start()
	var back figures
	took := eventually(t, "fast again", 30*time.Second, func() bool {
		back = measure(t, client, 5)
		return at(back.claims, 0.5) < 100*time.Millisecond
	})
	t.Logf("Redis is back: %s; hints work again after %s", back, took.Round(time.Millisecond))
	if p := at(up.claims, 0.5); p > 150*time.Millisecond {
		t.Errorf("with Redis half of the jobs are claimed after %s, want 150 ms at most", p)
	}
	for what, f := range map[string]figures{"frozen": frozen, "down": down} {
		if p := at(f.claims, 0.99); p > 2*time.Second {
			t.Errorf("while Redis is %s the slowest claim takes %s, want 2 s at most", what, p)
		}
		if late := at(f.uploads, 1) - at(up.uploads, 0.5); late > 500*time.Millisecond {
			t.Errorf("while Redis is %s an upload takes %s longer than with it, want 250 ms and some noise at most", what, late)
		}
	}
	if bad := number(t, books, "SELECT count(*) FROM jobs WHERE state <> 'succeeded'"); bad != 0 {
		t.Errorf("%d jobs have not succeeded, want none", bad)
	}
}
