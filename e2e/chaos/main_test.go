// Package chaos takes processes, servers and links away at chosen moments, and looks
// at what becomes of the work.
package chaos

import (
	"context"
	"flag"
	"os"
	"sync"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/contract"
	"imgd/e2e/ledger"
	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// shipped is imgd as it ships; stopping is one that stops at a point it is told.
var shipped, stopping string

// ready names a shipped imgd that is built already, for tests of it alone.
const ready = "IMGD_TEST_SHIPPED"

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "6") // they wait for leases more than they work
	if shipped = os.Getenv(ready); shipped != "" {
		os.Exit(contract.Over(m.Run)())
	}
	rig.Main(m, rig.Binary{Path: &shipped}, rig.Binary{Path: &stopping, Tags: []string{"crashpoints"}})
}

var pictures sync.Map // size: bytes

// picture is a JPEG of the size, drawn once.
func picture(t testing.TB, w, h int) []byte {
	t.Helper()
	draw, _ := pictures.LoadOrStore([2]int{w, h}, sync.OnceValues(func() ([]byte, error) { return scene.JPEG(w, h) }))
	b, err := draw.(func() ([]byte, error))()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// within is a context of the test that ends after d.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// accepted uploads a picture under a key.
func accepted(t testing.TB, c *caller.Caller, file []byte, key string) caller.Job {
	t.Helper()
	j, err := c.Accepted(within(t, 90*time.Second), file, "a.jpg", key)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// succeeded waits for the end of a job, which has to be a good one.
func succeeded(t testing.TB, c *caller.Caller, id string, patience time.Duration) caller.Job {
	t.Helper()
	j, err := c.Finished(within(t, patience), id)
	if err != nil {
		t.Fatal(err)
	}
	if j.State != "succeeded" {
		t.Errorf("the job ended %s (%+v), want succeeded", j.State, j.Error)
	}
	return j
}

// story is what happened to an image.
func story(t testing.TB, c *caller.Caller, image string) []caller.Event {
	t.Helper()
	events, err := c.Story(within(t, 30*time.Second), image)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func count(events []caller.Event, kind string) (n int) {
	for _, e := range events {
		if e.Type == kind {
			n++
		}
	}
	return n
}

// moment is when an event of a kind happened for the nth time.
func moment(t testing.TB, events []caller.Event, kind string, nth int) time.Time {
	t.Helper()
	for _, e := range events {
		if e.Type == kind {
			if nth--; nth == 0 {
				return e.At
			}
		}
	}
	t.Fatalf("there are too few events %s: %+v", kind, events)
	return time.Time{}
}

// eventually repeats a look until it is satisfied.
func eventually(t testing.TB, what string, most time.Duration, look func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < most {
		if look() {
			return time.Since(began)
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("after %s: not %s", most, what)
	return 0
}

// number asks the books.
func number(t testing.TB, b *ledger.Books, query string) int {
	t.Helper()
	n, err := b.Count(within(t, 30*time.Second), query)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
