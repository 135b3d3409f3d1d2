package e2e

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"imgd/e2e/contract"
	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

const (
	glance = 50 * time.Millisecond  // how often the balancer asks who is ready
	delay  = 500 * time.Millisecond // of a stop, in which it has to notice
	pace   = 10 * time.Millisecond  // between two requests: a hundred a second
)

// One process after the other is replaced while requests come through a proxy that
// knows no more than what readiness says. IMGD_TEST_RESTARTS says how often.
func TestARollingRestartFailsNoRequest(t *testing.T) {
	restarts := 3
	if n, err := strconv.Atoi(os.Getenv("IMGD_TEST_RESTARTS")); err == nil {
		restarts = n
	}
	site := rig.NewSite(t, shipped, "IMGD_DRAIN_DELAY="+delay.String(), "IMGD_DECODERS=1", "IMGD_WORKERS=1", "IMGD_LOG_LEVEL=warn")
	b := newBalancer(t)
	running := []*rig.Process{site.Start(t, "serve"), site.Start(t, "serve")}
	for _, p := range running {
		b.add(t, p.URL)
	}
	file, err := scene.JPEG(64, 64)
	if err != nil {
		t.Fatal(err)
	}
	first := upload(t, b.URL, file, "first.jpg")
	if done := finished(t, b.URL, first.ID, 30*time.Second); done.State != "succeeded" {
		t.Fatalf("the first job is %s (%+v)", done.State, done.Error)
	}
	ctx, stop := context.WithCancel(t.Context())
	l := &load{url: b.URL, file: file, image: first.ImageID}
	var asking sync.WaitGroup
	asking.Go(func() { l.run(ctx, t) })
	for range restarts {
		leaving := running[0]
		running = append(running[1:], site.Start(t, "serve"))
		b.add(t, running[len(running)-1].URL)
		time.Sleep(4 * glance)
		began := time.Now()
		leaving.Term(t)
		if err := leaving.Wait(t, 30*time.Second); err != nil {
			t.Errorf("a process that was told to stop ended with %v, want success", err)
		}
		if took := time.Since(began); took < delay {
			t.Errorf("a process ended %v after it was told to, and the balancer had no time to notice", took)
		}
	}
	stop()
	asking.Wait()
	t.Logf("%d requests, %d of them uploads, over %d restarts", l.asked, len(l.jobs), restarts)
	if l.asked < restarts*50 || len(l.jobs) < restarts {
		t.Errorf("%d requests and %d uploads were under way during %d restarts: that is no load", l.asked, len(l.jobs), restarts)
	}
	for _, id := range l.jobs {
		if j := finished(t, b.URL, id, time.Minute); j.State != "succeeded" || j.Attempt != 1 {
			t.Errorf("job %s is %s after %d attempts (%+v), want succeeded after 1", id, j.State, j.Attempt, j.Error)
		}
	}
}

// load asks at a steady pace, whether the answers come or not: for the bytes of a
// variant, for the image, for a list, and every tenth time with an upload.
type load struct {
	url, image string
	file       []byte

	mu    sync.Mutex
	asked int
	jobs  []string
}

func (l *load) run(ctx context.Context, t *testing.T) {
	var asking sync.WaitGroup
	defer asking.Wait()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asking.Go(func() {
			if err := l.ask(t, i); err != nil {
				t.Errorf("request %d: %v", i, err)
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			l.asked++
		})
	}
}

func (l *load) ask(t *testing.T, i int) error {
	if i%10 == 0 {
		a, err := tryPost(t, l.url, l.file, fmt.Sprintf("%d.jpg", i))
		if err != nil {
			return err
		}
		if a.status != http.StatusAccepted {
			return fmt.Errorf("an upload is answered %d %s", a.status, a.body)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.jobs = append(l.jobs, decode[job](t, a).ID)
		return nil
	}
	path := []string{"/v1/images/" + l.image + "/variants/thumbnail", "/v1/images/" + l.image, "/v1/images?limit=5"}[i%3]
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.url+path, nil)
	if err != nil {
		return err
	}
	a, err := send(req)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s is answered %d %s", path, a.status, a.body)
	}
	return err
}

// balancer is a proxy before many processes. It repeats nothing that has failed: what
// it cannot pass on is a 502.
type balancer struct {
	URL string

	mu    sync.Mutex
	ready map[string]*httputil.ReverseProxy
}

func newBalancer(t *testing.T) *balancer {
	b := &balancer{ready: map[string]*httputil.ReverseProxy{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	b.URL = server.URL
	return b
}

// add has a process asked whether it is ready, until the test ends.
func (b *balancer) add(t *testing.T, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = r.In.Host },
		Transport: transport,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = fmt.Fprintf(w, "%s %s of %s: %v", r.Method, r.URL.Path, address, err)
		},
	}
	done := make(chan struct{})
	t.Cleanup(func() { close(done); transport.CloseIdleConnections() })
	look := func() {
		ok := readyAt(address)
		b.mu.Lock()
		defer b.mu.Unlock()
		if delete(b.ready, address); ok {
			b.ready[address] = proxy
		}
	}
	look()
	go func() {
		tick := time.NewTicker(glance)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				look()
			}
		}
	}()
}

// ServeHTTP passes a request on to any process that is ready.
func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	var ready []*httputil.ReverseProxy
	for _, p := range b.ready {
		ready = append(ready, p)
	}
	b.mu.Unlock()
	if len(ready) == 0 {
		http.Error(w, "nobody is ready", http.StatusBadGateway)
		return
	}
	ready[rand.IntN(len(ready))].ServeHTTP(w, r) // #nosec G404 -- any will do
}

func readyAt(address string) bool {
	resp, err := (&http.Client{Timeout: 2 * time.Second, Transport: probing}).Get(address + "/readyz")
	if err != nil {
		return false
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

// probing has a connection for each question: of one that is kept it would not be
// seen whether new ones are taken.
var probing = contract.Around(&http.Transport{DisableKeepAlives: true})
