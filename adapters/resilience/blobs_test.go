package resilience_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"imgd/adapters/disk"
	"imgd/adapters/resilience"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func folder(t *testing.T) ports.Blobs {
	t.Helper()
	d, err := disk.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func breaker(c resilience.Config) *resilience.Breaker {
	c.Name, c.Log = "store", slog.New(slog.DiscardHandler)
	return resilience.NewBreaker(c)
}

func TestBlobsBehindABreaker(t *testing.T) {
	portstest.Blobs(t, func(t *testing.T) ports.Blobs {
		return &resilience.Blobs{Blobs: folder(t), Breaker: breaker(resilience.Config{})}
	})
}

// counted is a store that fails as it is told, and counts who asks.
type counted struct {
	portstest.FlakyBlobs
	asked int
}

func (c *counted) Open(ctx context.Context, key string) (*ports.Blob, error) {
	c.asked++
	return c.FlakyBlobs.Open(ctx, key)
}

func TestAStoreThatKeepsFailingIsNotAsked(t *testing.T) {
	flaky := &counted{FlakyBlobs: portstest.FlakyBlobs{Blobs: folder(t), Err: core.Unavailable.Errorf("away")}}
	b := breaker(resilience.Config{Pause: time.Hour})
	store := &resilience.Blobs{Blobs: flaky, Breaker: b}
	for i := range 9 {
		_, err := store.Open(t.Context(), "o/a")
		if core.KindOf(err) != core.Unavailable {
			t.Fatalf("call %d = %v, want Unavailable", i, err)
		}
		if i >= 5 && core.RetryAfter(err) <= 0 {
			t.Errorf("call %d does not say when to come again: %v", i, err)
		}
	}
	if flaky.asked != 5 || !b.Away() {
		t.Errorf("the store was asked %d times of 9, want 5 (away: %v)", flaky.asked, b.Away())
	}
	for range store.List(t.Context(), "") {
		break
	}
	if _, err := store.Create(t.Context(), "o/a", "image/png", strings.NewReader("x")); core.KindOf(err) != core.Unavailable {
		t.Errorf("Create = %v, want Unavailable", err)
	}
	if err := store.Delete(t.Context(), "o/a"); core.KindOf(err) != core.Unavailable {
		t.Errorf("Delete = %v, want Unavailable", err)
	}
}

// hung fails after two seconds.
type hung struct{ ports.Blobs }

func (h hung) Open(context.Context, string) (*ports.Blob, error) {
	time.Sleep(2 * time.Second)
	return nil, core.Unavailable.Errorf("it hangs")
}

func TestAStoreThatHangsIsNotAskedAfterTwoCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker(resilience.Config{Pause: time.Hour})
		store := &resilience.Blobs{Blobs: hung{}, Breaker: b}
		for i, away := range []bool{false, true} {
			if _, err := store.Open(t.Context(), "o/a"); core.KindOf(err) != core.Unavailable || b.Away() != away {
				t.Errorf("call %d = %v, and the breaker is open: %v; want %v", i, err, b.Away(), away)
			}
		}
	})
}

func TestAnAnswerIsNoFailure(t *testing.T) {
	flaky := &counted{FlakyBlobs: portstest.FlakyBlobs{Blobs: folder(t)}}
	b := breaker(resilience.Config{})
	store := &resilience.Blobs{Blobs: flaky, Breaker: b}
	away := core.Unavailable.Errorf("away")
	for range 4 { // four failures, an answer, four failures: never five in a row
		flaky.Err = away
		for range 4 {
			_, _ = store.Open(t.Context(), "o/a")
		}
		flaky.Err = nil
		if _, err := store.Open(t.Context(), "o/a"); core.KindOf(err) != core.NotFound {
			t.Fatalf("Open = %v, want NotFound", err)
		}
	}
	for range 20 { // the sender's fault
		if _, err := store.Create(t.Context(), "o/a", "image/png", io.MultiReader(strings.NewReader("x"), failing{away})); !errors.Is(err, away) {
			t.Fatalf("Create = %v, want the reader's error", err)
		}
	}
	if b.Away() {
		t.Error("the breaker has opened")
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAfterAPauseOneCallerTries(t *testing.T) {
	flaky := &counted{FlakyBlobs: portstest.FlakyBlobs{Blobs: folder(t), Err: core.Unavailable.Errorf("away")}}
	b := breaker(resilience.Config{Pause: 20 * time.Millisecond})
	store := &resilience.Blobs{Blobs: flaky, Breaker: b}
	for range 5 {
		_, _ = store.Open(t.Context(), "o/a")
	}
	time.Sleep(30 * time.Millisecond)
	for range 3 {
		_, _ = store.Open(t.Context(), "o/a")
	}
	if flaky.asked != 6 {
		t.Errorf("after the pause %d asked, want one", flaky.asked-5)
	}
	flaky.Err = nil
	time.Sleep(30 * time.Millisecond)
	if _, err := store.Open(t.Context(), "o/a"); core.KindOf(err) != core.NotFound || b.Away() {
		t.Errorf("Open = %v and the breaker is away: %v; want the store's answer, and closed", err, b.Away())
	}
}

func TestAProbeFindsOutThatTheStoreIsBack(t *testing.T) {
	flaky := &counted{FlakyBlobs: portstest.FlakyBlobs{Blobs: folder(t), Err: core.Unavailable.Errorf("away")}}
	var back atomic.Bool
	var probes atomic.Int32
	b := breaker(resilience.Config{Pause: time.Hour, Every: 5 * time.Millisecond, Probe: func(context.Context) error {
		probes.Add(1)
		if back.Load() {
			return nil
		}
		return core.Unavailable.Errorf("away")
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { b.Run(ctx); close(done) }()
	store := &resilience.Blobs{Blobs: flaky, Breaker: b}
	for round := range 2 {
		back.Store(false)
		probes.Store(0)
		for range 5 {
			_, _ = store.Open(t.Context(), "o/a")
		}
		for probes.Load() < 3 {
			time.Sleep(time.Millisecond)
		}
		if !b.Away() {
			t.Fatalf("round %d: the breaker is closed although no probe was answered", round)
		}
		back.Store(true)
		for end := time.Now().Add(5 * time.Second); b.Away(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("round %d: the breaker stays open", round)
			}
		}
	}
	cancel()
	<-done
}
