package ingest

import (
	"context"
	"sync"
	"time"
)

// beat renews what a request holds, again and again until the request ends. When a
// renewal fails, whoever records the request is who notices.
type beat struct {
	stop    context.CancelFunc
	running sync.WaitGroup
}

// begin renews from now on, every so often.
func (b *beat) begin(ctx context.Context, every time.Duration, renew func(context.Context)) {
	ctx, b.stop = context.WithCancel(ctx)
	b.running.Go(func() {
		tick := time.NewTicker(max(every, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				renew(ctx)
			}
		}
	})
}

// end waits for a renewal that is under way. Without a begin it does nothing.
func (b *beat) end() {
	if b.stop != nil {
		b.stop()
	}
	b.running.Wait()
}
