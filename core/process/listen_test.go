package process_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/memory"
	"imgd/core"
	"imgd/e2e/house"
	"imgd/ports"
)

// beats counts how often a heartbeat looked.
type beats struct {
	ports.Jobs
	n atomic.Int64
}

func (b *beats) Beat(ctx context.Context, j core.Job, lease time.Duration) (bool, error) {
	b.n.Add(1)
	return b.Jobs.Beat(ctx, j, lease)
}

// listening is a house whose worker listens, and whose next heartbeat is minutes
// away.
func listening(t *testing.T) (*house.House, *memory.Cancels, *beats) {
	t.Helper()
	h, news := house.New(t), &memory.Cancels{}
	b := &beats{Jobs: h.Jobs}
	h.Process.Lease, h.Process.Jobs, h.Process.Cancels = time.Hour, b, news
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var duty sync.WaitGroup
	duty.Go(func() { h.Process.Listen(ctx) })
	t.Cleanup(func() { cancel(); duty.Wait() })
	return h, news, b
}

// busy has one attempt of the job wait until it is stopped or released.
func busy(t *testing.T, h *house.House) (started, release chan struct{}, done chan error) {
	t.Helper()
	started, release, done = make(chan struct{}), make(chan struct{}), make(chan error, 1)
	h.Render.Before = func(ctx context.Context, _ ports.Task) error {
		close(started)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-release:
			return nil
		}
	}
	go func() { done <- h.Process.Next(t.Context(), "") }()
	return started, release, done
}

func TestACancelledJobStopsLongBeforeItsHeartbeatWhenTheNewsComeThrough(t *testing.T) {
	h, news, _ := listening(t)
	h.Library.Cancels = news
	a := h.Accept(t, "")
	started, _, done := busy(t, h)
	<-started
	began := time.Now()
	if _, err := h.Library.Cancel(t.Context(), house.Ann(), "c", a.Job.ID); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the job still runs 10 s after its cancellation was announced")
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it stopped %s after its cancellation, want within a second", took)
	}
	if j := job(t, h, a.Job.ID); j.State != core.JobCancelled {
		t.Errorf("the job is %s, want cancelled", j.State)
	}
}

func TestAHintForAJobThatIsNotCancelledDoesNothing(t *testing.T) {
	h, news, b := listening(t)
	a := h.Accept(t, "")
	started, release, done := busy(t, h)
	<-started
	for _, id := range []core.ID{a.Job.ID, house.NewID(), a.Record.Image.ID, ""} {
		if err := news.Announce(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for began := time.Now(); b.n.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > 5*time.Second {
			t.Fatal("the heartbeat did not look although its job was named")
		}
		_ = news.Announce(t.Context(), a.Job.ID) // the listener may have come late
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if j := job(t, h, a.Job.ID); j.State != core.JobSucceeded {
		t.Errorf("the job is %s, want succeeded", j.State)
	}
}

func TestAHintForAnotherJobIsNotLookedInto(t *testing.T) {
	h, news, b := listening(t)
	h.Accept(t, "")
	started, release, done := busy(t, h)
	<-started
	for range 50 {
		if err := news.Announce(t.Context(), house.NewID()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if n := b.n.Load(); n != 0 {
		t.Errorf("the heartbeat looked %d times for jobs of others, want never", n)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// deaf are hints that come back after an outage.
type deaf struct {
	memory.Cancels
	outages atomic.Int64
}

func (d *deaf) Listen(ctx context.Context, heard func(core.ID)) error {
	if d.outages.Add(1) == 1 {
		return core.Unavailable.Errorf("nothing can be heard")
	}
	return d.Cancels.Listen(ctx, heard)
}

func TestAnOutageOfTheNewsIsSatOut(t *testing.T) {
	h, news := house.New(t), &deaf{}
	h.Process.Cancels = news
	ctx, cancel := context.WithCancelCause(t.Context())
	returned := make(chan struct{})
	go func() { defer close(returned); h.Process.Listen(ctx) }()
	for began := time.Now(); news.outages.Load() < 2; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 5*time.Second {
			t.Fatal("nobody listens again 5 s after an outage")
		}
	}
	cancel(errors.New("closing time"))
	select {
	case <-returned:
	case <-time.After(5 * time.Second):
		t.Error("Listen goes on although its context has ended")
	}
}

func TestWithoutNewsListeningEndsAtOnce(t *testing.T) {
	house.New(t).Process.Listen(t.Context())
}
