package main

import (
	"context"

	"imgd/adapters/resilience"
	"imgd/adapters/rest"
	"imgd/adapters/telemetry"
)

// guard puts the store behind a breaker where it is one behind a network, and counts
// what is asked of it, refusals too. Requests ask it through a bulkhead. Jobs and duties do
// not: they are as many as IMGD_WORKERS and a few, and what they have rendered is not lost to
// a crowd at the door.
func (p *parts) guard() {
	blobs := mutateBlobs(p.store.Blobs)
	if p.store.far {
		b := p.breaker("store", p.store.ping)
		blobs = &resilience.Blobs{Blobs: blobs, Breaker: b}
		p.storeAway = b.Away
	}
	bounded := &resilience.BoundedBlobs{Blobs: blobs, Bulkhead: p.bulkhead("store", p.settings.StoreCalls)}
	p.store.Blobs = &telemetry.Blobs{Blobs: blobs, Metrics: p.metrics}
	p.store.asked = &telemetry.Blobs{Blobs: bounded, Metrics: p.metrics}
}

// bulkhead is a bulkhead that everybody who watches knows of.
func (p *parts) bulkhead(name string, calls int) *resilience.Bulkhead {
	b := resilience.NewBulkhead(resilience.BulkheadConfig{Name: name, Calls: calls})
	p.metrics.Bulkhead(name, b)
	return b
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
