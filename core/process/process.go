// Package process runs jobs to their end.
package process

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"imgd/core"
	"imgd/core/transform"
	"imgd/ports"
)

// Service renders what jobs ask for.
type Service struct {
	Jobs   ports.Jobs
	Images ports.Images // where watermarks are looked up
	Blobs  ports.Blobs
	Render ports.Renderer
	// Spool holds an original for the decoder where Blobs has no descriptors; nil
	// where it has.
	Spool func() (ports.Spool, error)
	// Worker names this process in the rows it claims.
	Worker string
	Lease  time.Duration
	// PublishAfter is how long a job runs before its ready variants are made
	// visible one by one; a shorter job shows them all with its end.
	PublishAfter time.Duration
	// Cancels brings the news of a cancellation sooner than the next heartbeat, to
	// who calls Listen; nil where there is no such news.
	Cancels ports.Cancels
	// Sweeps takes what an attempt made that had lost its lease; where it is nil that
	// is left to the search for orphans.
	Sweeps ports.Sweeps
	// Watch is told of each attempt that begins, which runs in the context it returns,
	// and then how it ended; nil where nobody wants to know.
	Watch func(context.Context, core.Job) (context.Context, func(core.Outcome, error))
	Log   *slog.Logger

	running running
	served  atomic.Pointer[string] // the tenant of the last job
}

// Next claims one job and runs it to the end of this attempt: the most urgent, and of
// those one of the tenant whose turn it is. With an id it is that job or none. NotFound
// means that none is due; any other error that the end of the attempt could not be
// recorded, so that somebody else will run it. A context that ends with the cause
// core.ShuttingDown gives the job back.
func (s *Service) Next(ctx context.Context, only core.ID) error {
	want := ports.Want{Worker: s.Worker, Lease: s.Lease, Only: only, SpecVersion: core.SpecVersion}
	if served := s.served.Load(); served != nil {
		want.After = *served // so that who sends a thousand is not in the way of who sends one
	}
	j, rec, err := s.Jobs.Claim(ctx, want)
	if err != nil {
		return err
	}
	s.served.Store(&j.Tenant)
	log := s.Log.With("job_id", j.ID, "image_id", j.ImageID, "tenant", j.Tenant, "attempt", j.Attempt, "correlation_id", j.CorrelationID)
	ctx, ended := s.watch(ctx, j)
	a := &attempt{s: s, stored: map[content]string{}, job: j, record: rec, began: time.Now(), doubt: make(chan struct{}, 1)}
	cause := a.run(ctx)
	r := a.result(cause)
	done, err := s.finish(ctx, j, r)
	ended(r.Outcome, errors.Join(cause, err))
	took := time.Since(a.began).Round(time.Millisecond)
	switch {
	case core.SlugOf(err) == core.LeaseLost:
		log.WarnContext(ctx, "lease lost, work thrown away", "took_ms", took.Milliseconds())
		if err := a.disown(ctx); err != nil {
			log.WarnContext(ctx, "its objects are left to the search for orphans", "err", err)
		}
		return nil
	case err != nil:
		log.ErrorContext(ctx, "the end of a job could not be recorded", "outcome", r.Outcome, "err", err)
		return err
	}
	level := slog.LevelInfo
	if r.Outcome == core.Erred || r.Outcome == core.Crashed {
		level = slog.LevelWarn
	}
	log.Log(ctx, level, "job "+string(done.State), "outcome", r.Outcome, "took_ms", took.Milliseconds(), "cpu_ms", a.cost.CPUMS, "err", cause)
	return nil
}

func (s *Service) watch(ctx context.Context, j core.Job) (context.Context, func(core.Outcome, error)) {
	if s.Watch == nil {
		return ctx, func(core.Outcome, error) {}
	}
	return s.Watch(ctx, j)
}

// finish records the end of an attempt, also while the process stops. What went
// wrong on the way to the database is tried again for as long as the lease is
// ours.
func (s *Service) finish(ctx context.Context, j core.Job, r ports.Result) (done core.Job, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Lease)
	defer cancel()
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		if done, err = s.Jobs.Finish(ctx, j, r); core.KindOf(err) != core.Unavailable {
			return done, err
		}
		select {
		case <-ctx.Done():
			return done, err
		case <-time.After(pause):
		}
	}
}

// attempt is one run of one job.
type attempt struct {
	s       *Service
	job     core.Job
	record  core.Record
	began   time.Time
	todo    []transform.Variant
	bad     int
	good    int
	facts   *core.Facts
	cost    core.Cost
	warned  core.Warnings
	failure error              // of the last variant that could not be made
	stored  map[content]string // the keys of this attempt's small objects
	made    []string           // the keys under which it may have created something
	doubt   chan struct{}      // somebody says that it is cancelled

	saying sync.Mutex
	unsaid []core.Variant // made, not yet published
}

// run does the work under a lease that is kept alive beside it.
func (a *attempt) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a.s.running.enter(a)
	defer a.s.running.leave(a)
	var beside sync.WaitGroup
	beside.Go(func() { a.keep(ctx, cancel) })
	beside.Go(func() { a.publishWhenLate(ctx) })
	err := a.render(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	cancel(nil)
	beside.Wait()
	return err
}

// render makes what is still to be made.
func (a *attempt) render(ctx context.Context) error {
	list, err := transform.ParseVariants(a.job.Spec)
	if err != nil {
		return core.Slug(core.Internal).Errorf("the job's specification cannot be read").Because(err)
	}
	a.todo = slices.DeleteFunc(slices.Clone(list), a.published)
	a.good = len(list) - len(a.todo)
	if len(a.todo) == 0 && a.record.Image.Phash != "" {
		return nil
	}
	src, err := a.s.open(ctx, a.record.Image)
	if err != nil {
		return err
	}
	defer src.close()
	a.cost.ReadBytes = a.record.Image.Bytes
	marks, done, err := a.marks(ctx)
	defer done()
	if err != nil || len(a.todo) == 0 && a.record.Image.Phash != "" {
		return err
	}
	task := ports.Task{Source: src.file, Bytes: a.record.Image.Bytes, Probe: a.record.Image.Probe(), Variants: a.todo, Facts: a.record.Image.Phash == "", Marks: marks}
	// This may wait for memory, with the job claimed and its lease kept alive. How heavy
	// a job is stands in its row, so that nobody knows before the claim; to give it back
	// would cost two transactions and as likely lead it to a worker that is as full. The
	// wait has an end, since every render before it has a deadline.
	report, err := a.s.Render.Render(ctx, task, func(r ports.Rendition) error { return a.take(ctx, r) })
	a.facts, a.cost.CPUMS = report.Facts, report.CPUMS
	return err
}

// published reports whether an earlier attempt of this job made v.
func (a *attempt) published(v transform.Variant) bool {
	return slices.ContainsFunc(a.record.Variants, func(row core.Variant) bool {
		return row.Name == v.Name && row.JobID == a.job.ID && row.State == core.VariantIsReady && row.Transform == v.Spec.String()
	})
}

// take stores a rendition, and shows it when the job takes long.
func (a *attempt) take(ctx context.Context, r ports.Rendition) error {
	v, err := a.store(ctx, r)
	if err != nil {
		return err
	}
	if v.State == core.VariantIsReady {
		a.good++
	} else {
		a.bad, a.failure = a.bad+1, r.Err
	}
	a.saying.Lock()
	a.unsaid = append(a.unsaid, v)
	a.saying.Unlock()
	if time.Since(a.began) < a.s.PublishAfter {
		return nil
	}
	return a.publish(ctx)
}

// publishWhenLate shows what is ready when the job has run for a while, although
// nothing more may be ready for long.
func (a *attempt) publishWhenLate(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(a.s.PublishAfter - time.Since(a.began)):
		_ = a.publish(ctx) // a lost lease shows again at the next take
	}
}

// publish shows what is ready. While the database is away nothing is lost: it
// comes with the end of the job.
func (a *attempt) publish(ctx context.Context) error {
	a.saying.Lock()
	defer a.saying.Unlock()
	if len(a.unsaid) == 0 {
		return nil
	}
	err := a.s.Jobs.Publish(ctx, a.job, a.unsaid)
	if err == nil {
		a.unsaid = nil
	}
	if core.KindOf(err) == core.Unavailable {
		return nil
	}
	return err
}

// result says what the attempt came to, given the error it ended with.
func (a *attempt) result(err error) ports.Result {
	r := ports.Result{Variants: a.unsaid, Facts: a.facts, Warnings: a.warned, Cost: a.cost}
	if err == nil && a.good == 0 && a.bad > 0 {
		err = a.failure // nothing could be made: the image's fault, or the request's
	}
	r.Outcome = outcome(err)
	if err == nil {
		return r
	}
	if r.Outcome == core.Stopped || r.Outcome == core.Released {
		return r // nothing went wrong
	}
	r.Error = core.FailureOf(err)
	switch r.Outcome {
	case core.Erred:
		r.Wait = core.Backoff(a.job.Attempt, core.RetryAfter(err))
	case core.Crashed:
		r.Wait = core.Backoff(a.job.Crashes, 0)
	}
	return r
}

// errCancelled is why an attempt stops whose cancellation was asked for.
var errCancelled = errors.New("the job was cancelled")

// outcome is what an error means for the job.
func outcome(err error) core.Outcome {
	switch slug := core.SlugOf(err); {
	case err == nil:
		return core.Succeeded
	case errors.Is(err, errCancelled):
		return core.Stopped
	case slug == core.ShuttingDown:
		return core.Released
	case slug == core.DecoderCrashed, slug == core.DecoderOverran:
		return core.Crashed
	case slug == core.OriginalMissing:
		return core.Buried
	}
	switch core.KindOf(err) {
	case core.Limited, core.Unavailable, core.Full, core.Internal, core.Conflict:
		return core.Erred
	}
	return core.Rejected
}
