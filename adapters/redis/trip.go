package redis

import (
	"sync/atomic"
	"time"

	"imgd/core"
)

// cooldown is how long nobody asks after a failure, but one who tries again.
const cooldown = 500 * time.Millisecond

// trip lets nobody wait for a server that was away a moment ago. Its zero value
// trusts the server.
type trip struct{ until atomic.Int64 } // on our own clock; 0 while all is well

var born = time.Now() // where our clock begins; it never jumps

// try says whether to ask now. Of many who come when the cooldown is over, one is
// sent ahead.
func (t *trip) try() error {
	until := t.until.Load()
	if until == 0 {
		return nil
	}
	now := int64(time.Since(born))
	if now >= until && t.until.CompareAndSwap(until, now+int64(cooldown)) {
		return nil
	}
	return core.Unavailable.Errorf("Redis was away a moment ago, and will be asked again soon").After(cooldown)
}

// saw learns from an answer. Any answer of the server, even a refusal, is one.
func (t *trip) saw(err error) {
	if core.KindOf(err) == core.Unavailable {
		t.until.Store(int64(time.Since(born) + cooldown))
		return
	}
	t.reset()
}

func (t *trip) reset() { t.until.Store(0) }
