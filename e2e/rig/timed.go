package rig

import (
	"sync"
	"time"
)

// Watch is a stopwatch that stands still while this process is not let run: a busy
// machine is nobody's fault. What is waited for counts in full, since a timer
// beside it goes on meanwhile.
type Watch struct {
	mu      sync.Mutex
	began   time.Time
	starved time.Duration
	quit    chan struct{}
	done    sync.WaitGroup
}

// NewWatch starts a watch; it has to be stopped.
func NewWatch() *Watch {
	w := &Watch{began: time.Now(), quit: make(chan struct{})}
	w.done.Go(w.run)
	return w
}

func (w *Watch) run() {
	const step = 2 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-w.quit:
			return
		case <-tick.C:
			now := time.Now()
			w.mu.Lock()
			w.starved += max(0, now.Sub(last)-2*step)
			w.mu.Unlock()
			last = now
		}
	}
}

// Restart forgets what has passed.
func (w *Watch) Restart() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began, w.starved = time.Now(), 0
}

// Stop returns what has passed.
func (w *Watch) Stop() time.Duration {
	took := time.Since(w.began)
	close(w.quit)
	w.done.Wait()
	return max(0, took-w.starved)
}

// Timed returns how long do took by a Watch.
func Timed(do func()) time.Duration {
	w := NewWatch()
	do()
	return w.Stop()
}
