package redis

import (
	"context"
	"errors"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"imgd/core"
)

// Pops wait on the server in slices of time, so that one which does not answer is
// found out: it has the grace on top.
const (
	slice = time.Second
	grace = 500 * time.Millisecond
)

// most is how many hints are kept; the oldest make room. Who finds them gone
// finds their jobs by looking.
const most = 10_000

// Queue carries hints from process to process, in one list.
//
// A hint is lost when Redis is emptied or dies, when the list is full, and when
// the process or its connection ends between the server's answer and ours. A Pop
// whose context ends in that moment loses nothing: what comes for it afterwards
// is put back.
type Queue struct{ Client *Client }

// Push leaves a hint, within the budget.
func (q Queue) Push(ctx context.Context, id core.ID) error {
	list := q.list()
	return q.Client.ask(ctx, func(ctx context.Context) error {
		_, err := q.Client.quick.Pipelined(ctx, func(p goredis.Pipeliner) error {
			p.LPush(ctx, list, string(id))
			p.LTrim(ctx, list, 0, most-1)
			return nil
		})
		return err
	})
}

// Pop waits for a hint. What was never an id of ours is thrown away.
func (q Queue) Pop(ctx context.Context) (core.ID, error) {
	for {
		value, err := q.wait(ctx)
		if err != nil {
			return "", err
		}
		if id, err := core.ParseID(value); err == nil {
			return id, nil
		}
	}
}

// popped is what the server said: a value, nothing, or that it is away.
type popped struct {
	value string
	err   error
}

// wait waits for a value until the context ends, or for an empty one that says to
// wait again.
func (q Queue) wait(ctx context.Context) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err := q.Client.trip.try(); err != nil {
		return "", err
	}
	patience := slice
	if end, ok := ctx.Deadline(); ok {
		patience = min(patience, max(time.Until(end), time.Millisecond)) // for ever is written 0
	}
	answer := make(chan popped)
	err := q.Client.aside(func() {
		p := q.take(patience)
		select {
		case answer <- p:
		case <-ctx.Done():
			q.putBack(p.value)
		}
	})
	if err != nil {
		return "", err
	}
	select {
	case p := <-answer:
		return p.value, p.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// take asks the server for the oldest value, which may keep it waiting that long.
// It does not heed the caller's context: whoever closes a connection in the middle
// of an answer loses the answer.
func (q Queue) take(patience time.Duration) popped {
	ctx, cancel := context.WithTimeout(q.Client.life, patience+grace)
	defer cancel()
	seconds := strconv.FormatFloat(patience.Seconds(), 'f', 3, 64)
	answer, err := q.Client.patient.Do(ctx, "BRPOP", q.list(), seconds).StringSlice()
	if errors.Is(err, goredis.Nil) {
		answer, err = []string{q.list(), ""}, nil
	}
	err = explain(err)
	q.Client.trip.saw(err)
	if err != nil || len(answer) != 2 {
		return popped{err: err}
	}
	return popped{value: answer[1]}
}

// putBack returns a value to the end it came from.
func (q Queue) putBack(value string) {
	if value == "" {
		return
	}
	_ = q.Client.ask(q.Client.life, func(ctx context.Context) error { // it is only a hint
		return q.Client.quick.RPush(ctx, q.list(), value).Err()
	})
}

func (q Queue) list() string { return q.Client.key("jobs") }
