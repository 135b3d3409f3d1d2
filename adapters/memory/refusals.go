package memory

import (
	"context"
	"sync"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Refusals keep those of one caller from filling the audit trail: what is refused
// again and again is recorded once, and at the end of a while once more with how often.
// A refusal that its caller shall not learn of is recorded behind its back, so that it
// takes no longer to say that something is not there. Set the fields, then Run.
type Refusals struct {
	ports.Events
	// Window is how long equal refusals are counted together, from a caller's first on.
	Window time.Duration
	// Most is how many different ones of a caller are recorded one by one in that time;
	// the others are counted.
	Most int
	// Keep is how many callers are remembered. Beyond that somebody's time is up early.
	Keep int
	Now  func() time.Time
	// Lost is told what could not be recorded.
	Lost func(error)

	mu     sync.Mutex
	spells map[caller]*spell
	due    []due
	ready  chan struct{} // there is something due; made by the first who needs it
}

type caller struct{ tenant, subject string }

// spell is what a caller was refused since a while.
type spell struct {
	until    time.Time
	seen     map[core.Refusal]*again // by what is refused, without its request
	recorded int                     // of those
	others   int                     // that are not among them
}

// again is how often something was refused after the first time, and the last request.
type again struct {
	recorded    bool // the first
	times       int
	correlation string
}

// due is a refusal that is to be recorded.
type due struct {
	tenant  string
	refusal core.Refusal
}

// Refuse records the first of equal refusals, unless it is hidden from its caller, and
// remembers the others. It reports what is or will be recorded by itself.
func (s *Refusals) Refuse(ctx context.Context, tenant string, r core.Refusal) (bool, error) {
	if !s.note(tenant, r) {
		return false, nil
	}
	if r.Answer != "" {
		return true, nil // Run has it
	}
	recorded, err := s.Events.Refuse(ctx, tenant, r)
	s.settle(tenant, r, recorded)
	return recorded, err
}

// Run records what is due until the context ends, and then what there is.
func (s *Refusals) Run(ctx context.Context) {
	tick := time.NewTicker(max(s.Window/8, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.record(s.take(func(*spell) bool { return true }))
			return
		case <-s.some():
		case <-tick.C:
		}
		now := s.Now()
		s.record(s.take(func(p *spell) bool { return !now.Before(p.until) }))
	}
}

// recording is how long it may take to record what is due.
const recording = 5 * time.Second

func (s *Refusals) record(list []due) {
	ctx, cancel := context.WithTimeout(context.Background(), recording)
	defer cancel()
	for _, d := range list {
		if _, err := s.Events.Refuse(ctx, d.tenant, d.refusal); err != nil {
			s.Lost(err)
		}
	}
}

// note counts a refusal, and reports whether it is to be recorded by itself.
func (s *Refusals) note(tenant string, r core.Refusal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.spell(caller{tenant, r.By.Subject})
	what := bare(r)
	if a := p.seen[what]; a != nil {
		a.times++
		a.correlation = r.By.CorrelationID
		return false
	}
	if p.recorded >= s.Most {
		p.others++
		return false
	}
	a := &again{correlation: r.By.CorrelationID}
	p.seen[what] = a
	if r.Answer != "" {
		a.recorded = true
		p.recorded++
		s.owe(due{tenant, r})
	}
	return true
}

// settle remembers that a refusal is recorded. When it is not, because there is no such
// thing or the store is away, the next one is the first: whoever makes up things fills
// nothing.
func (s *Refusals) settle(tenant string, r core.Refusal, recorded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.spells[caller{tenant, r.By.Subject}]
	if p == nil {
		return
	}
	a := p.seen[bare(r)]
	switch {
	case a == nil:
	case recorded:
		a.recorded = true
		p.recorded++
	default:
		delete(p.seen, bare(r))
	}
}

// bare is a refusal without the request it belongs to.
func bare(r core.Refusal) core.Refusal {
	r.By.CorrelationID = ""
	return r
}

// spell is the caller's, a new one when the last is over. Whose ends first makes room
// for it.
func (s *Refusals) spell(c caller) *spell {
	now := s.Now()
	if p := s.spells[c]; p != nil && now.Before(p.until) {
		return p
	}
	s.end(c)
	if len(s.spells) >= s.Keep {
		var first caller
		for other, p := range s.spells {
			if f := s.spells[first]; f == nil || p.until.Before(f.until) {
				first = other
			}
		}
		s.end(first)
	}
	if s.spells == nil {
		s.spells = map[caller]*spell{}
	}
	p := &spell{until: now.Add(s.Window), seen: map[core.Refusal]*again{}}
	s.spells[c] = p
	return p
}

// end forgets a caller and owes what was only counted.
func (s *Refusals) end(c caller) {
	p := s.spells[c]
	if p == nil {
		return
	}
	delete(s.spells, c)
	for r, a := range p.seen {
		if a.recorded { // one of them stands for what is not
			r.Others, p.others = p.others, 0
		}
		if a.times == 0 && r.Others == 0 {
			continue
		}
		r.Times, r.By.CorrelationID = a.times, a.correlation
		s.owe(due{c.tenant, r})
	}
}

func (s *Refusals) owe(d due) {
	s.due = append(s.due, d)
	if s.ready == nil {
		s.ready = make(chan struct{}, 1)
	}
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// some tells when something is due.
func (s *Refusals) some() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready == nil {
		s.ready = make(chan struct{}, 1)
	}
	return s.ready
}

// take is what is due, with what those callers are owed whose time is over.
func (s *Refusals) take(over func(*spell) bool) []due {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, p := range s.spells {
		if over(p) {
			s.end(c)
		}
	}
	list := s.due
	s.due = nil
	return list
}
