package chaos

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/rig"
)

// rush has so many at a time upload, in turn to each of the callers, and counts the
// answers by their status.
func rush(t *testing.T, many, atOnce int, to ...*caller.Caller) map[int]int {
	t.Helper()
	var (
		mu      sync.Mutex
		done    sync.WaitGroup
		barrier = make(chan struct{})
		slots   = make(chan struct{}, atOnce)
		got     = map[int]int{}
	)
	file := picture(t, 64, 64)
	for i := range many {
		done.Go(func() {
			<-barrier
			slots <- struct{}{}
			defer func() { <-slots }()
			a, err := to[i%len(to)].Do(within(t, time.Minute), http.MethodPost, "/v1/images", "image/jpeg", file)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			got[a.Status]++
		})
	}
	close(barrier)
	done.Wait()
	return got
}

// refusing sends uploads that are too many one after the other, and returns how long
// the slowest refusal took.
func refusing(t *testing.T, c *caller.Caller, n int) (most time.Duration) {
	t.Helper()
	for range n {
		began := time.Now()
		a, err := c.Do(within(t, time.Minute), http.MethodPost, "/v1/images", "image/jpeg", []byte("one too many"))
		if err != nil || a.Status != http.StatusTooManyRequests {
			t.Errorf("an upload beyond the rate = %d, %v; want 429", a.Status, err)
		}
		most = max(most, time.Since(began))
	}
	return most
}

func TestAPIsShareARateAndTheDatabaseKeepsItWithoutRedis(t *testing.T) {
	redis := rig.NewRedis(t)
	site := rig.NewProduction(t, shipped, "IMGD_REDIS_URL="+redis.URL, "IMGD_LOG_LEVEL=error", "IMGD_UPLOAD_RATE=50/h", "IMGD_DECODERS=1")
	one, two := caller.At(site.Start(t, "api").URL), caller.At(site.Start(t, "api").URL)
	if got := rush(t, 200, 200, one, two); got[202] != 50 || got[429] != 150 {
		t.Errorf("200 uploads at once to two processes at a limit of 50 were answered %v, want 50 of 202 and 150 of 429", got)
	}
	with := refusing(t, one, 20)
	redis.Stop(t)
	frozen := rush(t, 100, 8, one, two)
	if frozen[202] > 50 || frozen[202]+frozen[429]+frozen[503] != 100 {
		t.Errorf("while Redis is frozen 100 uploads were answered %v, want no more than 50 of 202", frozen)
	}
	rush(t, 60, 8, one, two) // until the database allows no more
	still := refusing(t, one, 20)
	redis.Cont(t)
	redis.Kill9()
	down := refusing(t, one, 20)
	t.Logf("a refusal takes %s at most; %s while Redis is frozen, in which %v were let in; %s while it is down", with, still, frozen, down)
	if worst := max(still, down) - with; worst > 500*time.Millisecond {
		t.Errorf("without Redis a refusal takes %s longer than with it, want 250 ms and some noise at most", worst)
	}
}

func TestWhatAKilledUploadHadReservedIsFreeAgain(t *testing.T) {
	t.Parallel()
	site := rig.NewProduction(t, stopping, "IMGD_LOG_LEVEL=warn", "IMGD_DECODERS=1", "IMGD_QUOTA_IMAGES=1", "IMGD_QUOTA_HOLD=2s")
	first := site.Start(t, "api", "IMGD_CRASH_POINT=before-admit", "IMGD_CRASH_ACT=kill")
	if _, err := caller.At(first.URL).Do(within(t, time.Minute), http.MethodPost, "/v1/images", "image/jpeg", picture(t, 64, 64)); err == nil {
		t.Fatal("the upload was answered, want its process killed")
	}
	client := caller.At(site.Start(t, "api").URL)
	if got := rush(t, 1, 1, client); got[403] != 1 {
		t.Logf("right after the crash an upload was answered %v: the restart took longer than the reservation", got)
	}
	took := eventually(t, "free again", 30*time.Second, func() bool { return rush(t, 1, 1, client)[202] == 1 })
	t.Logf("what was reserved is free again %s after the restart", took.Round(time.Millisecond))
	if got := rush(t, 1, 1, client); got[403] != 1 {
		t.Errorf("then a second image was answered %v, want 403", got)
	}
}
