package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"imgd/adapters/authzen"
	"imgd/adapters/resilience"
	"imgd/ports"
)

// decisions is how many answers of the decision point a process remembers.
const decisions = 100_000

// openPolicy finds whoever else has to agree; nil while that is nobody.
func (p *parts) openPolicy(s *Settings) (ports.Policy, error) {
	if s.PolicyURL == "" {
		return nil, nil
	}
	point, err := authzen.New(authzen.Config{URL: s.PolicyURL, Token: s.PolicyToken, Timeout: time.Duration(s.PolicyTimeout)})
	if err != nil {
		return nil, fmt.Errorf("IMGD_POLICY_URL: %w", err)
	}
	b := p.breaker("decision point", point.Ping)
	p.policyPing = func(ctx context.Context) error {
		if b.Away() {
			return errors.New("it has kept failing")
		}
		return point.Ping(ctx)
	}
	guarded := &resilience.Policy{Policy: point, Breaker: b}
	return &authzen.Cache{Policy: guarded, Allow: time.Duration(s.PolicyAllow), Deny: time.Duration(s.PolicyDeny), Keep: decisions, Now: time.Now}, nil
}
