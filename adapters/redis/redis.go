// Package redis has the hints and the rates that processes share. Nothing in
// Redis is believed: whoever empties it, stops it or writes rubbish into it costs
// time, never work.
//
// It is spoken to through one cluster-safe subset: every command names one key.
package redis

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"imgd/core"
)

// budget is all the time a request gives Redis: connecting, waiting for a free
// connection, asking and being answered.
const budget = 200 * time.Millisecond

// dialing is how long a connection may take to be made, TLS included. It goes on
// behind a request that has left, so that the next one finds it ready.
const dialing = 2 * time.Second

// What goes wrong is returned; the library need not tell it to the terminal too.
func init() { logging.Disable() }

// Client is the connection to one Redis, or to one cluster of them.
type Client struct {
	// Prefix begins every key, so that several deployments share one Redis. It is
	// set before the first use.
	Prefix string

	quick   goredis.UniversalClient // whatever must be answered within the budget
	patient goredis.UniversalClient // whatever waits: blocked pops and subscriptions
	scripts *gather                 // over quick
	trip    trip

	life   context.Context // ends with Close
	end    context.CancelFunc
	mu     sync.Mutex // of closed, and of behind growing
	closed bool
	behind sync.WaitGroup // what goes on when its caller has left
}

// Open makes a client for redis://, rediss:// (TLS), redis+cluster:// or
// rediss+cluster:// with more nodes as addr= parameters. A Redis that is away is
// no error, since everybody works without it; one that refuses us is.
func Open(ctx context.Context, address string) (*Client, error) {
	o, err := parse(address)
	if err != nil {
		return nil, err
	}
	c := &Client{Prefix: "imgd", quick: goredis.NewUniversalClient(quick(*o)), patient: goredis.NewUniversalClient(patient(*o))}
	c.scripts = &gather{UniversalClient: c.quick, home: c}
	c.life, c.end = context.WithCancel(context.Background())
	if err := c.Ping(ctx); err != nil && core.KindOf(err) != core.Unavailable {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends everything that waits, and waits for it.
func (c *Client) Close() error {
	c.mu.Lock()
	again := c.closed
	c.closed = true
	c.mu.Unlock()
	if again {
		return nil
	}
	c.end()
	err := c.patient.Close()
	c.behind.Wait()
	if quick := c.quick.Close(); err == nil {
		err = quick
	}
	return err
}

// Ping asks now, whatever went wrong a moment ago, and is Unavailable when no
// answer came within the budget.
func (c *Client) Ping(ctx context.Context) error {
	return c.within(ctx, budget, func(ctx context.Context) error { return c.quick.Ping(ctx).Err() })
}

// ask is how requests ask. After a failure nobody tries for a while, so that a
// Redis that is away costs one request in many its budget and the others nothing.
func (c *Client) ask(ctx context.Context, do func(context.Context) error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := c.trip.try(); err != nil {
		return err
	}
	return c.within(ctx, budget, do)
}

// within gives do a budget, and remembers whether Redis was there.
func (c *Client) within(ctx context.Context, budget time.Duration, do func(context.Context) error) error {
	short, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	err := explain(do(short))
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // the caller's haste says nothing about Redis
	}
	c.trip.saw(err)
	return err
}

// aside runs do where Close waits for it, unless that has begun.
func (c *Client) aside(do func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return core.Unavailable.Errorf("the connection to Redis is closed")
	}
	c.behind.Go(do)
	return nil
}

// key names what is kept under our prefix; the braces tell a cluster which part
// of a name picks its node.
func (c *Client) key(name string) string { return c.Prefix + ":{" + name + "}" }

// parse reads an address. Its errors do not repeat it, for it may hold a password.
func parse(address string) (*goredis.UniversalOptions, error) {
	refused := core.Invalid.Errorf("a Redis address looks like redis://user:password@host:6379/0, rediss://... for TLS, " +
		"or redis+cluster://host:6379?addr=other:6379; it takes no other parameters")
	u, err := url.Parse(address)
	if err != nil {
		return nil, refused
	}
	scheme, cluster := strings.CutSuffix(u.Scheme, "+cluster")
	if (scheme != "redis" && scheme != "rediss") || u.Hostname() == "" {
		return nil, refused
	}
	for name := range u.Query() {
		if !cluster || name != "addr" {
			return nil, refused
		}
	}
	u.Scheme = scheme
	if cluster {
		if u.Path != "" && u.Path != "/" {
			return nil, core.Invalid.Errorf("a Redis cluster has no numbered databases: leave /%s out", strings.TrimPrefix(u.Path, "/"))
		}
		o, err := goredis.ParseClusterURL(u.String())
		if err != nil {
			return nil, refused
		}
		return &goredis.UniversalOptions{Addrs: o.Addrs, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig, IsClusterMode: true}, nil
	}
	o, err := goredis.ParseURL(u.String())
	if err != nil {
		return nil, refused
	}
	return &goredis.UniversalOptions{Addrs: []string{o.Addr}, Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig}, nil
}

// quick are the options of connections that must never keep a request waiting:
// no try is repeated, since the next request is one, and every wait ends with the
// context.
func quick(o goredis.UniversalOptions) *goredis.UniversalOptions {
	o.MaxRetries, o.DialerRetries = -1, 1
	o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = budget, budget, budget
	o.ContextTimeoutEnabled = true
	o.DialTimeout = dialing
	o.ReadBufferSize, o.WriteBufferSize = 4<<10, 4<<10 // ids are small
	o.PipelinePoolSize = -1
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &o
}

// patient are the options of connections that wait for news.
func patient(o goredis.UniversalOptions) *goredis.UniversalOptions {
	p := quick(o)
	p.ReadTimeout, p.PoolTimeout = slice+grace, slice+grace
	p.PoolSize, p.MaxIdleConns = 1024, 4
	return p
}
