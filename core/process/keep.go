package process

import (
	"context"
	"time"

	"imgd/core"
)

// keep extends the lease while a job runs, and ends its context when the lease is
// lost, when nothing was heard from the database for too long, or when the job's
// cancellation was asked for. A hint of that makes it look at once: the row
// decides.
func (a *attempt) keep(ctx context.Context, stop context.CancelCauseFunc) {
	s := a.s
	tick := time.NewTicker(s.Lease / 10)
	defer tick.Stop()
	heard := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-a.doubt:
		}
		// Just before the lease runs out somebody else may be about to own
		// the job: giving up first is what keeps work from being done twice.
		// A database that is slow is waited for, one that is silent asked twice:
		// it may have moved.
		patience := s.Lease - s.Lease/5
		asked := time.Now()
		beat, cancel := context.WithTimeout(ctx, min(patience-asked.Sub(heard), patience/2))
		cancelled, err := s.Jobs.Beat(beat, a.job, s.Lease)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case core.SlugOf(err) == core.LeaseLost:
			stop(err)
			return
		case err == nil && cancelled:
			stop(errCancelled)
			return
		case err == nil:
			heard = asked
		case time.Since(heard) >= patience:
			stop(core.LeaseLost.Errorf("the database was silent for %s", patience).Because(err))
			return
		}
	}
}
