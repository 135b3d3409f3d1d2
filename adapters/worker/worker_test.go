package worker_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"imgd/adapters/memory"
	"imgd/adapters/worker"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backlog is a runner over a list of ids.
type backlog struct {
	mu    sync.Mutex
	due   []core.ID
	ran   []core.ID
	work  func(context.Context)
	peak  atomic.Int32
	alive atomic.Int32
}

func (b *backlog) Next(ctx context.Context, hint core.ID) error {
	b.mu.Lock()
	at := -1
	for i, id := range b.due {
		if hint == "" || id == hint {
			at = i
			break
		}
	}
	if at < 0 {
		b.mu.Unlock()
		return core.NotFound.Errorf("nothing is due")
	}
	id := b.due[at]
	b.due = append(b.due[:at], b.due[at+1:]...)
	b.ran = append(b.ran, id)
	b.mu.Unlock()
	for n := b.alive.Add(1); ; {
		if peak := b.peak.Load(); n <= peak || b.peak.CompareAndSwap(peak, n) {
			break
		}
	}
	defer b.alive.Add(-1)
	if b.work != nil {
		b.work(ctx)
	}
	return nil
}

func (b *backlog) count() int { b.mu.Lock(); defer b.mu.Unlock(); return len(b.ran) }

func start(t *testing.T, r worker.Runner, q ports.Queue, slots int, poll, grace time.Duration) (stop func()) {
	t.Helper()
	w := &worker.Worker{Runner: r, Queue: q, Slots: slots, Poll: poll, Grace: func() time.Duration { return grace }, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	return func() { cancel(); <-done }
}

func eventually(t *testing.T, what string, look func() bool) {
	t.Helper()
	for range 2000 {
		if look() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("not %s after 10 s", what)
}

func TestAHintWakesAnIdleWorkerLongBeforeItWouldLook(t *testing.T) {
	b, q := &backlog{due: []core.ID{"a"}}, memory.NewQueue(8)
	stop := start(t, b, q, 1, time.Hour, 0)
	defer stop()
	if err := q.Push(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "run", func() bool { return b.count() == 1 })
}

func TestJobsAreFoundAlthoughEveryHintIsLost(t *testing.T) {
	b := &backlog{due: []core.ID{"a", "b", "c"}}
	stop := start(t, b, &portstest.DeafQueue{}, 1, 10*time.Millisecond, 0)
	defer stop()
	eventually(t, "run", func() bool { return b.count() == 3 })
}

func TestAHintForWhatIsGoneStillLooksForOtherWork(t *testing.T) {
	b, q := &backlog{due: []core.ID{"a"}}, memory.NewQueue(8)
	stop := start(t, b, q, 1, time.Hour, 0)
	defer stop()
	if err := q.Push(t.Context(), "invented"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "run", func() bool { return b.count() == 1 })
}

func TestAHintedJobCostsOneClaim(t *testing.T) {
	b, q := &backlog{}, memory.NewQueue(64)
	asked := &counted{Runner: b}
	for i := range 20 {
		b.due = append(b.due, core.ID(rune('a'+i)))
		if err := q.Push(t.Context(), b.due[i]); err != nil {
			t.Fatal(err)
		}
	}
	stop := start(t, asked, q, 1, time.Hour, 0)
	defer stop()
	eventually(t, "all run", func() bool { return b.count() == 20 })
	if n := asked.n.Load(); n > 22 { // the first hint comes with a look around
		t.Errorf("20 hinted jobs asked for a job %d times, want one claim each", n)
	}
}

func TestHintsThatKeepComingHideNoJob(t *testing.T) {
	b, q := &backlog{work: func(context.Context) { time.Sleep(time.Millisecond) }}, memory.NewQueue(4096)
	for i := range 1000 {
		b.due = append(b.due, core.ID(rune('一'+i)))
		if err := q.Push(t.Context(), b.due[i]); err != nil {
			t.Fatal(err)
		}
	}
	stop := start(t, b, q, 1, 20*time.Millisecond, 0)
	defer stop()
	eventually(t, "busy", func() bool { return b.count() > 10 })
	b.mu.Lock()
	b.due = append([]core.ID{"untold"}, b.due...)
	before := len(b.ran)
	b.mu.Unlock()
	eventually(t, "found", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.Contains(b.ran, "untold")
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	if waited := slices.Index(b.ran, "untold") - before; waited > 500 {
		t.Errorf("%d hinted jobs ran before the one without a hint", waited)
	}
}

// counted counts how often a job was asked for.
type counted struct {
	worker.Runner
	n atomic.Int32
}

func (c *counted) Next(ctx context.Context, hint core.ID) error {
	c.n.Add(1)
	return c.Runner.Next(ctx, hint)
}

func TestLongJobsRunASlotEachAndShortOnesHaveCompany(t *testing.T) {
	for name, c := range map[string]struct {
		takes       time.Duration
		jobs        int
		least, most int32
	}{
		"long":  {400 * time.Millisecond, 9, 3, 3},
		"short": {20 * time.Millisecond, 80, 4, 8},
	} {
		t.Run(name, func(t *testing.T) {
			b, q := &backlog{}, memory.NewQueue(128)
			b.work = func(context.Context) { time.Sleep(c.takes) }
			for i := range c.jobs {
				b.due = append(b.due, core.ID(rune('一'+i)))
				if err := q.Push(t.Context(), b.due[i]); err != nil {
					t.Fatal(err)
				}
			}
			stop := start(t, b, q, 3, time.Hour, 0)
			defer stop()
			eventually(t, "all run", func() bool { return b.count() == c.jobs })
			if got := b.peak.Load(); got < c.least || got > c.most {
				t.Errorf("%d jobs ran at once, want %d to %d", got, c.least, c.most)
			}
		})
	}
}

func TestJobsThatTurnLongLoseTheirCompany(t *testing.T) {
	b, q := &backlog{}, memory.NewQueue(128)
	gate := make(chan struct{})
	b.work = func(context.Context) {
		if b.count() > 40 {
			<-gate
		}
	}
	for i := range 60 {
		b.due = append(b.due, core.ID(rune('一'+i)))
		if err := q.Push(t.Context(), b.due[i]); err != nil {
			t.Fatal(err)
		}
	}
	stop := start(t, b, q, 1, time.Hour, 0)
	defer stop()
	eventually(t, "stuck", func() bool { return b.count() > 40 })
	time.Sleep(2 * time.Second)
	stuck := b.count()
	if stuck > 44 {
		t.Errorf("%d jobs wait for one that takes long, want 4 at most", stuck-40)
	}
	close(gate)
	eventually(t, "all run", func() bool { return b.count() == 60 })
}

func TestAStopWaitsForARunningJobAndThenGivesItBack(t *testing.T) {
	t.Run("within the grace it ends by itself", func(t *testing.T) {
		var cause error
		b := &backlog{due: []core.ID{"a", "b"}, work: func(ctx context.Context) { time.Sleep(50 * time.Millisecond); cause = context.Cause(ctx) }}
		stop := start(t, b, memory.NewQueue(8), 1, time.Millisecond, time.Minute)
		eventually(t, "running", func() bool { return b.count() == 1 })
		stop()
		if cause != nil || b.count() != 1 {
			t.Errorf("the job's context ended with %v and %d jobs ran, want nil and 1", cause, b.count())
		}
	})
	t.Run("after the grace it is told why", func(t *testing.T) {
		var cause error
		b := &backlog{due: []core.ID{"a"}, work: func(ctx context.Context) { <-ctx.Done(); cause = context.Cause(ctx) }}
		stop := start(t, b, memory.NewQueue(8), 1, time.Millisecond, 10*time.Millisecond)
		eventually(t, "running", func() bool { return b.count() == 1 })
		stop()
		if core.SlugOf(cause) != core.ShuttingDown {
			t.Errorf("the job's context ended with %v, want ShuttingDown", cause)
		}
	})
}

func TestAnOutageDoesNotEndTheWorker(t *testing.T) {
	b := &backlog{due: []core.ID{"a"}}
	away := &outage{Runner: b, left: 3}
	stop := start(t, away, memory.NewQueue(8), 1, time.Millisecond, 0)
	defer stop()
	eventually(t, "run", func() bool { return b.count() == 1 })
}

type outage struct {
	worker.Runner
	left int32
}

func (o *outage) Next(ctx context.Context, hint core.ID) error {
	if atomic.AddInt32(&o.left, -1) >= 0 {
		return core.Unavailable.Errorf("the database is away")
	}
	return o.Runner.Next(ctx, hint)
}

func TestAWorkerThatHoldsBeginsNothing(t *testing.T) {
	b, q := &backlog{due: []core.ID{"a", "b", "c", "d", "e", "f"}}, memory.NewQueue(16)
	var hold atomic.Bool
	hold.Store(true)
	w := &worker.Worker{
		Runner: b, Queue: q, Slots: 2, Poll: 5 * time.Millisecond, Grace: func() time.Duration { return time.Second },
		Hold: hold.Load, Log: slog.New(slog.DiscardHandler),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.Run(ctx); close(done) }()
	if err := q.Push(t.Context(), b.due[0]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if n := b.count(); n != 0 {
		t.Errorf("a worker that holds has run %d jobs", n)
	}
	hold.Store(false)
	eventually(t, "all jobs run", func() bool { return b.count() == 6 })
	hold.Store(true)
	cancel()
	<-done // also while it holds
}
