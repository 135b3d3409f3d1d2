package portstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"imgd/core"
	"imgd/ports"
)

// Quotas holds quotas over a store of records to the promises of ports.Quotas.
func Quotas(t *testing.T, open func(*testing.T) *Store) {
	fifty := core.Quota{Images: 50}
	t.Run("of two hundred uploads at once exactly as many are taken as there may be images", func(t *testing.T) {
		s := open(t)
		if got := Crowd(t, s, s.Quotas(only(acme, fifty), time.Minute), 200); got != 50 {
			t.Errorf("%d of 200 uploads were taken, want exactly 50", got)
		}
	})
	t.Run("of two hundred jobs at once exactly as many are queued as may wait", func(t *testing.T) {
		s := open(t)
		a := s.admit(t)
		q := s.Quotas(only(acme, core.Quota{Jobs: 50}), time.Minute)
		var queued atomic.Int64
		crowd(200, func(i int) {
			r, err := q.Reserve(t.Context(), acme, core.Usage{Jobs: 1})
			if core.SlugOf(err) == core.QuotaExceeded {
				return
			}
			must(t, err)
			j := order(a.Image, fmt.Sprint("digest ", i))
			_, added, err := s.Control.Add(t.Context(), ports.Addition{Job: j, Variants: wishes(j, "small"), Reservation: r.ID})
			if must(t, err); added {
				queued.Add(1)
			}
		})
		if got := queued.Load(); got != 49 { // and the one there was
			t.Errorf("%d jobs were queued beside one, want 49", got)
		}
	})
	t.Run("a tenant without a quota reserves nothing", func(t *testing.T) {
		s := open(t)
		q := s.Quotas(only(globex, fifty), time.Minute)
		r, err := q.Reserve(t.Context(), acme, core.Usage{Images: 1_000_000})
		if r != (ports.Reservation{}) || err != nil {
			t.Errorf("Reserve = %+v, %v; want nothing of either", r, err)
		}
		must(t, errors.Join(q.Keep(t.Context(), acme, r), q.Release(t.Context(), acme, r)))
	})
	t.Run("a refusal says of what there is too little, and by how much", func(t *testing.T) {
		s := open(t)
		a := s.admit(t) // before there was a quota
		q := s.Quotas(only(acme, core.Quota{Images: 9, Bytes: 200_000, Jobs: 2}), time.Minute)
		for _, c := range []struct {
			asked core.Usage
			want  map[string]any
		}{
			{core.Usage{Images: 9, Bytes: 1}, map[string]any{"quota": "images", "limit": int64(9), "used": int64(1), "asked": int64(9)}},
			{core.Usage{Images: 1, Bytes: 100_000}, map[string]any{"quota": "bytes", "limit": int64(200_000), "used": a.Image.Bytes, "asked": int64(100_000)}},
			{core.Usage{Jobs: 2}, map[string]any{"quota": "jobs", "limit": int64(2), "used": int64(1), "asked": int64(2)}},
		} {
			_, err := q.Reserve(t.Context(), acme, c.asked)
			e, ok := errors.AsType[*core.Error](err)
			if !ok || e.Slug != core.QuotaExceeded || !cmp.Equal(e.Facts, c.want) {
				t.Errorf("reserving %+v = %v, want QuotaExceeded with %v", c.asked, err, c.want)
			}
		}
		if _, err := q.Reserve(t.Context(), acme, core.Usage{Images: 8, Bytes: 200_000 - a.Image.Bytes, Jobs: 1}); err != nil {
			t.Errorf("reserving all that is left = %v", err)
		}
	})
	t.Run("nobody pays for another tenant", func(t *testing.T) {
		s := open(t)
		q := s.Quotas(func(string) core.Quota { return core.Quota{Images: 1} }, time.Minute)
		_, err := q.Reserve(t.Context(), acme, core.Usage{Images: 1})
		must(t, err)
		r, err := q.Reserve(t.Context(), globex, core.Usage{Images: 1})
		must(t, err)
		must(t, q.Release(t.Context(), acme, r)) // not theirs
		if _, err := q.Reserve(t.Context(), globex, core.Usage{Images: 1}); core.SlugOf(err) != core.QuotaExceeded {
			t.Errorf("after a release by another tenant, Reserve = %v, want it refused", err)
		}
	})
	t.Run("what was released, or has run out, is free again", func(t *testing.T) {
		s := open(t)
		q, one := s.Quotas(only(acme, core.Quota{Images: 1}), time.Minute), core.Usage{Images: 1}
		r, err := q.Reserve(t.Context(), acme, one)
		must(t, err)
		must(t, q.Keep(t.Context(), acme, r))
		must(t, q.Release(t.Context(), acme, r))
		must(t, q.Release(t.Context(), acme, r))
		r, err = q.Reserve(t.Context(), acme, one)
		must(t, err)
		must(t, s.RunOut(t.Context(), r.ID))
		_, err = q.Reserve(t.Context(), acme, one)
		must(t, err)
		if err := q.Keep(t.Context(), acme, r); core.KindOf(err) != core.NotFound {
			t.Errorf("keeping what has run out = %v, want NotFound", err)
		}
		a := admission(acme)
		a.Reservation = r.ID
		if err := s.Images.Admit(t.Context(), a); core.SlugOf(err) != core.RequestTimeout {
			t.Errorf("admitting on what has run out = %v, want RequestTimeout", err)
		}
		if _, err := s.Images.Image(t.Context(), acme, a.Image.ID); core.KindOf(err) != core.NotFound {
			t.Errorf("then the image = %v, want NotFound", err)
		}
		if n, err := s.House.ForgetReservations(t.Context(), 10); n != 1 || err != nil {
			t.Errorf("ForgetReservations = %d, %v; want the one", n, err)
		}
	})
	t.Run("usage is what there is, whatever has happened", func(t *testing.T) {
		s := open(t)
		history(t, s, s.Quotas(only(acme, core.Quota{Images: 20, Bytes: 1 << 40, Jobs: 1000}), time.Minute))
	})
	t.Run("a recount puts right what is wrong", func(t *testing.T) {
		s := open(t)
		s.admit(t)
		q := s.Quotas(only(acme, fifty), time.Minute)
		want, err := q.Used(t.Context(), acme)
		must(t, err)
		must(t, s.Spoil(t.Context(), acme))
		if got, err := q.Used(t.Context(), acme); err != nil || got == want {
			t.Fatalf("usage could not be spoiled: %+v, %v", got, err)
		}
		for _, fixes := range []int{1, 0} {
			if n, err := s.House.Recount(t.Context()); n != fixes || err != nil {
				t.Errorf("Recount = %d, %v; want %d", n, err, fixes)
			}
		}
		if got, err := q.Used(t.Context(), acme); err != nil || got != want {
			t.Errorf("after a recount usage is %+v, %v; want %+v", got, err, want)
		}
	})
}

// only gives one tenant a quota.
func only(tenant string, q core.Quota) func(string) core.Quota {
	return func(t string) core.Quota {
		if t == tenant {
			return q
		}
		return core.Quota{}
	}
}

// crowd has many do something in the same moment.
func crowd(many int, do func(i int)) {
	var done sync.WaitGroup
	barrier := make(chan struct{})
	for i := range many {
		done.Go(func() { <-barrier; do(i) })
	}
	close(barrier)
	done.Wait()
}

// Crowd has many upload in the same moment, and counts whose image was recorded.
func Crowd(t *testing.T, s *Store, q ports.Quotas, many int) int {
	t.Helper()
	var taken atomic.Int64
	crowd(many, func(int) {
		r, err := q.Reserve(t.Context(), acme, core.Usage{Images: 1, Bytes: 200_000, Jobs: 1})
		if core.SlugOf(err) == core.QuotaExceeded {
			return
		}
		a := admission(acme)
		a.Reservation = r.ID
		if err == nil {
			err = s.Images.Admit(t.Context(), a)
		}
		if err != nil {
			t.Error(err)
			return
		}
		taken.Add(1)
	})
	return int(taken.Load())
}

// history lets everything happen that changes what a tenant has, and compares what is
// kept of it with what is counted.
func history(t *testing.T, s *Store, q ports.Quotas) {
	t.Helper()
	ctx, chance := t.Context(), rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- a run that can be repeated
	var alive []core.ID
	var held []ports.Reservation
	for step := range 300 {
		what := chance.IntN(10)
		switch {
		case what < 4:
			r, err := q.Reserve(ctx, acme, core.Usage{Images: 1, Bytes: 5_000_000, Jobs: 1})
			if core.SlugOf(err) == core.QuotaExceeded {
				continue
			}
			must(t, err)
			held = append(held, r)
		case what < 7 && len(held) > 0:
			a := admission(acme)
			a.Reservation, a.Image.Bytes = held[0].ID, chance.Int64N(5_000_000)
			held = held[1:]
			if chance.IntN(3) == 0 {
				past := time.Now().Add(-time.Hour)
				a.Image.ExpiresAt = &past
			}
			must(t, s.Images.Admit(ctx, a))
			alive = append(alive, a.Image.ID)
		case what == 7 && len(held) > 0:
			must(t, q.Release(ctx, acme, held[0]))
			held = held[1:]
		case what == 8 && len(alive) > 0:
			i := chance.IntN(len(alive)) // deleted once or twice
			must(t, s.Images.Delete(ctx, acme, alive[i], ports.Removal{By: ann, Purge: chance.IntN(2) == 0}))
		default:
			_, err := s.House.DeleteExpired(ctx, ports.Removal{By: ann}, 3)
			must(t, err)
		}
		agree(ctx, t, s, q, step, len(held))
	}
	if n, err := s.House.Recount(ctx); n != 0 || err != nil {
		t.Errorf("Recount = %d, %v; want nothing wrong", n, err)
	}
}

func agree(ctx context.Context, t *testing.T, s *Store, q ports.Quotas, step, held int) {
	t.Helper()
	used, err := q.Used(ctx, acme)
	must(t, err)
	there, err := s.Stats.Tenant(ctx, acme)
	must(t, err)
	n := int64(held)
	want := core.Usage{Images: there.Images + n, Bytes: there.Bytes + n*5_000_000, Jobs: there.Jobs[core.JobQueued] + n}
	if used != want {
		t.Fatalf("after step %d usage is %+v, want %+v", step, used, want)
	}
}
