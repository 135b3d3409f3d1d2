package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// A rolling restart: 500 uploads are in flight through a process that is told to
// stop, while a second one serves the same site.
func TestAStopFailsNoRequestAndBurnsNoAttempt(t *testing.T) {
	site := rig.NewSite(t, shipped)
	leaving, staying := site.Start(t, "serve"), site.Start(t, "serve")
	const n = 500
	var (
		wg       sync.WaitGroup
		inFlight = make(chan struct{}, n)
		mu       sync.Mutex
		jobs     []string
		second   atomic.Int64
	)
	for i := range n {
		file, err := scene.JPEG(64, 64+i%8)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			inFlight <- struct{}{}
			key := fmt.Sprintf("upload-%d", i)
			a, err := tryPost(t, leaving.URL, file, "a.jpg", "Idempotency-Key", key)
			if refused(err) { // it came after the listener was closed: nothing was sent
				second.Add(1)
				a, err = tryPost(t, staying.URL, file, "a.jpg", "Idempotency-Key", key)
			}
			if err != nil || a.status != http.StatusAccepted {
				t.Errorf("upload %d = %d %s, %v; want 202", i, a.status, a.body, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			jobs = append(jobs, decode[job](t, a).ID)
		})
	}
	for range n / 2 {
		<-inFlight
	}
	leaving.Term(t)
	go func() {
		for range n - n/2 {
			<-inFlight
		}
	}()
	wg.Wait()
	if err := leaving.Wait(t, 30*time.Second); err != nil {
		t.Errorf("the process that was told to stop ended with %v, want success", err)
	}
	if second.Load() == n {
		t.Error("no upload reached the process that was told to stop: nothing was tested")
	}
	for _, id := range jobs {
		if j := finished(t, staying.URL, id, time.Minute); j.State != "succeeded" || j.Attempt != 1 {
			t.Errorf("job %s is %s after %d attempts (%+v), want succeeded after 1", id, j.State, j.Attempt, j.Error)
		}
	}
}

// refused reports whether a connection could not be opened, which is the one
// failure a client may answer by asking elsewhere.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

func TestAStopGivesARunningJobBack(t *testing.T) {
	site := rig.NewSite(t, shipped, "IMGD_GRACE=50ms")
	api, leaving := site.Start(t, "api"), site.Start(t, "worker")
	j := upload(t, api.URL, photo(t), "photo.jpg")
	owner(t, api.URL, j.ImageID, leaving)
	leaving.Term(t)
	if err := leaving.Wait(t, 10*time.Second); err != nil {
		t.Errorf("the worker ended with %v, want success", err)
	}
	site.Start(t, "worker")
	if done := finished(t, api.URL, j.ID, 30*time.Second); done.State != "succeeded" || done.Attempt != 1 {
		t.Errorf("the job is %s after %d attempts, want succeeded after 1", done.State, done.Attempt)
	}
	events := story(t, api.URL, j.ImageID)
	if count(events, "job.released") != 1 || count(events, "job.reaped") != 0 {
		t.Errorf("its story is %+v, want it released once and never reaped", events)
	}
}

func TestAHundredIdenticalUploadsMakeOneImage(t *testing.T) {
	p := rig.NewSite(t, shipped).Start(t, "serve")
	file, err := scene.JPEG(200, 150)
	if err != nil {
		t.Fatal(err)
	}
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		images = map[string]bool{}
		fresh  int
	)
	for range 100 {
		wg.Go(func() {
			a, err := tryPost(t, p.URL, file, "a.jpg", "Idempotency-Key", "the-one")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case a.status == http.StatusConflict && a.slug() == "idempotency-in-progress":
				if a.header.Get("Retry-After") == "" {
					t.Error("a conflict does not say when to ask again")
				}
			case a.status == http.StatusAccepted:
				images[decode[job](t, a).ImageID] = true
				if a.header.Get("Idempotency-Replayed") != "true" {
					fresh++
				}
			default:
				t.Errorf("an upload was answered %d: %s", a.status, a.body)
			}
		})
	}
	wg.Wait()
	listed := read[struct {
		Items []picture `json:"items"`
	}](t, p.URL+"/v1/images?limit=200")
	if len(images) != 1 || fresh != 1 || len(listed.Items) != 1 {
		t.Errorf("100 uploads named %d images, %d were carried out and %d are listed; want 1, 1 and 1", len(images), fresh, len(listed.Items))
	}
}
