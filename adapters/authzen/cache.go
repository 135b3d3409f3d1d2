package authzen

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"imgd/ports"
)

// Cache remembers answers in this process: what somebody could write into a store
// that processes share would be a decision. What could not be decided is asked anew.
type Cache struct {
	ports.Policy
	Allow, Deny time.Duration // how long each answer holds
	Keep        int           // the most answers that are remembered
	Now         func() time.Time

	mu    sync.Mutex
	known map[string]decision
	asks  singleflight.Group
}

type decision struct {
	allowed bool
	until   time.Time
}

// Allows answers from memory, or asks once for all who wait for the same answer.
func (c *Cache) Allows(ctx context.Context, q ports.Question) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	name, err := json.Marshal(asked(q))
	if err != nil {
		return false, err
	}
	key := string(name)
	if d, ok := c.find(key); ok {
		return d.allowed, nil
	}
	v, err, _ := c.asks.Do(key, func() (any, error) {
		allowed, err := c.Policy.Allows(context.WithoutCancel(ctx), q)
		if err == nil {
			c.remember(key, allowed)
		}
		return allowed, err
	})
	allowed, _ := v.(bool)
	return allowed && err == nil, err
}

func (c *Cache) find(key string) (decision, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.known[key]
	return d, ok && c.Now().Before(d.until)
}

// remember keeps within its bounds: first what no longer holds is dropped, then
// whatever comes to hand.
func (c *Cache) remember(key string, allowed bool) {
	holds := c.Deny
	if allowed {
		holds = c.Allow
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Now()
	if c.known == nil {
		c.known = map[string]decision{}
	}
	for _, all := range []bool{false, true} {
		if len(c.known) < c.Keep {
			break
		}
		for k, d := range c.known {
			if !now.Before(d.until) || all && len(c.known) > c.Keep/2 {
				delete(c.known, k)
			}
		}
	}
	c.known[key] = decision{allowed, now.Add(holds)}
}
