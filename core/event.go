package core

import (
	"encoding/json"
	"time"
)

// EventType says what happened. The list is open: readers skip what they do not
// know.
type EventType string

// What is recorded. Together the job events of an image replay its jobs' states.
const (
	ImageCreated  EventType = "image.created"
	ImageUpdated  EventType = "image.updated"
	ImageDeleted  EventType = "image.deleted"
	ImagePurged   EventType = "image.purged" // its objects go at once, and not after a grace
	JobCreated    EventType = "job.created"
	JobClaimed    EventType = "job.claimed"
	JobDone       EventType = "job.succeeded"
	JobRejected   EventType = "job.failed"
	JobRetried    EventType = "job.retried" // the machine's own: back to queued after an error
	JobReleased   EventType = "job.released"
	JobReaped     EventType = "job.reaped"
	JobDied       EventType = "job.dead"
	JobCancelling EventType = "job.cancelling" // asked for while running
	JobCancel     EventType = "job.cancelled"
	JobRequeued   EventType = "job.requeued" // a caller's retry
	AccessRefused EventType = "access.refused"
)

// Event is one line of the audit trail, written in the transaction of what it
// tells. Its fields stand in the order of the table's columns.
type Event struct {
	ID            ID
	Tenant        string
	ImageID       ID
	JobID         ID // empty when no job is concerned
	Type          EventType
	Actor         string // a subject, or worker:<id>
	CorrelationID string
	Address       string          // of whoever asked; empty when nobody outside did
	Epoch         int64           // of the job after the event
	Detail        json.RawMessage // a JSON object; never secrets, never file contents
	At            time.Time
}

// EventOutcome is how what an event tells came out.
type EventOutcome string

// The outcomes.
const (
	EventDone    EventOutcome = "done"
	EventRefused EventOutcome = "refused"
	EventFailed  EventOutcome = "failed"
)

// Outcome is how it came out.
func (e Event) Outcome() EventOutcome {
	switch e.Type {
	case AccessRefused:
		return EventRefused
	case JobRejected, JobRetried, JobReaped, JobDied:
		return EventFailed
	}
	return EventDone
}

// EventFilter narrows a list of events. Empty fields do not.
type EventFilter struct {
	Type          EventType
	Actor         string
	ImageID       ID
	CreatedAfter  *time.Time
	CreatedBefore *time.Time
}
