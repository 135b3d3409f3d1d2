package portstest

import (
	"slices"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Workers holds the register of processes to its promise. Fleet shows what is in it.
func Workers(t *testing.T, open func(*testing.T) *Store) {
	one := core.Worker{ID: "w1", Host: "node7", Version: "v1.2.3", Slots: 4, Role: "worker"}
	t.Run("reads what was written", func(t *testing.T) {
		s := open(t)
		must(t, s.Workers.Alive(t.Context(), one))
		got := s.fleet(t)
		if len(got) != 1 {
			t.Fatalf("%d processes are registered, want the one", len(got))
		}
		w := got[0]
		if w.ID != one.ID || w.Host != one.Host || w.Version != one.Version || w.Slots != one.Slots || w.Role != one.Role {
			t.Errorf("the process is %+v, want %+v", w.Worker, one)
		}
		if !w.Alive() || w.Silent > time.Minute || w.StartedAt.IsZero() || w.SeenAt.Before(w.StartedAt) {
			t.Errorf("right after its sign it is %+v, want it alive", w)
		}
		a := s.admit(t)
		s.claim(t, one.ID, a.Job.ID)
		if w := s.fleet(t)[0]; len(w.Jobs) != 1 || w.Jobs[0] != a.Job.ID {
			t.Errorf("it runs %v, want %s", w.Jobs, a.Job.ID)
		}
	})
	t.Run("of running jobs all are counted, and one tenant's are named", func(t *testing.T) {
		s := open(t)
		must(t, s.Workers.Alive(t.Context(), one))
		mine, theirs := s.admit(t), s.admit(t, func(a *ports.Admission) { *a = admission(globex) })
		for _, a := range []ports.Admission{mine, theirs} {
			s.claim(t, one.ID, a.Job.ID)
		}
		for tenant, want := range map[string][]core.ID{acme: {mine.Job.ID}, globex: {theirs.Job.ID}, "": nil} {
			f, err := s.Stats.Fleet(t.Context(), tenant)
			must(t, err)
			if w := f.Workers[0]; f.Running != 2 || w.Running != 2 || !slices.Equal(w.Jobs, want) {
				t.Errorf("%q sees %d jobs that run, %d of the worker, and %v of them; want 2, 2 and %v", tenant, f.Running, w.Running, w.Jobs, want)
			}
		}
	})
	t.Run("absence", func(t *testing.T) {
		s := open(t)
		must(t, s.Workers.Gone(t.Context(), "nobody"))
		if got := s.fleet(t); len(got) != 0 {
			t.Errorf("an empty register shows %+v", got)
		}
	})
	t.Run("a second sign keeps the time of the first", func(t *testing.T) {
		s := open(t)
		must(t, s.Workers.Alive(t.Context(), one))
		first := s.fleet(t)[0]
		time.Sleep(5 * time.Millisecond)
		must(t, s.Workers.Alive(t.Context(), one))
		second := s.fleet(t)[0]
		if !second.StartedAt.Equal(first.StartedAt) || !second.SeenAt.After(first.SeenAt) {
			t.Errorf("it started at %v and was seen at %v, then %v and %v; want the same start and a later sight", first.StartedAt, first.SeenAt, second.StartedAt, second.SeenAt)
		}
	})
	t.Run("who ends is forgotten", func(t *testing.T) {
		s := open(t)
		two := one
		two.ID = "w2"
		must(t, s.Workers.Alive(t.Context(), one))
		must(t, s.Workers.Alive(t.Context(), two))
		must(t, s.Workers.Gone(t.Context(), one.ID))
		if got := s.fleet(t); len(got) != 1 || got[0].ID != two.ID {
			t.Errorf("the register shows %+v, want w2 alone", got)
		}
	})
	t.Run("concurrency", func(t *testing.T) {
		s := open(t)
		for _, err := range race(racers, func(int) error { return s.Workers.Alive(t.Context(), one) }) {
			must(t, err)
		}
		if got := s.fleet(t); len(got) != 1 {
			t.Errorf("%d signs of one process make %d", racers, len(got))
		}
	})
}

func (s *Store) fleet(t *testing.T) []core.Working {
	t.Helper()
	f, err := s.Stats.Fleet(t.Context(), acme)
	must(t, err)
	return f.Workers
}
