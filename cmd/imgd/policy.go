package main

import (
	"context"
	"fmt"
	"time"

	"imgd/adapters/authzen"
	"imgd/adapters/resilience"
	"imgd/ports"
)

// remembered is how many answers of the decision point a process keeps.
const remembered = 100_000

// openPolicy finds whoever else has to agree; nil while that is nobody.
func (p *parts) openPolicy(s *Settings) (ports.Policy, error) {
	if s.PolicyURL == "" {
		return nil, nil
	}
	point, err := authzen.New(authzen.Config{URL: s.PolicyURL, Plain: s.PolicyPlain, Token: s.PolicyToken, Timeout: time.Duration(s.PolicyTimeout), Keep: s.PolicyCalls})
	if err != nil {
		return nil, fmt.Errorf("IMGD_POLICY_URL: %w", err)
	}
	p.point = point
	p.decisions = p.breaker("decision point", point.Ping)
	p.policyPing = func(ctx context.Context) error {
		if err := p.decisions.Refuses(); err != nil {
			return err
		}
		return point.Ping(ctx)
	}
	guarded := &resilience.Policy{Policy: point, Breaker: p.decisions}
	bounded := &resilience.BoundedPolicy{Policy: guarded, Bulkhead: p.bulkhead(p.decisions.Name(), s.PolicyCalls)}
	return &authzen.Cache{Policy: bounded, Allow: time.Duration(s.PolicyAllow), Deny: time.Duration(s.PolicyDeny), Keep: remembered, Now: time.Now}, nil
}
