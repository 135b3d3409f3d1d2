// Package worker runs jobs in the background: the loop that finds them, and the
// duties beside it.
package worker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Runner runs one job to the end of an attempt, whose turn it is or the only one that
// is wanted; NotFound means that there is none. See process.Service.Next.
type Runner interface {
	Next(ctx context.Context, only core.ID) error
}

// Worker keeps its slots busy. Its fields are set once, before Run.
type Worker struct {
	Runner Runner
	Queue  ports.Queue
	// Slots is how many jobs run at once; of short ones some more, see pace.
	Slots int
	// Poll is how often the database is asked although no hint came.
	Poll time.Duration
	// Grace says, when a stop was asked for, how long running jobs may go on.
	Grace func() time.Duration
	// Hold reports that jobs would fail for want of something that all of them need, so
	// that none should be begun; nil where that is not known.
	Hold func() bool
	Log  *slog.Logger

	deaf bool // the queue was away at the last look; Run's own
}

// Run works until the context ends. Then it takes no new job, gives the running
// ones the grace period, has the rest given back, and returns when the last one
// is.
func (w *Worker) Run(ctx context.Context) {
	work, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abort(nil)
	pace := newPace(w.Slots)
	var running sync.WaitGroup
	var looked time.Time
	for w.hold(ctx) && pace.enter(ctx) {
		hint, ok := w.wait(ctx)
		if !ok {
			break
		}
		// Hints that keep coming must not hide the jobs that nobody tells about.
		look := hint == "" || time.Since(looked) >= w.Poll
		if look {
			looked = time.Now()
		}
		running.Go(func() {
			defer pace.leave()
			w.work(ctx, work, pace, hint != "", look)
		})
	}
	stop := time.AfterFunc(w.Grace(), func() { abort(core.ShuttingDown.Errorf("the worker is stopping")) })
	defer stop.Stop()
	running.Wait()
}

// held reports whether to begin nothing for now.
func (w *Worker) held() bool { return w.Hold != nil && w.Hold() }

// hold waits while nothing should be begun; false at the end. Hints stay for workers
// that can take them.
func (w *Worker) hold(ctx context.Context) bool {
	if !w.held() {
		return ctx.Err() == nil
	}
	w.Log.WarnContext(ctx, "no job is begun until what all of them need is back")
	for w.held() {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(holding):
		}
	}
	w.Log.InfoContext(ctx, "jobs are begun again")
	return true
}

// holding is how often a worker that waits looks whether it may go on.
const holding = 50 * time.Millisecond

// wait returns with a hint, or without one when it is time to look; false at the
// end.
func (w *Worker) wait(ctx context.Context) (core.ID, bool) {
	jitter := time.Duration(rand.Int64N(int64(w.Poll)/4 + 1)) // #nosec G404 -- spreads workers, hides nothing
	tick, cancel := context.WithTimeout(ctx, w.Poll+jitter)
	defer cancel()
	id, err := w.Queue.Pop(tick)
	away := err != nil && tick.Err() == nil // the database still knows what is due
	switch {
	case away && !w.deaf:
		w.Log.WarnContext(ctx, "no hints come; jobs are looked for", "every", w.Poll.String(), "err", err)
	case !away && w.deaf:
		w.Log.InfoContext(ctx, "hints come again")
	}
	if w.deaf = away; away {
		<-tick.Done()
	}
	return id, ctx.Err() == nil
}

// work runs a job for a hint, and when it is time to look one more; without a hint
// whatever is due, until nothing is. To look further while there are hints would
// only make them stale. Hints come in the order of uploads, a thousand of one tenant
// before the one of another: so a hint says that there is a job to run, and the rows
// say whose turn it is.
func (w *Worker) work(ctx, work context.Context, pace *pace, hinted, look bool) {
	if hinted {
		w.next(ctx, work, pace)
		if look && ctx.Err() == nil {
			w.next(ctx, work, pace)
		}
		return
	}
	for ctx.Err() == nil && !w.held() && w.next(ctx, work, pace) && pace.stay() {
	}
}

// next runs one job and reports whether there was one. After an outage the next
// look tries again.
func (w *Worker) next(ctx, work context.Context, pace *pace) bool {
	end := pace.begin()
	err := w.Runner.Next(work, "")
	end(err == nil)
	if err != nil && core.KindOf(err) != core.NotFound {
		w.Log.WarnContext(ctx, "no job could be run", "err", err)
	}
	return err == nil
}
