package records

import (
	"context"
	"encoding/json"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// Events is the audit trail.
type Events struct{ *DB }

var _ ports.Events = Events{}

// OfImage returns a page of an image's events, also of a deleted one.
func (s Events) OfImage(ctx context.Context, tenant string, image core.ID, p core.Page) (events []core.Event, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		if _, err := q.ImageOrTombstone(ctx, gen.ImageOrTombstoneParams{Tenant: tenant, ID: image}); err != nil {
			return missing(err, "image", image)
		}
		events, err = eventsOf(ctx, q, tenant, core.EventFilter{ImageID: image}, p)
		return err
	})
	return events, err
}

// OfTenant returns a page of a tenant's events.
func (s Events) OfTenant(ctx context.Context, tenant string, f core.EventFilter, p core.Page) (events []core.Event, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		events, err = eventsOf(ctx, q, tenant, f, p)
		return err
	})
	return events, err
}

func eventsOf(ctx context.Context, q gen.Querier, tenant string, f core.EventFilter, p core.Page) (events []core.Event, err error) {
	at, id := place(p)
	if f.CreatedBefore != nil && !f.CreatedBefore.After(at) {
		at, id = *f.CreatedBefore, "" // a page that begins there
	}
	var after time.Time
	if f.CreatedAfter != nil {
		after = *f.CreatedAfter
	}
	var rows []gen.Event
	if f.ImageID != "" {
		rows, err = q.EventsOfImage(ctx, gen.EventsOfImageParams{
			Tenant: tenant, ImageID: f.ImageID, BeforeAt: at, PageAt: at, PageID: id, CreatedAfter: after,
			Type: wanted(f.Type), Actor: wanted(f.Actor), MaxRows: int64(p.Limit),
		})
	} else {
		rows, err = q.EventsOfTenant(ctx, gen.EventsOfTenantParams{
			Tenant: tenant, BeforeAt: at, PageAt: at, PageID: id, CreatedAfter: after,
			Type: wanted(f.Type), Actor: wanted(f.Actor), MaxRows: int64(p.Limit),
		})
	}
	for _, r := range rows {
		events = append(events, core.Event(r))
	}
	return events, err
}

// Refuse records a refusal of what the tenant has. What is another tenant's is found
// by no query here, exactly like what never was; and to find nothing takes no commit.
func (s Events) Refuse(ctx context.Context, tenant string, r core.Refusal) (recorded bool, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		if r.JobID == "" {
			_, err := q.ImageOrTombstone(ctx, gen.ImageOrTombstoneParams{Tenant: tenant, ID: r.ImageID})
			return missing(err, "image", r.ImageID)
		}
		j, err := job(ctx, q, tenant, r.JobID)
		r.ImageID = j.ImageID
		return err
	})
	if core.KindOf(err) == core.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	detail, err := json.Marshal(refusal{r.Operation, r.Problem, r.Answer, r.Times, r.Others})
	if err != nil {
		return false, err
	}
	err = s.write(ctx, func(t tx) error {
		return t.tell(ctx, core.Event{
			Tenant: tenant, ImageID: r.ImageID, JobID: r.JobID, Type: core.AccessRefused, Detail: detail,
			Actor: r.By.Subject, CorrelationID: r.By.CorrelationID, Address: r.By.Address,
		})
	})
	return err == nil, err
}

// refusal is the detail of an event that tells of one.
type refusal struct {
	Operation string    `json:"operation"`
	Problem   core.Slug `json:"problem"`
	Answer    core.Slug `json:"answer,omitempty"`
	Times     int       `json:"times,omitempty"`
	Others    int       `json:"others,omitempty"`
}
