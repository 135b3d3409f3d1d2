package redis

import (
	"context"
	"sync"

	goredis "github.com/redis/go-redis/v9"
)

// gather sends scripts that are to be run at the same moment in one go, over one
// connection: those that come while others are under way wait for them to return, and
// leave together. A crowd of requests would else dial as many connections as the pool
// may have, in the moment in which there is least time for it; whoever ran out of time
// then would close theirs, for the next one to dial anew.
type gather struct {
	goredis.UniversalClient
	home *Client

	mu      sync.Mutex
	waiting []*errand
	sending bool
}

// errand is a script to be run.
type errand struct {
	ctx  context.Context // of who waits for it
	add  func(goredis.Pipeliner) *goredis.Cmd
	cmd  *goredis.Cmd  // the answer, once done
	done chan struct{} // closed when it is there
}

// Eval runs a script, together with those that others run at the moment.
func (g *gather) Eval(ctx context.Context, script string, keys []string, args ...any) *goredis.Cmd {
	return g.run(ctx, func(p goredis.Pipeliner) *goredis.Cmd { return p.Eval(ctx, script, keys, args...) })
}

// EvalSha is Eval of a script that the server knows already.
func (g *gather) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *goredis.Cmd {
	return g.run(ctx, func(p goredis.Pipeliner) *goredis.Cmd { return p.EvalSha(ctx, sha, keys, args...) })
}

// run waits for the answer, but no longer than its caller does. What was sent for one
// who has left is run nevertheless.
func (g *gather) run(ctx context.Context, add func(goredis.Pipeliner) *goredis.Cmd) *goredis.Cmd {
	e := &errand{ctx: ctx, add: add, done: make(chan struct{})}
	if err := g.take(e); err != nil {
		return failed(ctx, err)
	}
	select {
	case <-e.done:
		return e.cmd
	case <-ctx.Done():
		return failed(ctx, context.Cause(ctx))
	}
}

// take puts an errand among those that leave next, and sees to it that somebody goes.
func (g *gather) take(e *errand) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.sending {
		if err := g.home.aside(g.send); err != nil {
			return err
		}
		g.sending = true
	}
	g.waiting = append(g.waiting, e)
	return nil
}

// send goes until nobody waits any more.
func (g *gather) send() {
	for {
		g.mu.Lock()
		leaving := g.waiting
		g.waiting, g.sending = nil, len(leaving) > 0
		g.mu.Unlock()
		if len(leaving) == 0 {
			return
		}
		g.exec(leaving)
	}
}

// exec runs errands; each has its own answer or error.
func (g *gather) exec(list []*errand) {
	ctx, cancel := context.WithTimeout(g.home.life, budget)
	defer cancel()
	p := g.Pipeline()
	for _, e := range list {
		if e.ctx.Err() == nil {
			e.cmd = e.add(p)
		} else {
			e.cmd = failed(e.ctx, context.Cause(e.ctx))
		}
	}
	_, _ = p.Exec(ctx) // the first of the errors that the answers have
	for _, e := range list {
		close(e.done)
	}
}

func failed(ctx context.Context, err error) *goredis.Cmd {
	cmd := goredis.NewCmd(ctx)
	cmd.SetErr(err)
	return cmd
}
