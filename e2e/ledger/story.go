package ledger

import (
	"context"
	"fmt"
)

// Event is what happened to a job.
type Event struct{ Type, Actor string }

// Stories are the events of every job, each in the order of its epochs.
func (b *Books) Stories(ctx context.Context) (map[string][]Event, error) {
	rows, err := b.DB.QueryContext(ctx, "SELECT job_id, type, actor FROM events WHERE job_id <> '' ORDER BY job_id, epoch, at, id")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	stories := map[string][]Event{}
	for rows.Next() {
		var job string
		var e Event
		if err := rows.Scan(&job, &e.Type, &e.Actor); err != nil {
			return nil, err
		}
		stories[job] = append(stories[job], e)
	}
	return stories, rows.Err()
}

// Tally counts events by their type, over all stories.
func Tally(stories map[string][]Event) map[string]int {
	n := map[string]int{}
	for _, events := range stories {
		for _, e := range events {
			n[e.Type]++
		}
	}
	return n
}

// Trespass is the first event by which somebody ended an attempt that was not
// theirs, or ended a job twice; empty when all is well.
func Trespass(events []Event) string {
	holder, ended := "", false
	for _, e := range events {
		switch e.Type {
		case "job.claimed":
			if ended {
				return "claimed after it had succeeded"
			}
			holder = e.Actor
		case "job.reaped":
			holder = ""
		case "job.succeeded", "job.failed", "job.dead", "job.retried", "job.released":
			if e.Actor == "housekeeping" { // lost too often
				continue
			}
			if ended {
				return e.Type + " after it had succeeded"
			}
			if e.Actor != holder {
				return fmt.Sprintf("%s by %s, while %q held the job", e.Type, e.Actor, holder)
			}
			ended = e.Type == "job.succeeded"
		}
	}
	return ""
}
