// Package vips renders images in child processes, so that a file that kills its
// decoder, or keeps it busy for ever, costs one attempt and nothing else.
//
// The pool is pure Go: it starts this binary again as "imgd decode", hands over
// files, and checks every answer as if an attacker had written it, since one may
// have. libvips is called in the child only.
//
// There is one child more than renders may go on at once. It is the spare that
// takes over when a child dies, and until then it answers probes while all others
// render: an upload is judged in milliseconds however long the queue is.
package vips

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"imgd/adapters/vips/wire"
	"imgd/core"
	"imgd/core/transform"
)

// Pool is a ports.Renderer. Make one with Open and close it.
type Pool struct {
	cfg    Config
	slots  chan struct{} // one for each render that goes on
	budget *budget       // of memory, for all renders that go on

	closing context.Context // ends with ShuttingDown
	shut    context.CancelCauseFunc
	wake    chan struct{}  // a child is missing
	tasks   sync.WaitGroup // the keeper and every child's attendant
	opened  chan error     // the first child's hello, or why there is none

	mu        sync.Mutex
	children  map[*decoder]bool // whether it has said hello
	idle      []*decoder        // the last one given back is the next to go
	waiters   []chan *decoder   // the first one to come is the next to get one
	failures  int               // of starting, since the last success
	notBefore time.Time         // of starting
	lastWords error             // of the last child that was not fit for work
	greeted   bool
	hello     wire.Hello // of the first child
	restarts  Restarts
}

// Open starts the children and returns when the first is ready. If none comes up
// the error says what they had to say.
func Open(ctx context.Context, c Config) (*Pool, error) {
	c = c.withDefaults()
	p := &Pool{
		cfg:      c,
		slots:    make(chan struct{}, c.Children),
		budget:   newBudget(c.RenderBytes),
		wake:     make(chan struct{}, 1),
		opened:   make(chan error, 1),
		children: map[*decoder]bool{},
	}
	p.closing, p.shut = context.WithCancelCause(context.Background())
	p.tasks.Go(p.keep)
	select {
	case err := <-p.opened:
		if err != nil {
			p.Close()
			return nil, fmt.Errorf("no image can be decoded: %w", err)
		}
		return p, nil
	case <-ctx.Done():
		p.Close()
		return nil, context.Cause(ctx)
	}
}

// Close ends every child and waits until the last is gone. Calls that still run
// fail with ShuttingDown.
func (p *Pool) Close() {
	p.shut(core.ShuttingDown.Errorf("this process is stopping; send the request again"))
	p.tasks.Wait()
}

// take returns a child that nobody else has. Who comes first is served first.
func (p *Pool) take(ctx context.Context) (*decoder, error) {
	if err := p.over(ctx); err != nil {
		return nil, err
	}
	turn, d, err := p.queue()
	if err != nil || d != nil {
		return d, err
	}
	select {
	case d := <-turn:
		if d == nil {
			return nil, p.away()
		}
		return d, nil
	case <-ctx.Done():
		p.leave(turn)
		return nil, context.Cause(ctx)
	case <-p.closing.Done():
		p.leave(turn)
		return nil, context.Cause(p.closing)
	}
}

// over returns the reason why nothing new is begun.
func (p *Pool) over(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return context.Cause(p.closing)
}

// queue returns a child, or where to wait for one.
func (p *Pool) queue() (chan *decoder, *decoder, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := len(p.idle); n > 0; n = len(p.idle) {
		d := p.idle[n-1]
		p.idle = p.idle[:n-1]
		if d.why() == alive {
			d.lend()
			return nil, d, nil
		}
	}
	if p.hopeless() {
		return nil, nil, p.unavailable()
	}
	turn := make(chan *decoder, 1)
	p.waiters = append(p.waiters, turn)
	return turn, nil, nil
}

// leave gives up a turn, and passes on what may have come for it meanwhile.
func (p *Pool) leave(turn chan *decoder) {
	p.mu.Lock()
	i := slices.Index(p.waiters, turn)
	if i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 {
		if d := <-turn; d != nil {
			d.drop()
			p.put(d)
		}
	}
}

// put makes a child available to the next call.
func (p *Pool) put(d *decoder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, living := p.children[d]; !living || d.why() != alive {
		return // its attendant sees to it
	}
	if len(p.waiters) > 0 {
		d.lend()
		p.waiters[0] <- d
		p.waiters = slices.Delete(p.waiters, 0, 1)
		return
	}
	d.rested = time.Now()
	p.idle = append(p.idle, d)
}

// hopeless reports whether waiting for a child is in vain for now. The caller
// holds the lock.
func (p *Pool) hopeless() bool {
	return p.failures >= hopeless && p.ready() == 0
}

// unavailable is what calls get then. The caller holds the lock.
func (p *Pool) unavailable() error {
	return core.Unavailable.Errorf("no image can be decoded at the moment; send the request again later").
		After(maxBackoff).Because(p.lastWords)
}

func (p *Pool) away() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unavailable()
}

// Capabilities says what the children can do.
func (p *Pool) Capabilities() core.Capabilities {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.hello.Capabilities
	c.Isolation = isolation(p.hello.Jail)
	c.Read, c.Write = slices.Clone(c.Read), slices.Clone(c.Write)
	c.Transform = transform.Able(func(key, value string) bool {
		can := p.cfg.Can == nil || p.cfg.Can(key, value)
		return can && (key != "fmt" || slices.Contains(c.Write, value))
	})
	return c
}

// Healthy returns nil while there is a child that can answer, now or when its
// call is over, or one is about to be; otherwise it says why none comes up.
func (p *Pool) Healthy() error {
	if err := context.Cause(p.closing); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failures == 0 || p.ready() > 0 {
		return nil
	}
	return core.Unavailable.Errorf("no decoder is running").Because(p.lastWords)
}

// Restarts counts children that ended, by reason.
type Restarts struct {
	Crashed   int64 // on their own
	Overran   int64 // stopped at the deadline
	Cancelled int64 // stopped because their caller had gone
	Lied      int64 // stopped because of an answer that cannot be true
	Failed    int64 // replaced because they failed halfway through a file
	Recycled  int64 // replaced because of age, memory or idleness
	Unfit     int64 // never said hello
}

// Stats is the pool at a moment.
type Stats struct {
	Children int // renders that can go on at once
	Idle     int // processes, the spare among them
	Busy     int
	Waiting  int // calls
	// What the renders that go on are predicted to take, of how much, and how many
	// wait for their part.
	RenderBytes, RenderLimit int64
	Heavy                    int
	Restarts                 Restarts
}

// Stats returns the figures for metrics and health.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{Children: p.cfg.Children, Idle: len(p.idle), Waiting: len(p.waiters), Restarts: p.restarts}
	s.RenderBytes, s.RenderLimit, s.Heavy = p.budget.used.Load(), p.budget.limit, int(p.budget.waiting.Load())
	s.Busy = max(0, p.ready()-s.Idle)
	return s
}

// ready counts the children that have said hello. The caller holds the lock.
func (p *Pool) ready() (n int) {
	for _, ready := range p.children {
		if ready {
			n++
		}
	}
	return n
}
