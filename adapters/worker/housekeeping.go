package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Housekeeper does what one worker does for all: it sweeps what was deleted,
// finds what nobody knows, and forgets what is over. A lease makes it one. Its
// fields are set once, before Run.
type Housekeeper struct {
	Rows   ports.Housekeeping
	Blobs  ports.Blobs
	Worker string
	NewID  func() core.ID
	Log    *slog.Logger
	// CleanStaging removes what the store has half-written since before then; nil
	// where the store has no such thing.
	CleanStaging func(ctx context.Context, before time.Time) (int, error)

	Sweep   time.Duration // how often deleted objects and expired images are looked for
	Orphans time.Duration // how often the store is compared with the rows
	Age     time.Duration // younger objects may belong to an upload that is not yet recorded
	Grace   time.Duration // how long objects stay that nothing needs any more

	Jobs   time.Duration // how long jobs are kept that are at an end; 0 for ever
	Events time.Duration // how long events and tombstones are kept; 0 for ever

	led     atomic.Pointer[time.Time] // until when this worker leads
	looked  bool                      // whether this worker has compared the generations
	apart   atomic.Pointer[error]     // why nothing is swept
	asked   time.Time                 // when the generations were compared last
	told    time.Time                 // when that was logged
	telling sync.Mutex
}

// duty is the name of the lease; it is held for a little longer than the rhythm.
const duty = "housekeeping"

// Run keeps house until the context ends. What takes long goes on beside the
// rest, so that a purge and the end of an image are never late.
func (h *Housekeeper) Run(ctx context.Context) {
	h.lead(ctx) // before the others look whether it does
	var beside sync.WaitGroup
	beside.Go(func() { every(ctx, h.Sweep, func() { h.compare(ctx) }) })
	beside.Go(func() { h.retain(ctx) })
	every(ctx, h.Sweep, func() {
		if h.lead(ctx) {
			h.complain(ctx, "expired images could not be deleted", h.expire(ctx))
			h.complain(ctx, "deleted objects could not be swept", h.sweep(ctx))
		}
	})
	beside.Wait()
}

// lead takes or keeps the lease.
func (h *Housekeeper) lead(ctx context.Context) bool {
	until := time.Now().Add(3 * h.Sweep)
	mine, err := h.Rows.Lead(ctx, duty, h.Worker, 3*h.Sweep)
	switch {
	case err != nil:
		h.complain(ctx, "who keeps house is unknown", err)
	case mine:
		h.led.Store(&until)
	default:
		h.led.Store(nil)
	}
	return mine && err == nil
}

// leads reports whether the lease is still this worker's.
func (h *Housekeeper) leads() bool {
	until := h.led.Load()
	return until != nil && time.Now().Before(*until)
}

func (h *Housekeeper) complain(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		h.Log.WarnContext(ctx, what, "err", err)
	}
}

// Apart is why nothing is swept, nil while all is well: the database and the store
// do not belong together.
func (h *Housekeeper) Apart() error {
	if err := h.apart.Load(); err != nil {
		return *err
	}
	return nil
}

// repeated is how often an operator is told again.
const repeated = 10 * time.Minute

// meet sees that the database and the store belong together.
func (h *Housekeeper) meet(ctx context.Context) error {
	h.telling.Lock()
	defer h.telling.Unlock()
	if h.Apart() != nil && time.Since(h.asked) < min(h.Orphans, time.Minute) {
		return errApart
	}
	h.asked = time.Now()
	err := h.meeting().Ensure(ctx)
	if err != nil && core.KindOf(err) != core.Conflict {
		return err
	}
	if err == nil {
		if h.apart.Swap(nil) != nil {
			h.Log.InfoContext(ctx, "the database and the store belong together again: sweeping goes on")
		}
		return nil
	}
	if h.apart.Swap(&err) == nil || time.Since(h.told) > repeated {
		h.told = time.Now()
		h.Log.ErrorContext(ctx, "nothing is swept until somebody has looked", "err", err)
	}
	return errApart
}

func (h *Housekeeper) meeting() Meeting {
	return Meeting{Rows: h.Rows, Blobs: h.Blobs, NewID: h.NewID}
}

func (h *Housekeeper) sweeper() sweeper {
	return sweeper{rows: h.Rows, blobs: h.Blobs, meet: h.meet, refused: func(ctx context.Context, err error) {
		h.complain(ctx, "an object could not be deleted", err)
	}}
}

// sweep deletes objects whose time has come, and keeps the lease meanwhile.
func (h *Housekeeper) sweep(ctx context.Context) error {
	for {
		more, err := h.sweeper().some(ctx)
		if err != nil || !more || !h.lead(ctx) {
			return quiet(err)
		}
	}
}

// quiet leaves out what has been told already.
func quiet(err error) error {
	if errors.Is(err, errApart) {
		return nil
	}
	return err
}

// expire deletes images whose time is over.
func (h *Housekeeper) expire(ctx context.Context) error {
	for {
		n, err := h.Rows.DeleteExpired(ctx, ports.Removal{By: core.Actor{Subject: "retention"}, Grace: h.Grace}, batch)
		if n > 0 {
			h.Log.InfoContext(ctx, "images whose time was over are deleted", "images", n)
		}
		if err != nil || n < batch || !h.lead(ctx) {
			return err
		}
	}
}

// batch is how many things are done between two looks at the lease.
const batch = 100
