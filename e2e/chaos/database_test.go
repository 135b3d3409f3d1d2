package chaos

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/e2e/caller"
)

// goroutines is what a process says of itself.
func goroutines(t *testing.T, asker *caller.Caller) int {
	t.Helper()
	body, err := asker.Get(within(t, 30*time.Second), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(body))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			n, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatal("the metrics do not tell how many goroutines there are")
	return 0
}

func TestWithoutTheDatabaseTheAPIAnswersSoonAndRecovers(t *testing.T) {
	site, link := behind(t, shipped, "IMGD_LOG_LEVEL=error")
	api, worker := site.Start(t, "api"), site.Start(t, "worker")
	client, asker := caller.At(api.URL), caller.At(worker.URL)
	running := func() [2]int { return [2]int{goroutines(t, client), goroutines(t, asker)} }
	succeeded(t, client, accepted(t, client, picture(t, 64, 64), "warm").ID, time.Minute)
	outage := func(t *testing.T, key string) time.Duration {
		t.Helper()
		began, found := time.Now(), time.Duration(0)
		for time.Since(began) < 6*time.Second {
			slowest(t, client, key)
			if a, err := client.Do(within(t, 10*time.Second), http.MethodGet, "/readyz", "", nil); found == 0 && err == nil && a.Status == http.StatusServiceUnavailable {
				found = time.Since(began)
			}
		}
		if found == 0 || found > 5500*time.Millisecond {
			t.Errorf("it says that it is not ready after %s, want 5 s at most", found)
		}
		return found
	}
	for _, fault := range []struct {
		name         string
		begin, clear func()
	}{
		{"refuses connections", link.Down, link.Up},
		{"does not answer", link.HalfOpen, link.Clear},
	} {
		t.Run(fault.name, func(t *testing.T) {
			before := running()
			fault.begin()
			found := outage(t, fault.name)
			fault.clear()
			back := eventually(t, "back", 30*time.Second, func() bool {
				a, err := client.Do(within(t, 10*time.Second), http.MethodGet, "/readyz", "", nil)
				return err == nil && a.Status == http.StatusOK
			})
			j := accepted(t, client, picture(t, 64, 64), strings.ReplaceAll(fault.name, " ", "-"))
			succeeded(t, client, j.ID, time.Minute)
			if back > 5*time.Second {
				t.Errorf("it is ready again after %s, want 5 s at most", back)
			}
			var after [2]int
			eventually(t, fmt.Sprintf("as few goroutines as before (%v)", before), 30*time.Second, func() bool {
				time.Sleep(100 * time.Millisecond)
				after = running()
				return after[0] <= before[0]+8 && after[1] <= before[1]+8
			})
			t.Logf("not ready after %s, ready again after %s; goroutines of the API and the worker: %v before, %v after",
				found.Round(time.Millisecond), back.Round(time.Millisecond), before, after)
		})
	}
}

// slowest sends requests of several kinds at once and returns how long the last took
// to be answered that it has to wait.
func slowest(t *testing.T, client *caller.Caller, key string) {
	t.Helper()
	body, contentType := caller.Form(picture(t, 64, 64), "a.jpg")
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			began := time.Now()
			var a caller.Answer
			var err error
			switch i % 3 {
			case 0:
				a, err = client.Do(within(t, time.Minute), http.MethodGet, "/v1/images", "", nil)
			case 1:
				a, err = client.Do(within(t, time.Minute), http.MethodPost, "/v1/images", contentType, body)
			case 2:
				a, err = client.Do(within(t, time.Minute), http.MethodPost, "/v1/images", contentType, body, "Idempotency-Key", strings.ReplaceAll(key, " ", "-")+strconv.Itoa(i))
			}
			took := time.Since(began)
			if err != nil || a.Status != http.StatusServiceUnavailable || a.RetryAfter() <= 0 {
				t.Errorf("without the database a request (%d) is answered %d %s, %v; want 503 and when to try again", i%3, a.Status, a.Body, err)
			}
			if took > 3*time.Second {
				t.Errorf("without the database a request (%d) is answered after %s, want 2 s and some noise at most", i%3, took)
			}
		})
	}
	wg.Wait()
}
