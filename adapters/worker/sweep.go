package worker

import (
	"context"
	"errors"
	"time"

	"imgd/core"
	"imgd/ports"
)

// errApart says that nothing may be swept, after it was told why.
var errApart = errors.New("the database and the store do not belong together")

// sweeper deletes objects whose time has come.
type sweeper struct {
	rows    ports.Sweeps
	blobs   ports.Blobs
	meet    func(context.Context) error // nil while the database and the store belong together
	refused func(context.Context, error)
}

// some sweeps a batch, and reports whether there may be more. Each object is asked
// for by itself: what is due may be needed again a moment later.
func (s sweeper) some(ctx context.Context) (more bool, err error) {
	for i := range batch {
		due, err := s.rows.Due(ctx, 1)
		if err != nil || len(due) == 0 {
			return false, err
		}
		if i == 0 {
			if err := s.meet(ctx); err != nil {
				return false, err
			}
		}
		if err := s.one(ctx, due[0]); err != nil {
			return false, err
		}
	}
	return true, nil
}

// one deletes one object; when the store refuses, it is tried again later.
func (s sweeper) one(ctx context.Context, w core.Sweep) error {
	if err := s.blobs.Delete(ctx, w.BlobKey); err != nil {
		s.refused(ctx, err)
		return s.rows.Postpone(ctx, w, core.Backoff(w.Tries+1, 0)+time.Second)
	}
	return s.rows.Swept(ctx, w)
}
