package worker

import (
	"context"
	"sync"
	"time"
)

// brisk is how long jobs take at most that are called short.
const brisk = 250 * time.Millisecond

// pace decides how many jobs may be under way: one a slot, and while they are short
// some more. A renderer waits while a short job is claimed, stored and recorded,
// which takes as long as rendering it; the others keep it busy meanwhile, and share
// their commits. Long jobs get no company, since a job that waits here could be
// run by another process.
type pace struct {
	slots, ahead int
	changed      chan struct{} // a job has ended

	mu      sync.Mutex
	places  int                 // taken, by jobs and by who looks for one
	running map[int64]time.Time // since when
	serial  int64
	took    time.Duration // what jobs take, smoothed; 0 before the first
}

func newPace(slots int) *pace {
	return &pace{slots: slots, ahead: slots + 2, changed: make(chan struct{}, 1), running: map[int64]time.Time{}}
}

// enter waits for a place, or for the end.
func (p *pace) enter(ctx context.Context) bool {
	for {
		if ctx.Err() != nil {
			return false
		}
		if p.take() {
			return true
		}
		select {
		case <-ctx.Done():
		case <-p.changed:
		}
	}
}

func (p *pace) take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.places >= p.limit(time.Now()) {
		return false
	}
	p.places++
	return true
}

// leave gives the place up.
func (p *pace) leave() {
	p.mu.Lock()
	p.places--
	p.mu.Unlock()
	p.tell()
}

// stay reports whether who has a place may go on with another job.
func (p *pace) stay() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.places <= p.limit(time.Now())
}

// begin counts a job as running; end says that it does no longer, and whether it
// was one.
func (p *pace) begin() (end func(ran bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	me, began := p.serial, time.Now()
	p.running[me] = began
	return func(ran bool) {
		p.mu.Lock()
		delete(p.running, me)
		if ran {
			p.learn(time.Since(began))
		}
		p.mu.Unlock()
		p.tell()
	}
}

// learn takes the last eight or so into account. The caller holds the lock.
func (p *pace) learn(took time.Duration) {
	if p.took == 0 {
		p.took = took
		return
	}
	p.took += (took - p.took) / 8
}

// limit is how many places there are now. The caller holds the lock.
func (p *pace) limit(now time.Time) int {
	if p.took == 0 || p.took > brisk {
		return p.slots
	}
	for _, began := range p.running {
		if now.Sub(began) > brisk {
			return p.slots
		}
	}
	return p.slots + p.ahead
}

// tell wakes who waits for a place.
func (p *pace) tell() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}
