package vips

import (
	"math"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	"imgd/adapters/vips/wire"
	"imgd/core"
	"imgd/ports"
)

// Pids lists the children that have said hello.
func (p *Pool) Pids() (pids []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for d, ready := range p.children {
		if ready {
			pids = append(pids, d.cmd.Process.Pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// Weigh is what a render is predicted to take.
func (p *Pool) Weigh(t ports.Task) int64 { return p.weigh(t) }

// Unbound makes a mutant of the pool that admits renders whatever they weigh.
func (p *Pool) Unbound() { p.budget.free = semaphore.NewWeighted(math.MaxInt64) }

// Controlled is what the control groups of a system allow.
var Controlled = controlled

// Sweep looks at the idle children at once.
func (p *Pool) Sweep() { p.sweep() }

// Judge checks an answer to t that consists of this output and this end.
func Judge(t ports.Task, l core.Limits, output, done wire.Frame) error {
	a := newAudit(t, l, false)
	if _, err := a.output(output); err != nil {
		return err
	}
	_, err := a.done(done, time.Second, false)
	return err
}

// JudgeProbe checks an answer to a probe.
func JudgeProbe(l core.Limits, done wire.Frame) error {
	_, err := audit{op: wire.OpProbe, limits: l}.done(done, time.Second, false)
	return err
}

// JudgeJail says whether a child may serve that reports j.
func JudgeJail(c Config, j wire.Jail) error { return c.checkJail(j) }
