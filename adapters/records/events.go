package records

import (
	"context"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// Events is the audit trail.
type Events struct{ *DB }

var _ ports.Events = Events{}

// OfImage returns a page of an image's events, also of a deleted one.
func (s Events) OfImage(ctx context.Context, tenant string, image core.ID, p core.Page) (events []core.Event, err error) {
	at, id := place(p)
	err = s.Read(ctx, func(q gen.Querier) error {
		if _, err := q.ImageOrTombstone(ctx, gen.ImageOrTombstoneParams{Tenant: tenant, ID: image}); err != nil {
			return missing(err, "image", image)
		}
		rows, err := q.EventsOfImage(ctx, gen.EventsOfImageParams{
			Tenant: tenant, ImageID: image, BeforeAt: at, PageAt: at, PageID: id, MaxRows: int64(p.Limit),
		})
		for _, r := range rows {
			events = append(events, core.Event(r))
		}
		return err
	})
	return events, err
}
