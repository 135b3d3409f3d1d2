package worker

import (
	"context"
	"time"
)

// chore is one thing that is forgotten in batches, until there is no more of it.
type chore struct {
	what   string
	every  time.Duration
	forget func(ctx context.Context, limit int) (int, error)
	next   time.Time
	limit  int
}

func (h *Housekeeper) chores() []*chore {
	const daily = 24 * time.Hour
	aged := func(age time.Duration, forget func(context.Context, time.Duration, int) (int, error)) func(context.Context, int) (int, error) {
		return func(ctx context.Context, limit int) (int, error) { return forget(ctx, age, limit) }
	}
	list := []*chore{
		{what: "answers", every: time.Hour, forget: h.Rows.ForgetAnswers},
		{what: "rates", every: time.Hour, forget: h.Rows.ForgetRates},
		{what: "reservations", every: time.Hour, forget: h.Rows.ForgetReservations},
		{what: "usage", every: daily, forget: h.recount},
	}
	if h.Jobs > 0 {
		list = append(list, &chore{what: "jobs", every: daily, forget: aged(h.Jobs, h.Rows.ForgetJobs)})
	}
	if h.Events > 0 {
		list = append(list,
			&chore{what: "events", every: daily, forget: aged(h.Events, h.Rows.ForgetEvents)},
			&chore{what: "tombstones", every: daily, forget: aged(h.Events, h.Rows.ForgetTombstones)})
	}
	return list
}

// recount puts right what tenants with a quota have; it is one batch.
func (h *Housekeeper) recount(ctx context.Context, _ int) (int, error) {
	n, err := h.Rows.Recount(ctx)
	if n > 0 {
		h.Log.WarnContext(ctx, "the usage of tenants was wrong and is put right", "tenants", n)
	}
	return 0, err
}

// retain forgets what is over, first soon after the start and then from time to
// time.
func (h *Housekeeper) retain(ctx context.Context) {
	list := h.chores()
	every(ctx, h.Sweep, func() {
		for _, c := range list {
			if h.leads() && !time.Now().Before(c.next) {
				c.next = time.Now().Add(c.every)
				if err := h.do(ctx, c); err != nil {
					c.next = time.Now().Add(min(c.every, time.Minute))
					h.complain(ctx, "old "+c.what+" could not be forgotten", err)
				}
			}
		}
	})
}

const (
	fewRows  = 1
	mostRows = 500
	// A batch holds up every other writer of a database with one, so that it is made
	// to take about this long.
	soon, late = 50 * time.Millisecond, 200 * time.Millisecond
)

// do forgets batch after batch, and leaves as much time between them as they take.
func (h *Housekeeper) do(ctx context.Context, c *chore) error {
	c.limit = max(c.limit, fewRows)
	removed := 0
	defer func() {
		if removed > 0 {
			h.Log.InfoContext(ctx, "old "+c.what+" are forgotten", "rows", removed)
		}
	}()
	for h.leads() {
		began, limit := time.Now(), c.limit
		n, err := c.forget(ctx, limit)
		took := time.Since(began)
		removed += n
		if err != nil || n < limit {
			return err
		}
		c.pace(took)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(max(took, time.Millisecond)):
		}
	}
	c.next = time.Time{} // somebody else goes on, or this worker when it leads again
	return nil
}

// pace makes the next batch larger or smaller.
func (c *chore) pace(took time.Duration) {
	switch {
	case took < soon:
		c.limit = min(2*c.limit, mostRows)
	case took > late:
		c.limit = max(c.limit/2, fewRows)
	}
}
