// Package resilience has decorators of ports that go on, or refuse at once, when what
// is behind them is away: nobody waits for it.
package resilience

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"imgd/core"
	"imgd/ports"
)

// Config says when a breaker opens and how it closes again. What is zero has its
// default.
type Config struct {
	Name     string        // of the dependency, as readiness, statistics, metrics and the log have it
	Failures uint          // in a row until it opens; 5, of which one that took seconds counts for three
	Pause    time.Duration // while it is open, before one caller is let through; 10 s
	// Probe asks the dependency while the breaker is open, every Every (1 s), so that no
	// caller has to be the one who tries. nil where nobody can be asked.
	Probe func(context.Context) error
	Every time.Duration
	Log   *slog.Logger
}

// Breaker refuses calls at once while its dependency keeps failing. Only an Unavailable
// is a failure; any other answer shows that somebody is there.
type Breaker struct {
	config  Config
	circuit circuitbreaker.CircuitBreaker[any]
	opened  chan struct{} // told when it opens
	since   atomic.Int64  // in its state, unix microseconds
}

// NewBreaker returns a closed breaker.
func NewBreaker(c Config) *Breaker {
	c.Failures = cmp.Or(c.Failures, 5)
	c.Pause, c.Every = cmp.Or(c.Pause, 10*time.Second), cmp.Or(c.Every, time.Second)
	b := &Breaker{config: c, opened: make(chan struct{}, 1)}
	b.since.Store(time.Now().UnixMicro())
	b.circuit = circuitbreaker.NewBuilder[any]().WithFailureThreshold(c.Failures).WithSuccessThreshold(1).WithDelay(c.Pause).
		OnStateChanged(b.changed).Build()
	return b
}

func (b *Breaker) changed(e circuitbreaker.StateChangedEvent) {
	b.since.Store(time.Now().UnixMicro())
	switch e.NewState {
	case circuitbreaker.OpenState:
		if e.OldState == circuitbreaker.ClosedState {
			b.config.Log.Warn("a dependency keeps failing; nobody waits for it until it is back", "dependency", b.config.Name)
		}
		select {
		case b.opened <- struct{}{}:
		default:
		}
	case circuitbreaker.ClosedState:
		b.config.Log.Info("a dependency is back", "dependency", b.config.Name)
	}
}

// begin asks to call. The caller tells how it went.
func (b *Breaker) begin() (end func(error), err error) {
	if !b.circuit.TryAcquirePermit() {
		return nil, b.refusal()
	}
	began := time.Now()
	return func(err error) { b.saw(err, time.Since(began)) }, nil
}

func (b *Breaker) refusal() error {
	wait := max(b.circuit.RemainingDelay(), time.Second)
	if b.config.Probe != nil {
		wait = min(wait, 2*time.Second)
	}
	return core.Unavailable.Errorf("the %s has been away for a moment, and is asked again soon", b.config.Name).After(wait).Because(ports.ErrNotAsked)
}

// slow is how long a failure takes that somebody has waited for. It counts for three: a
// dependency that hangs would keep five callers waiting one after the other.
const slow = 2 * time.Second

func (b *Breaker) saw(err error, took time.Duration) {
	switch {
	case core.KindOf(err) == core.Unavailable:
		b.circuit.RecordFailure()
		for range 2 {
			if took >= slow && b.circuit.IsClosed() {
				b.circuit.RecordFailure()
			}
		}
	case err == nil || core.KindOf(err) != core.Internal:
		b.circuit.RecordSuccess()
	default:
		b.nothing()
	}
}

// nothing is what a call tells whose caller has gone or whose source has failed. The
// place of one that was let through to try is given back.
func (b *Breaker) nothing() {
	if b.circuit.IsHalfOpen() {
		b.circuit.RecordFailure()
	}
}

// Run asks the dependency while the breaker is open, and closes it at the first
// answer, until the context ends.
func (b *Breaker) Run(ctx context.Context) {
	if b.config.Probe == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.opened:
		}
		for !b.circuit.IsClosed() && b.pause(ctx) {
			if b.config.Probe(ctx) == nil {
				b.circuit.Close()
			}
		}
	}
}

func (b *Breaker) pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(b.config.Every):
		return true
	}
}

// Name is the dependency's.
func (b *Breaker) Name() string { return b.config.Name }

// Away reports whether callers are refused: nothing that needs the dependency is worth
// beginning.
func (b *Breaker) Away() bool { return !b.circuit.IsClosed() }

// State is closed while all is well, open, or half-open while one call tries; since when
// is for people.
func (b *Breaker) State() (state string, since time.Time) {
	return b.circuit.State().String(), time.UnixMicro(b.since.Load())
}

// Refuses is what callers are told at the moment: nil unless the breaker is open.
func (b *Breaker) Refuses() error {
	if state, _ := b.State(); state != circuitbreaker.OpenState.String() {
		return nil
	}
	return b.refusal()
}
