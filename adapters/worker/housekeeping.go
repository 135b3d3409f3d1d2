package worker

import (
	"context"
	"log/slog"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Housekeeper does what one worker does for all: it sweeps what was deleted,
// finds what nobody knows, and forgets what is over. A lease makes it one.
type Housekeeper struct {
	Rows   ports.Housekeeping
	Blobs  ports.Blobs
	Worker string
	Log    *slog.Logger
	// CleanStaging removes what the store has half-written since before then; nil
	// where the store has no such thing.
	CleanStaging func(ctx context.Context, before time.Time) (int, error)

	Sweep   time.Duration // how often deleted objects are looked for
	Orphans time.Duration // how often the store is compared with the rows
	Age     time.Duration // younger objects may belong to an upload that is not yet recorded
}

// duty is the name of the lease; it is held for a little longer than the rhythm.
const duty = "housekeeping"

// Run keeps house until the context ends.
func (h *Housekeeper) Run(ctx context.Context) {
	var scanned time.Time
	every(ctx, h.Sweep, func() {
		mine, err := h.Rows.Lead(ctx, duty, h.Worker, 3*h.Sweep)
		if err != nil || !mine {
			h.complain(ctx, "who keeps house is unknown", err)
			return
		}
		h.complain(ctx, "deleted objects could not be swept", h.sweep(ctx))
		if time.Since(scanned) < h.Orphans {
			return
		}
		scanned = time.Now()
		h.complain(ctx, "orphans could not be looked for", h.scan(ctx))
		_, err = h.Rows.Expire(ctx)
		h.complain(ctx, "old answers could not be forgotten", err)
	})
}

func (h *Housekeeper) complain(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		h.Log.WarnContext(ctx, what, "err", err)
	}
}

// sweep deletes objects whose time has come.
func (h *Housekeeper) sweep(ctx context.Context) error {
	for {
		due, err := h.Rows.Due(ctx, 100)
		if err != nil || len(due) == 0 {
			return err
		}
		for _, s := range due {
			if err := h.sweepOne(ctx, s); err != nil {
				return err
			}
		}
		if len(due) < 100 {
			return nil
		}
	}
}

// sweepOne deletes one object; when the store refuses, it is tried again later.
func (h *Housekeeper) sweepOne(ctx context.Context, s core.Sweep) error {
	if err := h.Blobs.Delete(ctx, s.BlobKey); err != nil {
		h.complain(ctx, "an object could not be deleted", err)
		return h.Rows.Postpone(ctx, s, core.Backoff(s.Tries+1, 0)+time.Second)
	}
	return h.Rows.Swept(ctx, s)
}

// scan deletes objects that no row knows. A store of which a large part is
// unknown belongs to another database, or to a restored one: it is left alone.
func (h *Housekeeper) scan(ctx context.Context) error {
	if h.CleanStaging != nil {
		if _, err := h.CleanStaging(ctx, time.Now().Add(-h.Age)); err != nil {
			return err
		}
	}
	total, orphans, err := h.orphans(ctx)
	if err != nil || len(orphans) == 0 {
		return err
	}
	if len(orphans) > fewOrphans && len(orphans)*10 > total {
		h.Log.ErrorContext(ctx, "more than a tenth of the store belongs to no row; nothing is deleted until somebody has looked", "orphans", len(orphans), "objects", total)
		return nil
	}
	for _, key := range orphans {
		if err := h.Blobs.Delete(ctx, key); err != nil {
			return err
		}
		h.Log.InfoContext(ctx, "orphan deleted", "key", key)
	}
	return nil
}

// fewOrphans may always go: a small store is soon a tenth unknown.
const fewOrphans = 100

// orphans compares the store with the rows, in batches.
func (h *Housekeeper) orphans(ctx context.Context) (total int, orphans []string, err error) {
	young := time.Now().Add(-h.Age)
	var batch []string
	ask := func() error {
		unknown, err := h.Rows.Unknown(ctx, batch)
		orphans, batch = append(orphans, unknown...), batch[:0]
		return err
	}
	for e, err := range h.Blobs.List(ctx, "") {
		if err != nil {
			return total, nil, err
		}
		total++
		if e.Modified.After(young) {
			continue
		}
		if batch = append(batch, e.Key); len(batch) == 500 {
			if err := ask(); err != nil {
				return total, nil, err
			}
		}
	}
	return total, orphans, ask()
}
