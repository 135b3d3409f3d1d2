package vips

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"imgd/adapters/vips/wire"
)

// A child that cannot be started is tried again after firstBackoff, then after
// twice the time before, up to maxBackoff. From the hopeless-th time on calls are
// told, instead of waiting.
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 10 * time.Second
	hopeless     = 3
)

// sweepEvery is how often idle children are looked at.
const sweepEvery = 5 * time.Second

// keep starts the children that are missing until the pool is closed. The system
// kills a child when the thread that started it ends, not the process: hence a
// thread of its own, which ends with this function because it is never unlocked.
func (p *Pool) keep() {
	runtime.LockOSThread()
	patient()
	sweep := time.NewTicker(min(sweepEvery, p.cfg.MaxIdle))
	defer sweep.Stop()
	for {
		again := time.NewTimer(p.fill())
		select {
		case <-p.closing.Done():
			again.Stop()
			p.endAll()
			return
		case <-sweep.C:
			p.sweep()
		case <-p.wake:
		case <-again.C:
		}
		again.Stop()
	}
}

// fill starts what is missing, or returns how long to wait before trying again.
func (p *Pool) fill() time.Duration {
	p.mu.Lock()
	missing := p.cfg.Children + 1 - len(p.children)
	wait := time.Until(p.notBefore)
	if p.failures > 0 {
		missing = min(missing, 1)
	}
	p.mu.Unlock()
	switch {
	case missing <= 0:
		return time.Hour // wake tells of the next one
	case wait > 0:
		return wait
	}
	for range missing {
		p.start()
	}
	return firstBackoff
}

func (p *Pool) start() {
	d, err := launch(p.cfg)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.unfit(err)
		return
	}
	p.children[d] = false
	p.tasks.Go(func() { p.attend(d) })
}

// attend stays with a child from its hello to its end.
func (p *Pool) attend(d *decoder) {
	hello, err := d.greet()
	if err == nil {
		err = errors.Join(checkHello(hello), p.cfg.checkJail(hello.Jail))
	}
	if err != nil {
		d.kill(refused)
	} else {
		p.welcome(d, hello)
	}
	d.status = d.cmd.Wait()
	close(d.gone)
	p.bury(d, err)
}

func (p *Pool) welcome(d *decoder, h wire.Hello) {
	_, d.fresh = memoryOf(d.cmd.Process.Pid)
	p.mu.Lock()
	p.children[d] = true
	if !p.greeted {
		p.greeted, p.hello = true, h
		p.introduce(h)
		p.tellOpen(nil)
	}
	p.mu.Unlock()
	p.put(d)
}

// bury strikes a child off and lets the keeper start another.
func (p *Pool) bury(d *decoder, unfit error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.children, d)
	if i := slices.Index(p.idle, d); i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.count(d.why())
	switch {
	case d.why() == closed:
	case unfit != nil:
		p.unfit(fmt.Errorf("%w: %w", unfit, d.autopsy()))
	case d.why() == alive && !d.lent && p.failures < hopeless-1: // died of nothing: the next one may, too
		p.unfit(d.autopsy())
	}
	d.drop()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// unfit makes the keeper wait longer. The caller holds the lock.
func (p *Pool) unfit(err error) {
	p.lastWords = err
	p.failures++
	p.notBefore = time.Now().Add(min(maxBackoff, firstBackoff<<min(p.failures-1, 10)))
	if !p.greeted && p.failures == p.cfg.Children+1 {
		p.tellOpen(err)
	}
	if p.hopeless() {
		for _, turn := range p.waiters {
			turn <- nil
		}
		p.waiters = nil
	}
}

// tellOpen lets Open return; only the first word counts.
func (p *Pool) tellOpen(err error) {
	select {
	case p.opened <- err:
	default:
	}
}

// count files a child under the reason of its end. The caller holds the lock.
func (p *Pool) count(why end) {
	r := &p.restarts
	switch why {
	case alive, crashed:
		r.Crashed++
	case overran:
		r.Overran++
	case cancelled:
		r.Cancelled++
	case lied:
		r.Lied++
	case spoiled:
		r.Failed++
	case recycled:
		r.Recycled++
	case refused:
		r.Unfit++
	case closed:
	}
}

// sweep replaces idle children that hold on to memory, or to what the last file
// has left in it.
func (p *Pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = slices.DeleteFunc(p.idle, func(d *decoder) bool {
		worn := d.worked() && (time.Since(d.rested) >= p.cfg.MaxIdle || d.holds() > p.cfg.IdleBytes)
		if worn {
			d.kill(recycled)
		}
		return worn
	})
}

func (p *Pool) endAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for d := range p.children {
		d.kill(closed)
	}
}
