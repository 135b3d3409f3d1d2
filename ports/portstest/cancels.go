package portstest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Cancels holds hints of cancellations to the promises of ports.Cancels. open
// returns two ends that share them: two processes', or twice the same.
func Cancels(t *testing.T, open func(*testing.T) (here, there ports.Cancels)) {
	t.Run("everybody who listens hears it", func(t *testing.T) {
		here, there := open(t)
		first, second, third := listen(t, here), listen(t, there), listen(t, there)
		for name, l := range map[string]*listener{"the announcer's own": first, "another": second, "one more": third} {
			if !l.hears(t, here, hint(1)) {
				t.Errorf("%s listener heard nothing of what was announced for 5 s", name)
			}
		}
	})
	t.Run("hints are told apart", func(t *testing.T) {
		here, there := open(t)
		l := listen(t, there)
		for i := range 20 {
			if !l.hears(t, here, hint(i)) {
				t.Fatalf("hint %d was not heard", i)
			}
		}
		if l.heard(hint(99)) {
			t.Error("a hint was heard that nobody announced")
		}
	})
	t.Run("announcing waits for nobody", func(t *testing.T) {
		here, there := open(t)
		busy, gone := make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(gone)
			_ = there.Listen(ctx, func(core.ID) { <-busy })
		}()
		began := time.Now()
		for i := range 2000 {
			if err := here.Announce(t.Context(), hint(i)); err != nil {
				t.Fatalf("announcing hint %d = %v", i, err)
			}
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("announcing to a listener that is busy took %s", took)
		}
		cancel()
		close(busy)
		<-gone
	})
	t.Run("announcing to nobody is fine", func(t *testing.T) {
		here, _ := open(t)
		if err := here.Announce(t.Context(), hint(1)); err != nil {
			t.Errorf("Announce = %v, want nil", err)
		}
	})
	t.Run("a cancelled listener returns at once, with the cause", func(t *testing.T) {
		here, _ := open(t)
		cause := errors.New("closing time")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
		began := time.Now()
		if err := here.Listen(ctx, func(core.ID) {}); !errors.Is(err, cause) {
			t.Errorf("Listen = %v, want the cause of the cancellation", err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("Listen returned after %s, want soon after the 50 ms of its context", took)
		}
	})
}

// listener remembers what it heard.
type listener struct {
	mu  sync.Mutex
	ids map[core.ID]bool
}

// listen listens until the test ends.
func listen(t *testing.T, c ports.Cancels) *listener {
	t.Helper()
	l, done := &listener{ids: map[core.ID]bool{}}, make(chan error, 1)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	go func() {
		done <- c.Listen(ctx, func(id core.ID) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.ids[id] = true
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Listen = %v, want the context's own error", err)
		}
	})
	return l
}

func (l *listener) heard(id core.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids[id]
}

// hears announces id again and again, since who has just begun to listen may miss
// a hint, until l has heard it.
func (l *listener) hears(t *testing.T, c ports.Cancels, id core.ID) bool {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if l.heard(id) {
			return true
		}
		if err := c.Announce(t.Context(), id); err != nil {
			t.Fatalf("Announce = %v", err)
		}
	}
	return l.heard(id)
}
