package records

import (
	"context"
	"encoding/json"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
)

// micros is how the queries count spans of time.
func micros(d time.Duration) int64 { return d.Microseconds() }

// tell writes one line of the audit trail.
func (t tx) tell(ctx context.Context, e core.Event) error {
	e.ID, e.At = t.db.NewID(), t.now
	if e.Detail == nil {
		e.Detail = json.RawMessage("{}")
	}
	return t.RecordEvent(ctx, gen.RecordEventParams(e))
}

// tellOf writes what happened to a job; detail may be nil.
func (t tx) tellOf(ctx context.Context, j core.Job, what core.EventType, by core.Actor, detail map[string]any) error {
	e := core.Event{
		Tenant: j.Tenant, ImageID: j.ImageID, JobID: j.ID, Type: what, Actor: by.Subject,
		CorrelationID: by.CorrelationID, Address: by.Address, Epoch: j.Epoch,
	}
	if detail != nil {
		b, err := json.Marshal(detail)
		if err != nil {
			return err
		}
		e.Detail = b
	}
	return t.tell(ctx, e)
}

// queue writes a new job that is due at once, by the database's clock; address is
// where the request for it came from.
func (t tx) queue(ctx context.Context, j core.Job, address string) (core.Job, error) {
	j.State, j.RunAt = core.JobQueued, t.now
	if err := t.CreateJob(ctx, gen.CreateJobParams(j)); err != nil {
		return j, err
	}
	by := core.Actor{Subject: j.Owner, CorrelationID: j.CorrelationID, Address: address}
	return j, t.tellOf(ctx, j, core.JobCreated, by, nil)
}

// settle gives an image the state that its jobs and variants amount to.
func (t tx) settle(ctx context.Context, image core.ID) error {
	live, err := t.LiveJobsOfImage(ctx, image)
	if err != nil {
		return err
	}
	state := core.ImageProcessing
	if live == 0 {
		if state, err = t.settled(ctx, image); err != nil {
			return err
		}
	}
	return t.SettleImage(ctx, gen.SettleImageParams{State: state, Now: t.now, ID: image})
}

func (t tx) settled(ctx context.Context, image core.ID) (core.ImageState, error) {
	rows, err := t.VariantsOfImage(ctx, image)
	return core.Settled(variants(rows)), err
}

// ended fails what a job that is at an end has not made.
func (t tx) ended(ctx context.Context, j core.Job) error {
	return t.FailPendingVariants(ctx, gen.FailPendingVariantsParams{Error: reason(j), Now: t.now, JobID: j.ID})
}

// reason is why a job that is at an end has not made a variant.
func reason(j core.Job) *core.Failure {
	switch {
	case j.State == core.JobCancelled:
		return core.FailureOf(core.Conflict.Errorf("the job was cancelled before this variant was made; retry the job"))
	case j.Error != nil:
		return j.Error
	}
	return core.FailureOf(core.Internal.Errorf("the job ended without this variant"))
}

func variants(rows []gen.Variant) []core.Variant {
	vs := make([]core.Variant, len(rows))
	for i, r := range rows {
		vs[i] = core.Variant(r)
	}
	return vs
}

func jobs(rows []gen.Job) []core.Job {
	js := make([]core.Job, len(rows))
	for i, r := range rows {
		js[i] = core.Job(r)
	}
	return js
}

// among is a list as the queries take it: JSON, so that one statement serves any
// number.
func among[S ~string](list []S) string {
	b, _ := json.Marshal(append([]S{}, list...)) // strings always encode
	return string(b)
}

// place is where a page begins: after its position, or before everything.
func place(p core.Page) (at time.Time, id core.ID) {
	if p.Before == nil {
		return time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), "~"
	}
	return p.Before.At, p.Before.ID
}

// wanted is a filter's value as the queries take it: nil does not narrow.
func wanted[S ~string](v S) *string {
	if v == "" {
		return nil
	}
	s := string(v)
	return &s
}
