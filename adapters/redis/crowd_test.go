package redis_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/redis"
	"imgd/core"
	"imgd/e2e/rig"
)

func TestACrowdIsCountedOverOneConnection(t *testing.T) {
	c := open(t, rig.Redis(t), t.Name())
	var done sync.WaitGroup
	var allowed, refused, failed atomic.Int64
	barrier := make(chan struct{})
	for range 200 {
		done.Go(func() {
			<-barrier
			switch a, err := (redis.Limits{Client: c}).Take(t.Context(), "ann", core.Rate{Limit: 50, Per: time.Hour}, 1); {
			case err != nil:
				failed.Add(1)
			case a.Allowed:
				allowed.Add(1)
			default:
				refused.Add(1)
			}
		})
	}
	close(barrier)
	done.Wait()
	if allowed.Load() != 50 || refused.Load() != 150 {
		t.Errorf("of 200 takes %d were allowed, %d refused and %d failed; want 50 and 150", allowed.Load(), refused.Load(), failed.Load())
	}
	// One is there from the start; another may be dialed if that was lost to the noise.
	if n := redis.Dialed(c); n > 2 {
		t.Errorf("200 takes at once had %d connections dialed, want them to share one", n)
	}
}
