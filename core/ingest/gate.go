package ingest

import (
	"context"
	"math"
	"sync"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Gate refuses new jobs while those that wait are too many, or would keep a new one
// waiting for too long: before that is true of the oldest of them. A tenant that has
// nothing waiting is let in all the same, until it is twice too much, so that who fills
// the queue is not in the way of the others.
//
// How long a job has to wait is how many are before it by how quickly they have become
// fewer lately, and never less than the oldest has waited. What waits is counted once a
// second at most, for all who come, and a long line less often.
type Gate struct {
	Backlog ports.Backlog
	Wait    time.Duration // that a job may have to expect; 0: any
	Jobs    int64         // that may wait; 0: any number
	Now     func() time.Time
	Chance  func() float64 // in [0, 1)

	mu      sync.Mutex
	counted count
	asking  bool            // somebody counts
	next    time.Time       // when to count again
	pace    pace            // at which the queue is worked off
	seen    map[string]bool // tenants that were asked about
	since   time.Time       // then
	refused int64
}

// count is a backlog as it was at a time, known until it is too old to be true.
type count struct {
	core.Backlog
	at    time.Time
	known bool
}

const (
	fresh    = time.Second            // between two counts
	stale    = 10 * time.Second       // after which a count says nothing any more
	patience = 500 * time.Millisecond // with a count
	share    = 20                     // a count takes a twentieth of the time at most,
	ease     = 200                    // and a two hundredth, where it can be as old as that
	ripe     = 20                     // a twentieth of the wait that is allowed, that is,
	ripest   = 10 * time.Second       // or so, where any is
	counting = 100_000                // jobs that are counted where their number has no limit
	tenants  = 10_000                 // that are asked about in a second
)

// Enter lets a job of the tenant in, or is QueueFull.
func (g *Gate) Enter(ctx context.Context, tenant string) error {
	if g == nil || g.Wait <= 0 && g.Jobs <= 0 {
		return nil
	}
	if err := g.look(ctx); err != nil {
		return err
	}
	b, wait, rate := g.expect()
	much := g.much(b, wait)
	if much <= 1 || much <= 2 && g.spares(ctx, tenant) {
		return nil
	}
	g.mu.Lock()
	g.refused++
	g.mu.Unlock()
	return core.QueueFull.Errorf("more waits to be rendered than can be done soon; nothing of the request was kept, send it again later").
		After(g.again(b, wait, rate))
}

// State tells how it is.
func (g *Gate) State(ctx context.Context) core.Admission {
	if g == nil || g.Wait <= 0 && g.Jobs <= 0 {
		return core.Admission{Open: true}
	}
	if err := g.look(ctx); err != nil {
		return core.Admission{Open: true, Limit: g.Wait}
	}
	b, wait, _ := g.expect()
	g.mu.Lock()
	defer g.mu.Unlock()
	return core.Admission{Open: g.much(b, wait) <= 1, Waiting: b.Waiting, Wait: wait, Limit: g.Wait, Refused: g.refused}
}

// Refused is how many were, since the start.
func (g *Gate) Refused() int64 {
	if g == nil {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused
}

// much is how much of what may wait does.
func (g *Gate) much(b core.Backlog, wait time.Duration) (much float64) {
	if g.Wait > 0 {
		much = wait.Seconds() / g.Wait.Seconds()
	}
	if g.Jobs > 0 {
		much = max(much, float64(b.Waiting)/float64(g.Jobs))
	}
	return much
}

// expect is the last count, what a new job has to expect by it, and how many jobs a
// second are begun; 0 when that cannot be told.
func (g *Gate) expect() (b core.Backlog, wait time.Duration, rate float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.counted.known || g.Now().Sub(g.counted.at) > stale+g.next.Sub(g.counted.at) {
		return core.Backlog{}, 0, 0
	}
	b, rate = g.counted.Backlog, g.pace.rate()
	wait = b.Oldest
	if rate > 0 {
		wait = max(wait, seconds(float64(b.Waiting)/rate))
	}
	return b, wait, rate
}

// again is when a caller who is refused should come again: when what is too much will
// be done, and a little later, for all who are told so would come at that moment.
func (g *Gate) again(b core.Backlog, wait time.Duration, rate float64) time.Duration {
	least := 10 * time.Second // nobody knows whether anything is done at all
	over := wait - g.Wait
	if g.Wait <= 0 {
		over = 0
	}
	if rate > 0 {
		least = time.Second
		if g.Jobs > 0 {
			over = max(over, seconds(float64(b.Waiting-g.Jobs)/rate))
		}
	}
	over = min(max(over, least), 4*time.Minute)
	return over + time.Duration(g.Chance()*float64(over)/4)
}

func seconds(s float64) time.Duration {
	return time.Duration(min(s, math.MaxInt32) * float64(time.Second))
}

// look counts what waits, unless that was just done or somebody does it. Who counts is
// told that it failed: a database that does not say this would not take the upload.
func (g *Gate) look(ctx context.Context) error {
	g.mu.Lock()
	start := g.Now()
	if g.asking || start.Before(g.next) {
		g.mu.Unlock()
		return nil
	}
	g.asking = true
	before := g.counted
	g.mu.Unlock()

	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	b, err := g.Backlog.Backlog(short, g.most(), before.Newest)

	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.Now()
	g.asking, g.next = false, now.Add(g.pause(now.Sub(start)))
	if err != nil {
		g.counted.known = false
		return core.Unavailable.Errorf("it cannot be told now how much waits; try again").After(time.Second).Because(err)
	}
	if before.known {
		g.pace.saw(before.Waiting, b.Marked, now.Sub(before.at))
	}
	g.counted = count{b, now, true}
	return nil
}

// pause is how long a count stands that took so long. The longer the line the longer it
// takes, and the less it matters how many have come since.
func (g *Gate) pause(took time.Duration) time.Duration {
	oldest := ripest
	if g.Wait > 0 {
		oldest = g.Wait / ripe
	}
	return max(fresh, share*took, min(ease*took, oldest))
}

// most is how many jobs are counted: enough to see that they are twice too many.
func (g *Gate) most() int64 {
	if g.Jobs > 0 {
		return 2*g.Jobs + 1
	}
	return counting
}

// spares reports whether the tenant has nothing waiting. It is asked about once a second,
// whatever the answer: one job then is on its way.
func (g *Gate) spares(ctx context.Context, tenant string) bool {
	g.mu.Lock()
	if now := g.Now(); g.seen == nil || now.Sub(g.since) >= fresh {
		g.seen, g.since = map[string]bool{}, now
	}
	if g.seen[tenant] || len(g.seen) >= tenants {
		g.mu.Unlock()
		return false
	}
	g.seen[tenant] = true
	g.mu.Unlock()
	waits, err := g.Backlog.Waits(ctx, tenant)
	return err == nil && !waits
}

// pace is how quickly a queue is worked off, of the last half minute above all.
type pace struct{ done, took float64 }

// memory is what a second counts for less with each second that passes, and proof how
// many jobs and seconds have to be seen before anything is said.
const (
	memory    = 30.0 // seconds
	proof     = 10.0 // jobs
	proofTime = 2.0  // seconds
)

// saw learns that of so many waiting jobs some are left after a while. A queue that was
// empty meanwhile says nothing of how quick anybody is.
func (p *pace) saw(waiting, left int64, took time.Duration) {
	if left <= 0 || took <= 0 {
		return
	}
	faded := math.Exp(-took.Seconds() / memory)
	p.done = p.done*faded + float64(max(0, waiting-left))
	p.took = p.took*faded + took.Seconds()
}

// rate is jobs a second, 0 while it cannot be told.
func (p *pace) rate() float64 {
	if p.done < proof || p.took < proofTime {
		return 0
	}
	return p.done / p.took
}
