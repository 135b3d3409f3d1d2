package redis_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/redis"
	"imgd/core"
	"imgd/e2e/rig"
)

// outage is one way for a Redis to be away, and how it comes back.
type outage struct {
	name  string
	begin func(*testing.T, *rig.Server, *rig.Link)
	end   func(*testing.T, *rig.Server, *rig.Link)
}

var outages = []outage{
	{"frozen",
		func(t *testing.T, s *rig.Server, _ *rig.Link) { s.Stop(t) },
		func(t *testing.T, s *rig.Server, _ *rig.Link) { s.Cont(t) }},
	{"killed",
		func(_ *testing.T, s *rig.Server, _ *rig.Link) { s.Kill9() },
		func(_ *testing.T, s *rig.Server, _ *rig.Link) { s.Start() }},
	{"behind a cut line",
		func(_ *testing.T, _ *rig.Server, l *rig.Link) { l.Down() },
		func(_ *testing.T, _ *rig.Server, l *rig.Link) { l.Up() }},
	{"behind a line that swallows everything",
		func(_ *testing.T, _ *rig.Server, l *rig.Link) { l.HalfOpen() },
		func(_ *testing.T, _ *rig.Server, l *rig.Link) { l.Clear() }},
	{"behind a line that resets",
		func(_ *testing.T, _ *rig.Server, l *rig.Link) { l.Reset() },
		func(_ *testing.T, _ *rig.Server, l *rig.Link) { l.Clear() }},
	{"too slow",
		func(_ *testing.T, _ *rig.Server, l *rig.Link) { l.Latency(400 * time.Millisecond) },
		func(_ *testing.T, _ *rig.Server, l *rig.Link) { l.Clear() }},
}

// each runs a test once for every kind of outage.
func each(t *testing.T, test func(t *testing.T, address string, begin, end func())) {
	for _, o := range outages {
		t.Run(o.name, func(t *testing.T) {
			s := rig.NewRedis(t)
			l := rig.Proxy(t, s.Addr)
			test(t, l.Through(s.URL), func() { o.begin(t, s, l) }, func() { o.end(t, s, l) })
		})
	}
}

// most is how long a request may be kept by a Redis that is away.
const most = 250 * time.Millisecond

// requests are the calls that requests make.
func requests(c *redis.Client) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Push":     func(ctx context.Context) error { return redis.Queue{Client: c}.Push(ctx, id(1)) },
		"Announce": func(ctx context.Context) error { return redis.Cancels{Client: c}.Announce(ctx, id(1)) },
		"Take": func(ctx context.Context) error {
			_, err := redis.Limits{Client: c}.Take(ctx, "ann", core.Rate{Limit: 1_000_000, Per: time.Hour}, 1)
			return err
		},
	}
}

func TestARedisThatIsAwayKeepsNoRequestWaiting(t *testing.T) {
	each(t, func(t *testing.T, address string, begin, end func()) {
		warm := open(t, address, "imgd") // has connections that were good
		for name, call := range requests(warm) {
			// A machine that is busy may be late for the deadline without any outage.
			err := call(t.Context())
			for range 20 {
				if err == nil {
					break
				}
				time.Sleep(100 * time.Millisecond)
				err = call(t.Context())
			}
			if err != nil {
				t.Fatalf("%s while all is well = %v", name, err)
			}
		}
		begin()
		cold := timed(t, "Open", func() *redis.Client { return open(t, address, "imgd") })
		for _, c := range []*redis.Client{warm, cold} {
			crowd(t, c)
			inARow(t, c)
		}
		end()
		for name, call := range requests(warm) {
			back := time.Now()
			for err := call(t.Context()); err != nil; err = call(t.Context()) {
				if time.Since(back) > 2*time.Second {
					t.Fatalf("%s %s after Redis came back = %v, want nil", name, time.Since(back), err)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
	})
}

// timed holds a call to the time a request may be kept.
func timed[T any](t *testing.T, name string, call func() T) (got T) {
	t.Helper()
	if took := rig.Timed(func() { got = call() }); took > most {
		t.Errorf("%s took %s, want at most %s", name, took, most)
	}
	return got
}

// crowd has many requests find out at once that Redis is away, and again when it
// would be asked again.
func crowd(t *testing.T, c *redis.Client) {
	t.Helper()
	for range 2 {
		var wg sync.WaitGroup
		for name, call := range requests(c) {
			for range 20 {
				wg.Go(func() {
					err := timed(t, name+", one of 60 requests", func() error { return call(t.Context()) })
					if core.KindOf(err) != core.Unavailable {
						t.Errorf("%s = %v, want Unavailable", name, err)
					}
				})
			}
		}
		wg.Wait()
		time.Sleep(600 * time.Millisecond)
	}
}

// inARow has many requests one after the other: hardly any pays for the outage.
func inARow(t *testing.T, c *redis.Client) {
	t.Helper()
	began, dear := time.Now(), 0
	for range 1000 {
		one := time.Now()
		_ = redis.Queue{Client: c}.Push(t.Context(), id(1))
		if time.Since(one) > 50*time.Millisecond {
			dear++
		}
	}
	if took := time.Since(began); took > time.Second || dear > 2 {
		t.Errorf("1000 pushes in a row took %s and %d of them more than 50 ms, want a second and two at most", took, dear)
	}
}

func TestAWorkerHasHintsAgainSoonAfterAnOutage(t *testing.T) {
	each(t, func(t *testing.T, address string, begin, end func()) {
		t.Parallel() // most of it is waiting
		c := open(t, address, "imgd")
		var popped, away atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		var worker sync.WaitGroup
		worker.Go(func() {
			for ctx.Err() == nil {
				look, done := context.WithTimeout(ctx, 250*time.Millisecond)
				began := time.Now()
				_, err := redis.Queue{Client: c}.Pop(look)
				if took := time.Since(began); took > 2*most {
					t.Errorf("Pop returned %s after it was called, want soon after the 250 ms it was given", took)
				}
				switch {
				case err == nil:
					popped.Add(1)
				case !errors.Is(err, context.DeadlineExceeded) || core.KindOf(err) == core.Unavailable:
					away.Add(1)
					<-look.Done() // as a worker does, which then asks the database
				}
				done()
			}
		})
		defer func() { cancel(); worker.Wait() }()
		hears(t, c, &popped, 5*time.Second)
		begin()
		time.Sleep(1500 * time.Millisecond)
		if away.Load() == 0 {
			t.Error("the worker was never told that there are no hints")
		}
		end()
		hears(t, c, &popped, 2*time.Second)
	})
}

// hears pushes until the count grows.
func hears(t *testing.T, c *redis.Client, count *atomic.Int64, within time.Duration) {
	t.Helper()
	before, began := count.Load(), time.Now()
	for count.Load() == before {
		if time.Since(began) > within {
			t.Fatalf("no hint arrived for %s", within)
		}
		_ = redis.Queue{Client: c}.Push(t.Context(), id(1))
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("a hint arrived after %s", time.Since(began).Round(time.Millisecond))
}

func TestAListenerHearsAgainAfterAnOutage(t *testing.T) {
	each(t, func(t *testing.T, address string, begin, end func()) {
		t.Parallel() // most of it is waiting
		c := open(t, address, "imgd")
		var heard atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		var listener sync.WaitGroup
		listener.Go(func() {
			if err := (redis.Cancels{Client: c}).Listen(ctx, func(core.ID) { heard.Add(1) }); !errors.Is(err, context.Canceled) {
				t.Errorf("Listen = %v, want it to go on until its context ends", err)
			}
		})
		defer func() { cancel(); listener.Wait() }()
		listens(t, c, &heard, 5*time.Second)
		begin()
		time.Sleep(3500 * time.Millisecond) // longer than a subscription may be silent
		end()
		listens(t, c, &heard, 5*time.Second)
	})
}

// listens announces until the count grows.
func listens(t *testing.T, c *redis.Client, count *atomic.Int64, within time.Duration) {
	t.Helper()
	before, began := count.Load(), time.Now()
	for count.Load() == before {
		if time.Since(began) > within {
			t.Fatalf("nothing was heard for %s", within)
		}
		_ = redis.Cancels{Client: c}.Announce(t.Context(), id(1))
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("a hint was heard after %s", time.Since(began).Round(time.Millisecond))
}

func TestAListenerLeavesAtOnceWhileRedisIsFrozen(t *testing.T) {
	s := rig.NewRedis(t)
	c := open(t, s.URL, "imgd")
	s.Stop(t)
	t.Cleanup(func() { s.Cont(t) })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := (redis.Cancels{Client: c}).Listen(ctx, func(core.ID) {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Listen = %v, want the context's own error", err)
	}
	if took := time.Since(began); took > 600*time.Millisecond {
		t.Errorf("Listen returned after %s, want soon after its 300 ms", took)
	}
}

func TestAFlushWhilePoppingLosesHintsAndNothingElse(t *testing.T) {
	s := rig.NewRedis(t)
	c := open(t, s.URL, "imgd")
	queue := redis.Queue{Client: c}
	for i := range 20 {
		got := make(chan error, 1)
		go func() {
			popped, err := pop(t, c, 5*time.Second)
			if err == nil && popped != id(i) {
				err = fmt.Errorf("popped %s, want %s", popped, id(i))
			}
			got <- err
		}()
		time.Sleep(10 * time.Millisecond)
		s.Flush(t)
		if err := queue.Push(t.Context(), id(i)); err != nil {
			t.Fatalf("Push after a flush = %v", err)
		}
		if err := <-got; err != nil {
			t.Errorf("a Pop that waited through flush %d = %v", i, err)
		}
	}
	if err := queue.Push(t.Context(), id(99)); err != nil {
		t.Fatal(err)
	}
	s.Flush(t)
	if got, err := pop(t, c, 100*time.Millisecond); err == nil {
		t.Errorf("Pop after a flush = %q, want nothing", got)
	}
}

func TestAServerThatShutsDownWithoutSavingIsUsedAgain(t *testing.T) {
	s := rig.NewRedis(t)
	c := open(t, s.URL, "imgd")
	rate := core.Rate{Limit: 10, Per: time.Hour}
	if got, err := (redis.Limits{Client: c}).Take(t.Context(), "ann", rate, 1); err != nil || !got.Allowed {
		t.Fatalf("Take = %+v, %v", got, err)
	}
	waiting := make(chan error, 1)
	go func() { _, err := pop(t, c, 5*time.Second); waiting <- err }()
	time.Sleep(50 * time.Millisecond)
	_ = raw(t, s.URL).ShutdownNoSave(t.Context()).Err() // answered by a closed connection
	if err := <-waiting; core.KindOf(err) != core.Unavailable {
		t.Errorf("a Pop that waited = %v, want Unavailable", err)
	}
	s.Start()
	if err := c.Ping(t.Context()); err != nil {
		t.Fatalf("Ping after the restart = %v", err)
	}
	if got, err := (redis.Limits{Client: c}).Take(t.Context(), "bob", rate, 1); err != nil || !got.Allowed {
		t.Errorf("the first take on a server that has forgotten its scripts = %+v, %v", got, err)
	}
	if err := (redis.Queue{Client: c}).Push(t.Context(), id(1)); err != nil {
		t.Errorf("Push = %v", err)
	}
	if got, err := pop(t, c, 5*time.Second); got != id(1) || err != nil {
		t.Errorf("Pop = %q, %v", got, err)
	}
}
