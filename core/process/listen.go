package process

import (
	"context"
	"sync"
	"time"

	"imgd/core"
)

// Listen hears of cancellations until the context ends, and has the heartbeat of
// the job that is named look at its row at once. Without it, or while no news come
// through, a cancelled job stops at its next heartbeat.
func (s *Service) Listen(ctx context.Context) {
	for s.Cancels != nil && ctx.Err() == nil {
		err := s.Cancels.Listen(ctx, s.running.doubt)
		if ctx.Err() != nil {
			return
		}
		s.Log.WarnContext(ctx, "no news of cancellations", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// running are the attempts under way. Its zero value is ready.
type running struct {
	mu       sync.Mutex
	attempts map[*attempt]struct{}
}

func (r *running) enter(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.attempts == nil {
		r.attempts = map[*attempt]struct{}{}
	}
	r.attempts[a] = struct{}{}
}

func (r *running) leave(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.attempts, a)
}

// doubt wakes the heartbeat of a job. An attempt that lost its lease may still run
// beside its successor: it is woken too, and finds out.
func (r *running) doubt(id core.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for a := range r.attempts {
		if a.job.ID != id {
			continue
		}
		select {
		case a.doubt <- struct{}{}:
		default: // it is about to look anyway
		}
	}
}
