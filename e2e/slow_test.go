package e2e

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/e2e/contract"
	"imgd/e2e/rig"
)

// TestSlowClientsLeaveGoodOnesServed sends six hundred requests a byte at a time: half
// of them never end their headers, half their bodies. Meanwhile others are answered as
// ever, and each of the slow ones is sent away when its patience is over.
func TestSlowClientsLeaveGoodOnesServed(t *testing.T) {
	p := rig.NewSite(t, shipped).Start(t, "serve")
	address := strings.TrimPrefix(p.URL, "http://")
	quiet := quickest(t, p.URL, 200)
	const half = 300
	var slow sync.WaitGroup
	heads, bodies := make([]time.Duration, half), make([]string, half)
	for i := range half {
		slow.Go(func() { heads[i], _ = drip(t, address, http.MethodGet, "X-A: ") })
		slow.Go(func() {
			_, bodies[i] = drip(t, address, http.MethodPost, "Content-Type: image/png\r\nContent-Length: 100000\r\n\r\n")
		})
	}
	time.Sleep(time.Second) // all of them hold on
	busy := quickest(t, p.URL, 200)
	slow.Wait()
	if worst := slices.Max(heads); worst > 9*time.Second {
		t.Errorf("a request without an end of its headers was held for %v, want 5 s", worst)
	}
	for _, status := range bodies {
		if !strings.Contains(status, "408") {
			t.Fatalf("a body of a byte a moment is answered %q, want 408", status)
		}
	}
	t.Logf("the 99th of 100 good ones took %v alone and %v among %d slow ones", quiet, busy, 2*half)
	if busy > 2*quiet+100*time.Millisecond {
		t.Errorf("the 99th of 100 good ones took %v among slow ones and %v alone", busy, quiet)
	}
}

// quickest asks n times and returns how long 99 of 100 took at most.
func quickest(t *testing.T, url string, n int) time.Duration {
	t.Helper()
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/images", nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := send(req)
		if err != nil || a.status != http.StatusOK {
			t.Fatalf("a good request is answered %d, %v", a.status, err)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[n*99/100]
}

// drip begins a request with these headers, then says a byte every quarter of a second,
// until the server has had enough: after how long, and with which status. What else the
// server says is held against the contract.
func drip(t *testing.T, address, method, headers string) (held time.Duration, status string) {
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/v1/images", nil)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer func() { _ = conn.Close() }()
	began := time.Now()
	_ = conn.SetDeadline(began.Add(30 * time.Second))
	if _, err := fmt.Fprintf(conn, "%s /v1/images HTTP/1.1\r\nHost: localhost\r\n%s", method, headers); err != nil {
		t.Error(err)
		return 0, ""
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		res, err := http.ReadResponse(bufio.NewReader(conn), req)
		if err != nil {
			return // it is sent away without a word
		}
		defer res.Body.Close() //nolint:errcheck // it was only read
		contract.Hear(req, res)
		status = res.Status
	}()
	for {
		select {
		case <-over:
			return time.Since(began), status
		case <-time.After(250 * time.Millisecond):
			_, _ = fmt.Fprint(conn, "a") // the end is seen by who reads
		}
	}
}
