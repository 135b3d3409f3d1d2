package portstest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Limits holds rate limits to the promises of ports.Limits. open returns limits
// that have seen nobody.
func Limits(t *testing.T, open func(*testing.T) ports.Limits) {
	hourly := core.Rate{Limit: 50, Per: time.Hour}
	t.Run("of two hundred at once exactly the limit is allowed", func(t *testing.T) {
		if got := Stampede(t, open(t), hourly, 200); got != 50 {
			t.Errorf("%d of 200 concurrent takes were allowed, want exactly 50", got)
		}
	})
	t.Run("an answer says what is left and how long to wait", func(t *testing.T) {
		l, r := open(t), core.Rate{Limit: 60, Per: time.Hour, Burst: 3} // one a minute
		for i, want := range []core.Allowance{
			{Allowed: true, Remaining: 2, ResetAfter: time.Minute},
			{Allowed: true, Remaining: 1, ResetAfter: 2 * time.Minute},
			{Allowed: true, Remaining: 0, ResetAfter: 3 * time.Minute},
			{Allowed: false, Remaining: 0, ResetAfter: 3 * time.Minute, RetryAfter: time.Minute},
		} {
			if got := take(t, l, "ann", r, 1); !near(got, want) {
				t.Errorf("take %d = %+v, want %+v within some seconds", i+1, got, want)
			}
		}
	})
	t.Run("a refused take takes nothing", func(t *testing.T) {
		l, r := open(t), core.Rate{Limit: 60, Per: time.Hour, Burst: 5}
		for _, step := range []struct {
			n       int
			allowed bool
			left    int
		}{{3, true, 2}, {3, false, 0}, {2, true, 0}, {1, false, 0}} {
			got := take(t, l, "ann", r, step.n)
			if got.Allowed != step.allowed || got.Remaining != step.left {
				t.Errorf("taking %d = %+v, want allowed %t with %d left", step.n, got, step.allowed, step.left)
			}
		}
	})
	t.Run("what was taken comes back one by one", func(t *testing.T) {
		l, r := open(t), core.Rate{Limit: 5, Per: time.Second, Burst: 2} // one in 200 ms
		take(t, l, "ann", r, 2)
		refused := take(t, l, "ann", r, 1)
		if refused.Allowed || refused.RetryAfter <= 0 || refused.RetryAfter > 200*time.Millisecond {
			t.Fatalf("a third take = %+v, want refused for up to 200 ms", refused)
		}
		time.Sleep(refused.RetryAfter + 5*time.Millisecond)
		if got := take(t, l, "ann", r, 1); !got.Allowed {
			t.Errorf("after the time it was told to wait, a take = %+v, want allowed", got)
		}
	})
	t.Run("over a while the rate is allowed, and no more", func(t *testing.T) {
		if got := Persist(t, open(t), core.Rate{Limit: 100, Per: time.Second, Burst: 5}, time.Now); got.Allowed > got.Most || got.Allowed < got.Least {
			t.Errorf("%d of %d takes were allowed, want %d to %d", got.Allowed, got.Takes, got.Least, got.Most)
		}
	})
	t.Run("nobody pays for another", func(t *testing.T) {
		l, r := open(t), core.Rate{Limit: 1, Per: time.Hour}
		for _, key := range []string{"ann", "bob", "an", "", "a}b", "{ann}", "ann\n*"} {
			if got := take(t, l, key, r, 1); !got.Allowed {
				t.Errorf("the first take of %q = %+v, want allowed", key, got)
			}
			if got := take(t, l, key, r, 1); got.Allowed {
				t.Errorf("the second take of %q = %+v, want refused", key, got)
			}
		}
	})
	t.Run("what could never be allowed is an error", func(t *testing.T) {
		l := open(t)
		if _, err := l.Take(t.Context(), "ann", hourly, 51); core.KindOf(err) != core.Invalid {
			t.Errorf("51 of 50 at once = %v, want Invalid", err)
		}
		for name, r := range map[string]core.Rate{"no limit": {Per: time.Hour}, "no time": {Limit: 1}, "a negative burst": {Limit: 1, Per: time.Hour, Burst: -1}} {
			if _, err := l.Take(t.Context(), "ann", r, 1); core.KindOf(err) != core.Internal {
				t.Errorf("%s = %v, want our own mistake", name, err)
			}
		}
		if got := take(t, l, "ann", hourly, 50); !got.Allowed {
			t.Errorf("after errors only, the whole burst = %+v, want allowed", got)
		}
	})
	t.Run("a cancelled take is an error", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := open(t).Take(ctx, "ann", hourly, 1); err == nil {
			t.Error("a take with a cancelled context succeeded")
		}
	})
}

// Stampede has many take one each in the same moment, and counts whom it was
// allowed.
func Stampede(t *testing.T, l ports.Limits, r core.Rate, many int) int {
	t.Helper()
	var (
		allowed atomic.Int64
		ready   sync.WaitGroup
		done    sync.WaitGroup
		barrier = make(chan struct{})
	)
	ready.Add(many)
	for range many {
		done.Go(func() {
			ready.Done()
			<-barrier
			got, err := l.Take(t.Context(), "crowd", r, 1)
			if err != nil {
				t.Error(err)
			}
			if got.Allowed {
				allowed.Add(1)
			}
		})
	}
	ready.Wait()
	close(barrier)
	done.Wait()
	return int(allowed.Load())
}

// Persistence is what somebody got who took all the time, and what it has to be.
type Persistence struct {
	Takes, Allowed int
	Least, Most    int
}

// Persist takes one after the other until as much must have come back as ten bursts.
// What has to be allowed is reckoned from when each take was made, so that a busy
// machine changes how long this takes and not what is wanted: a bucket that is full
// because nobody was let run to take from it loses what would come back. now is the
// clock that the limits go by.
func Persist(t *testing.T, l ports.Limits, r core.Rate, now func() time.Time) (p Persistence) {
	t.Helper()
	each := r.Per / time.Duration(r.Limit)
	burst := each * time.Duration(r.AtOnce())
	var first, last time.Duration // when the first take was over, and the last was made
	var lost time.Duration        // what the bucket had no room for, at most, as the time in which it comes back
	there := burst                // what is in it, in the same way
	for began := now(); last-first-lost < 10*burst; p.Takes++ {
		before := now().Sub(began)
		allowed := take(t, l, "ann", r, 1).Allowed
		after := now().Sub(began)
		if p.Takes == 0 {
			first, last = after, before
		}
		// Between the two takes was no more time than this.
		there += after - last
		lost += max(0, there-burst)
		there = min(there, burst)
		if allowed {
			p.Allowed++
			there -= each
		} else {
			there = min(there, each)
		}
		last = before
		p.Most = int((burst + after) / each)
		time.Sleep(each / 5) // who sleeps is let run sooner than who never does
	}
	p.Least = int((burst+last-first-lost-there)/each) - 1 // a limiter may round
	return p
}

func take(t *testing.T, l ports.Limits, key string, r core.Rate, n int) core.Allowance {
	t.Helper()
	got, err := l.Take(t.Context(), key, r, n)
	if err != nil {
		t.Fatalf("taking %d for %q = %v", n, key, err)
	}
	return got
}

// near reports whether two answers differ only by the time a test may take.
func near(got, want core.Allowance) bool {
	const slack = 20 * time.Second
	return got.Allowed == want.Allowed && got.Remaining == want.Remaining &&
		(got.RetryAfter-want.RetryAfter).Abs() < slack && (got.ResetAfter-want.ResetAfter).Abs() < slack &&
		(got.RetryAfter == 0) == (want.RetryAfter == 0)
}
