package redis

import (
	"context"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"imgd/core"
)

// A subscription is asked for a sign of life in this rhythm, and given up when it
// was silent for three of them.
const (
	rhythm  = time.Second
	silence = 3 * rhythm
	breath  = 250 * time.Millisecond // before subscribing again
)

// Cancels carries hints of cancellations by publishing them: who does not listen
// at that moment does not hear them.
type Cancels struct{ Client *Client }

// Announce tells all who listen now, within the budget.
func (c Cancels) Announce(ctx context.Context, id core.ID) error {
	return c.Client.ask(ctx, func(ctx context.Context) error {
		return c.Client.quick.Publish(ctx, c.channel(), string(id)).Err()
	})
}

// Listen calls heard for one hint after the other. While Redis is away it tries
// to come back; Unavailable means that the client was closed.
func (c Cancels) Listen(ctx context.Context, heard func(core.ID)) error {
	hints := make(chan core.ID)
	err := c.Client.aside(func() {
		defer close(hints)
		c.subscribe(ctx, hints)
	})
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case id, ok := <-hints:
			if !ok && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if !ok {
				return core.Unavailable.Errorf("the connection to Redis is closed")
			}
			heard(id)
		}
	}
}

// subscribe follows one subscription after the other until the context or the
// client's life ends.
func (c Cancels) subscribe(ctx context.Context, hints chan<- core.ID) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.Client.life, cancel)()
	for ctx.Err() == nil {
		c.follow(ctx, hints)
		select {
		case <-ctx.Done():
		case <-time.After(breath):
		}
	}
}

// follow passes on what one subscription brings, until it breaks or falls silent:
// a peer that vanished without a word would otherwise keep it for many minutes.
func (c Cancels) follow(ctx context.Context, hints chan<- core.ID) {
	sub := c.Client.patient.Subscribe(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	beside.Go(func() { wake(ctx, sub) })
	if c.join(ctx, sub) != nil {
		return
	}
	for {
		said, err := sub.ReceiveTimeout(ctx, silence)
		if err != nil {
			return
		}
		m, ok := said.(*goredis.Message)
		if !ok {
			continue // a sign of life
		}
		id, err := core.ParseID(m.Payload)
		if err != nil {
			continue // not ours
		}
		select {
		case hints <- id:
		case <-ctx.Done():
			return
		}
	}
}

// join subscribes, or gives up soon.
func (c Cancels) join(ctx context.Context, sub *goredis.PubSub) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	return sub.Subscribe(ctx, c.channel())
}

// wake asks for signs of life, and closes the subscription when the context ends,
// which is what interrupts its reader.
func wake(ctx context.Context, sub *goredis.PubSub) {
	defer sub.Close() //nolint:errcheck // nothing was written
	tick := time.NewTicker(rhythm)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if sub.Ping(ctx) != nil {
			return
		}
	}
}

func (c Cancels) channel() string { return c.Client.key("cancels") }
