package memory

import (
	"context"
	"sync"

	"imgd/core"
)

// Cancels carries hints between the goroutines of one process. The zero value is
// ready.
type Cancels struct {
	mu        sync.Mutex
	listeners map[chan core.ID]struct{}
}

// unheard is how many hints wait for a listener that is busy; what comes on top
// is dropped, since the heartbeat of its job brings the same news.
const unheard = 256

// Announce tells all who listen now.
func (c *Cancels) Announce(ctx context.Context, id core.ID) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for l := range c.listeners {
		select {
		case l <- id:
		default:
		}
	}
	return nil
}

// Listen calls heard for one hint after the other.
func (c *Cancels) Listen(ctx context.Context, heard func(core.ID)) error {
	hints := make(chan core.ID, unheard)
	c.join(hints)
	defer c.leave(hints)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case id := <-hints:
			heard(id)
		}
	}
}

func (c *Cancels) join(l chan core.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listeners == nil {
		c.listeners = map[chan core.ID]struct{}{}
	}
	c.listeners[l] = struct{}{}
}

func (c *Cancels) leave(l chan core.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.listeners, l)
}
