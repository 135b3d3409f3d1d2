package portstest

import (
	"context"
	"errors"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Backlog holds a count of what waits to its promise.
func Backlog(t *testing.T, open func(*testing.T) *Store) {
	t.Run("counts what was admitted, until it is claimed", func(t *testing.T) {
		s := open(t)
		first := s.arrive(t, acme)
		time.Sleep(3 * time.Millisecond)
		s.arrive(t, globex)
		b := s.backlog(t, 10, 0)
		if b.Waiting != 2 || b.Marked != 0 || b.Oldest < 3*time.Millisecond || b.Oldest > time.Minute {
			t.Errorf("of two jobs the backlog is %+v", b)
		}
		if again := s.backlog(t, 10, b.Newest); again.Marked != 2 {
			t.Errorf("of a backlog of 2 in which nothing has happened %d are left", again.Marked)
		}
		s.claim(t, "w1", first.Job.ID)
		time.Sleep(3 * time.Millisecond)
		s.arrive(t, acme)
		if after := s.backlog(t, 10, b.Newest); after.Waiting != 2 || after.Marked != 1 || after.Newest <= b.Newest {
			t.Errorf("when one was claimed and another has come the backlog is %+v, want 2 with 1 of the earlier ones", after)
		}
	})
	t.Run("absence", func(t *testing.T) {
		s := open(t)
		if b := s.backlog(t, 10, 0); b != (core.Backlog{}) {
			t.Errorf("of nothing the backlog is %+v", b)
		}
		if s.waits(t, acme) {
			t.Error("a job of nobody waits")
		}
	})
	t.Run("counts no more than it is asked to, the oldest first", func(t *testing.T) {
		s := open(t)
		for range 5 {
			s.arrive(t, acme)
			time.Sleep(3 * time.Millisecond)
		}
		few, all := s.backlog(t, 3, 0), s.backlog(t, 10, 0)
		if few.Waiting != 3 || all.Waiting != 5 || few.Newest >= all.Newest {
			t.Errorf("of five jobs the first three are %+v, all of them %+v", few, all)
		}
		if again := s.backlog(t, 3, few.Newest); again.Marked != 3 {
			t.Errorf("of the first three %d are left, want 3", again.Marked)
		}
	})
	t.Run("what is due later or gives way to all others is no backlog", func(t *testing.T) {
		s := open(t)
		j := s.claim(t, "w1", s.arrive(t, acme).Job.ID)
		s.finish(t, j, ports.Result{Outcome: core.Erred, Error: because(core.Slug(core.Unavailable)), Wait: forever})
		s.admit(t, func(a *ports.Admission) { a.Job.Priority = core.PriorityLow })
		if b := s.backlog(t, 10, 0); b.Waiting != 0 {
			t.Errorf("the backlog is %+v, want none", b)
		}
	})
	t.Run("a tenant waits for its own jobs", func(t *testing.T) {
		s := open(t)
		a := s.arrive(t, acme)
		if !s.waits(t, acme) || s.waits(t, globex) {
			t.Error("of a job of acme's it does not wait, or globex does")
		}
		s.claim(t, "w1", a.Job.ID)
		if s.waits(t, acme) {
			t.Error("a job that runs still waits")
		}
	})
	t.Run("interruption", func(t *testing.T) {
		s := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Backlog.Backlog(ctx, 10, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("Backlog of a caller who has left = %v, want that", err)
		}
	})
}

func (s *Store) backlog(t *testing.T, most, mark int64) core.Backlog {
	t.Helper()
	b, err := s.Backlog.Backlog(t.Context(), most, mark)
	must(t, err)
	return b
}

func (s *Store) waits(t *testing.T, tenant string) bool {
	t.Helper()
	waits, err := s.Backlog.Waits(t.Context(), tenant)
	must(t, err)
	return waits
}

// arrive is an upload as callers send them.
func (s *Store) arrive(t *testing.T, tenant string) ports.Admission {
	t.Helper()
	return s.admit(t, func(a *ports.Admission) { *a = admission(tenant); a.Job.Priority = 0 })
}
