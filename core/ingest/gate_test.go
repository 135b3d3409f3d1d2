package ingest_test

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/records"
	"imgd/core"
	"imgd/core/ingest"
	"imgd/e2e/house"
	"imgd/ports"
	"imgd/ports/portstest"
)

// clock is one that is set by hand; what waits is as old as the database says.
type clock struct{ since atomic.Int64 }

func (c *clock) now() time.Time       { return time.Unix(1_800_000_000, c.since.Load()) }
func (c *clock) pass(d time.Duration) { c.since.Add(int64(d)) }

// gated is a house with a gate before it.
func gated(t *testing.T, wait time.Duration, jobs int64) (*house.House, *ingest.Gate, *clock) {
	t.Helper()
	h, c := house.New(t), &clock{}
	g := &ingest.Gate{Backlog: records.Backlog{DB: h.DB}, Wait: wait, Jobs: jobs, Now: c.now, Chance: func() float64 { return 0 }}
	return h, g, c
}

// fill has n jobs wait.
func fill(t *testing.T, h *house.House, n int) {
	t.Helper()
	for i := range n {
		h.Accept(t, t.Name()+strconv.Itoa(i)+time.Now().String())
	}
}

// do has n jobs run.
func do(t *testing.T, h *house.House, n int) {
	t.Helper()
	for range n {
		if err := h.Process.Next(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
	}
}

// hide has the database answer nothing about jobs.
func hide(t *testing.T, h *house.House) {
	t.Helper()
	if _, err := h.DB.SQL().ExecContext(t.Context(), "ALTER TABLE jobs RENAME TO hidden"); err != nil {
		t.Fatal(err)
	}
}

func TestAJobThatWouldWaitTooLongIsRefused(t *testing.T) {
	for _, c := range []struct {
		limit time.Duration
		full  bool
		after time.Duration // of Retry-After
	}{
		{time.Minute, false, 0},
		{21 * time.Second, false, 0},
		{12 * time.Second, true, 8 * time.Second},
		{time.Second, true, 19 * time.Second},
	} {
		t.Run(c.limit.String(), func(t *testing.T) {
			h, g, clock := gated(t, c.limit, 0)
			fill(t, h, 30)
			if err := g.Enter(t.Context(), "acme"); err != nil {
				t.Fatalf("before anything is known of how quickly jobs are done, Enter = %v", err)
			}
			do(t, h, 10) // in ten seconds: the other twenty take twenty
			clock.pass(10 * time.Second)
			err := g.Enter(t.Context(), "acme")
			if full := core.SlugOf(err) == core.QueueFull; full != c.full || core.RetryAfter(err).Round(time.Second) != c.after {
				t.Errorf("with a wait of 20 s Enter = %v, to be tried again after %s; want it refused: %v, and %s", err, core.RetryAfter(err), c.full, c.after)
			}
			if s := g.State(t.Context()); s.Wait.Round(time.Second) != 20*time.Second || s.Waiting != 20 || s.Open == c.full {
				t.Errorf("it says of itself %+v, want a wait of 20 s for 20 jobs", s)
			}
		})
	}
}

func TestAnOldJobClosesTheGateAndItsEndOpensIt(t *testing.T) {
	h, g, clock := gated(t, 100*time.Millisecond, 0)
	h.Ingest.Gate = g
	fill(t, h, 1)
	time.Sleep(120 * time.Millisecond)
	clock.pass(time.Second)
	up := house.Upload(portstest.FakeImage(40, 30, "late"), ingest.Fields{})
	if _, err := h.Ingest.Accept(t.Context(), up); core.SlugOf(err) != core.QueueFull || core.RetryAfter(err) < time.Second {
		t.Errorf("an upload behind a job that has waited too long = %v, want QueueFull with a time", err)
	}
	if keys := h.Keys(t); len(keys) != 1 {
		t.Errorf("the store has %v, want nothing of what was refused", keys)
	}
	do(t, h, 1)
	clock.pass(time.Second)
	if _, err := h.Ingest.Accept(t.Context(), up); err != nil {
		t.Errorf("when nothing waits an upload = %v", err)
	}
	if n := g.Refused(); n != 1 {
		t.Errorf("it counts %d refusals, want 1", n)
	}
}

func TestAJobOfAStoredImageIsRefusedToo(t *testing.T) {
	h, g, clock := gated(t, time.Millisecond, 0)
	a := h.Accept(t, "stored")
	time.Sleep(5 * time.Millisecond)
	clock.pass(time.Second)
	h.Ingest.Gate = g
	_, err := h.Ingest.Add(t.Context(), house.Ann(), "c", "", a.Record.Image.ID, ingest.Request{Force: true})
	if core.SlugOf(err) != core.QueueFull {
		t.Errorf("Add = %v, want QueueFull", err)
	}
}

func TestWhoHasNothingWaitingIsLetInUntilItIsTwiceTooMuch(t *testing.T) {
	h, g, clock := gated(t, 0, 10)
	enter := func(tenant string) bool {
		t.Helper()
		err := g.Enter(t.Context(), tenant)
		if err != nil && core.SlugOf(err) != core.QueueFull {
			t.Fatal(err)
		}
		return err == nil
	}
	fill(t, h, 10)
	if !enter("acme") {
		t.Error("the tenth of ten jobs is refused")
	}
	fill(t, h, 1)
	clock.pass(time.Second)
	if enter("acme") {
		t.Error("a tenant that fills the queue is let in")
	}
	if !enter("globex") {
		t.Error("a tenant with nothing waiting is refused")
	}
	if enter("globex") {
		t.Error("it is let in twice in the same second")
	}
	clock.pass(time.Second)
	if !enter("globex") {
		t.Error("a second later it is refused although nothing of it waits")
	}
	fill(t, h, 10)
	clock.pass(time.Second)
	if enter("globex") {
		t.Error("with twice as many waiting anybody is let in")
	}
}

func TestWhatWaitsIsCountedOnceASecond(t *testing.T) {
	h, g, clock := gated(t, 0, 1)
	if err := g.Enter(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	fill(t, h, 5)
	clock.pass(900 * time.Millisecond)
	if err := g.Enter(t.Context(), "acme"); err != nil {
		t.Errorf("within the second Enter = %v, want the count before it to stand", err)
	}
	clock.pass(100 * time.Millisecond)
	if err := g.Enter(t.Context(), "acme"); core.SlugOf(err) != core.QueueFull {
		t.Errorf("after the second Enter = %v, want QueueFull", err)
	}
}

// slow is a backlog that takes time to count.
type slow struct {
	real   ports.Backlog
	clock  *clock
	takes  time.Duration
	counts int
}

func (s *slow) Waits(ctx context.Context, tenant string) (bool, error) {
	return s.real.Waits(ctx, tenant)
}

func (s *slow) Backlog(ctx context.Context, most, mark int64) (core.Backlog, error) {
	s.clock.pass(s.takes)
	s.counts++
	return s.real.Backlog(ctx, most, mark)
}

// TestALongLineIsCountedSeldom, since a hundred thousand jobs take a database 50 ms.
func TestALongLineIsCountedSeldom(t *testing.T) {
	for _, c := range []struct {
		takes, wait time.Duration
		most        int
	}{
		{time.Millisecond, 5 * time.Minute, 61},
		{50 * time.Millisecond, 5 * time.Minute, 7}, // a two hundredth of the time
		{200 * time.Millisecond, 5 * time.Minute, 5},
		{50 * time.Millisecond, 20 * time.Second, 61}, // what may wait for so short a time is looked at more often
		{200 * time.Millisecond, 20 * time.Second, 16},
		{50 * time.Millisecond, 0, 7},
		{200 * time.Millisecond, 0, 7},
	} {
		_, g, clock := gated(t, c.wait, 100_000)
		counted := &slow{real: g.Backlog, clock: clock, takes: c.takes}
		g.Backlog = counted
		for end := clock.now().Add(time.Minute); clock.now().Before(end); clock.pass(100 * time.Millisecond) {
			if err := g.Enter(t.Context(), "acme"); err != nil {
				t.Fatal(err)
			}
		}
		if counted.counts > c.most || counted.counts < c.most*2/3 {
			t.Errorf("where a count takes %s and jobs may wait for %s, there are %d in a minute; want %d", c.takes, c.wait, counted.counts, c.most)
		}
	}
}

func TestAGateWithoutLimitsCountsNothing(t *testing.T) {
	h, g, _ := gated(t, 0, 0)
	fill(t, h, 1)
	hide(t, h)
	if err := g.Enter(t.Context(), "acme"); err != nil {
		t.Errorf("Enter = %v", err)
	}
	if err := (*ingest.Gate)(nil).Enter(t.Context(), "acme"); err != nil {
		t.Errorf("Enter of no gate = %v", err)
	}
}

func TestAnIdempotentAnswerIsGivenWhileTheQueueIsFull(t *testing.T) {
	h, g, clock := gated(t, 0, 1)
	up := func() ingest.Upload {
		u := house.Upload(portstest.FakeImage(40, 30, "once"), ingest.Fields{})
		u.IdempotencyKey = "k"
		return u
	}
	first, err := h.Ingest.Accept(t.Context(), up())
	if err != nil {
		t.Fatal(err)
	}
	fill(t, h, 5)
	h.Ingest.Gate = g
	clock.pass(time.Second)
	again, err := h.Ingest.Accept(t.Context(), up())
	if err != nil || !again.Replayed || again.Job.ID != first.Job.ID {
		t.Errorf("the same request again = %+v, %v; want the first answer", again, err)
	}
	other := house.Upload(portstest.FakeImage(40, 30, "other"), ingest.Fields{})
	other.IdempotencyKey = "k2"
	for try := range 2 {
		if _, err := h.Ingest.Accept(t.Context(), other); core.SlugOf(err) != core.QueueFull {
			t.Errorf("try %d of another request = %v, want QueueFull: its key is free again", try, err)
		}
	}
}

func TestWithoutItsDatabaseTheGateSaysThatItCannotTell(t *testing.T) {
	h, g, _ := gated(t, time.Minute, 0)
	hide(t, h)
	got := []core.Kind{core.KindOf(g.Enter(t.Context(), "acme")), core.KindOf(g.Enter(t.Context(), "acme"))}
	if want := []core.Kind{core.Unavailable, ""}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("two that enter one after the other = %q, want %q: one asks for all", got, want)
	}
}
