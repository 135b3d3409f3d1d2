package e2e

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/e2e/contract"
	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// A rolling restart: 500 uploads are in flight when their process is told to stop.
// Each has been asked for its body, and sends it only after that.
func TestAStopFailsNoRequestAndBurnsNoAttempt(t *testing.T) {
	site := rig.NewSite(t, shipped)
	leaving, staying := site.Start(t, "serve"), site.Start(t, "serve")
	const n = 500
	file, err := scene.JPEG(64, 64)
	if err != nil {
		t.Fatal(err)
	}
	var (
		wg       sync.WaitGroup
		inFlight = make(chan struct{}, n)
		told     = make(chan struct{})
		mu       sync.Mutex
		jobs     []string
	)
	for i := range n {
		wg.Go(func() {
			a, err := uploadWhen(t, leaving.URL, file, inFlight, told)
			if err != nil || a.status != http.StatusAccepted {
				t.Errorf("upload %d = %d %s, %v; want 202", i, a.status, a.body, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			jobs = append(jobs, decode[job](t, a).ID)
		})
	}
	for range n {
		<-inFlight
	}
	leaving.Term(t)
	close(told)
	wg.Wait()
	if err := leaving.Wait(t, 30*time.Second); err != nil {
		t.Errorf("the process that was told to stop ended with %v, want success", err)
	}
	for _, id := range jobs {
		if j := finished(t, staying.URL, id, time.Minute); j.State != "succeeded" || j.Attempt != 1 {
			t.Errorf("job %s is %s after %d attempts (%+v), want succeeded after 1", id, j.State, j.Attempt, j.Error)
		}
	}
}

// uploadWhen sends the headers, says when the server has asked for the body, and
// sends that when it may.
func uploadWhen(t *testing.T, url string, file []byte, asked chan<- struct{}, may <-chan struct{}) (answer, error) {
	t.Helper()
	body, contentType := form(file, "a.jpg")
	trace := &httptrace.ClientTrace{Got100Continue: func() { asked <- struct{}{} }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPost, url+"/v1/images", &held{Reader: body, until: may})
	if err != nil {
		return answer{}, err
	}
	req.ContentLength = int64(body.Len())
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Expect", "100-continue")
	resp, err := patient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, text}, err
}

// patient is a client that waits to be asked for a body.
var patient = &http.Client{Transport: contract.Around(&http.Transport{ExpectContinueTimeout: time.Minute})}

// held is a body that is not sent before its time.
type held struct {
	io.Reader
	until <-chan struct{}
}

func (h *held) Read(p []byte) (int, error) {
	<-h.until
	return h.Reader.Read(p)
}

func TestAStopGivesARunningJobBack(t *testing.T) {
	t.Parallel()
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

// The second signal ends a process that still waits: for a job, or for the proxies in
// front. What it had is done by others.
func TestASecondSignalEndsAProcessAtOnceAndLosesNothing(t *testing.T) {
	site := rig.NewSite(t, shipped, "IMGD_LEASE=2s", "IMGD_DRAIN_DELAY=25s")
	api, leaving := site.Start(t, "api"), site.Start(t, "worker")
	j := upload(t, api.URL, photo(t), "photo.jpg")
	owner(t, api.URL, j.ImageID, leaving)
	twice := func(p *rig.Process) {
		t.Helper()
		p.Term(t)
		eventually(t, "told that it stops", func() bool { return strings.Contains(p.Log(), `"msg":"stopping"`) })
		time.Sleep(100 * time.Millisecond)
		began := time.Now()
		p.Term(t)
		if err := p.Wait(t, 10*time.Second); err == nil {
			t.Error("a process that was told twice ended as if all were done")
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("a process that was told twice took %v to end, want a second at most", took)
		}
	}
	twice(leaving)
	site.Start(t, "worker")
	if done := finished(t, api.URL, j.ID, 30*time.Second); done.State != "succeeded" || done.Attempt != 1 {
		t.Errorf("the job is %s after %d attempts, want succeeded after 1", done.State, done.Attempt)
	}
	if events := story(t, api.URL, j.ImageID); count(events, "job.reaped") != 1 {
		t.Errorf("its story is %+v, want it reaped once", events)
	}
	twice(api)
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
