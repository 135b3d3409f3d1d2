package resilience

import (
	"context"

	"imgd/ports"
)

// Policy is a decision point behind a breaker. While it is away nobody is allowed
// anything, and nobody waits.
type Policy struct {
	ports.Policy
	Breaker *Breaker
}

// Allows asks, unless the decision point is away.
func (p *Policy) Allows(ctx context.Context, q ports.Question) (bool, error) {
	end, err := p.Breaker.begin()
	if err != nil {
		return false, err
	}
	allowed, err := p.Policy.Allows(ctx, q)
	end(err)
	return allowed && err == nil, err
}
