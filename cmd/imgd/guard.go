package main

import (
	"context"

	"imgd/adapters/resilience"
	"imgd/adapters/rest"
	"imgd/adapters/telemetry"
)

// guard puts the store behind a breaker where it is one behind a network, and counts
// what is asked of it, refusals too.
func (p *parts) guard() {
	blobs := mutateBlobs(p.store.Blobs)
	if p.store.far {
		b := p.breaker("store", p.store.ping)
		blobs = &resilience.Blobs{Blobs: blobs, Breaker: b}
		p.storeAway = b.Away
	}
	p.store.Blobs = &telemetry.Blobs{Blobs: blobs, Metrics: p.metrics}
}

// breaker is a breaker that everybody who watches knows of.
func (p *parts) breaker(name string, probe func(context.Context) error) *resilience.Breaker {
	b := resilience.NewBreaker(resilience.Config{Name: name, Probe: probe, Log: p.log})
	p.breakers = append(p.breakers, b)
	p.metrics.Breaker(name, func() string { state, _ := b.State(); return state })
	return b
}

// states are the breakers of this process.
func (p *parts) states() (list []rest.Breaker) {
	for _, b := range p.breakers {
		state, since := b.State()
		list = append(list, rest.Breaker{Name: b.Name(), State: state, Since: since})
	}
	return list
}

// hold reports that no job can be done, because none can be read or stored.
func (p *parts) hold() bool { return p.storeAway != nil && p.storeAway() }
