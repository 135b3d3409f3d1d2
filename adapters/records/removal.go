package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// Delete leaves a tombstone, ends the image's jobs and plans the sweep of its
// objects.
func (s Images) Delete(ctx context.Context, tenant string, id core.ID, r ports.Removal) error {
	return s.write(ctx, func(t tx) error {
		mine := gen.ImageOrTombstoneParams{Tenant: tenant, ID: id}
		if _, err := t.ImageOrTombstone(ctx, mine); err != nil { // what is another tenant's is not waited for
			return missing(err, "image", id)
		}
		if err := t.LockImage(ctx, id); err != nil {
			return err
		}
		m, err := t.ImageOrTombstone(ctx, mine)
		if err == nil && r.Owner != "" && m.Owner != r.Owner {
			err = sql.ErrNoRows
		}
		if err != nil {
			return missing(err, "image", id)
		}
		if m.DeletedAt == nil {
			if err := t.bury(ctx, core.Image(m), r.By); err != nil {
				return err
			}
		} else if !r.Purge {
			return nil
		}
		due := t.now.Add(r.Grace)
		if r.Purge {
			due = t.now
		}
		return t.planSweeps(ctx, core.Image(m), due)
	})
}

func (t tx) bury(ctx context.Context, m core.Image, by core.Actor) error {
	ended, err := t.CancelJobsOfImage(ctx, gen.CancelJobsOfImageParams{Tenant: m.Tenant, ImageID: m.ID})
	if err != nil {
		return err
	}
	for _, j := range jobs(ended) {
		if err := t.ended(ctx, j); err != nil {
			return err
		}
		if err := t.tellOf(ctx, j, core.JobCancel, by, nil); err != nil {
			return err
		}
	}
	state, err := t.settled(ctx, m.ID)
	if err != nil {
		return err
	}
	if _, err := t.BuryImage(ctx, gen.BuryImageParams{
		Now: t.now, DeletedAt: &t.now, State: state, Tenant: m.Tenant, ID: m.ID,
		Metadata: json.RawMessage("{}"), // a text in the query would be stored as one, and rows hold bytes
	}); err != nil {
		return err
	}
	if err := t.ForgetEmbedded(ctx, gen.ForgetEmbeddedParams{Tenant: m.Tenant, ImageID: m.ID}); err != nil {
		return err
	}
	if err := t.tell(ctx, core.Event{
		Tenant: m.Tenant, ImageID: m.ID, Type: core.ImageDeleted,
		Actor: by.Subject, CorrelationID: by.CorrelationID, Address: by.Address,
	}); err != nil {
		return err
	}
	return t.count(ctx, m, -1)
}

// planSweeps names the original and everything that was made of it.
func (t tx) planSweeps(ctx context.Context, m core.Image, due time.Time) error {
	for _, key := range []string{m.OriginalKey(), folderOf(m.ID)} {
		if err := t.PlanSweep(ctx, gen.PlanSweepParams{ID: t.db.NewID(), BlobKey: key, NotBefore: due}); err != nil {
			return err
		}
	}
	return nil
}
