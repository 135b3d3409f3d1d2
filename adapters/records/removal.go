package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
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
		if err != nil {
			return missing(err, "image", id)
		}
		if r.Owner != "" && m.Owner != r.Owner {
			return notOwned(id)
		}
		if m.DeletedAt == nil {
			if err := t.bury(ctx, core.Image(m), r.By); err != nil {
				return err
			}
		} else if !r.Purge {
			return nil
		}
		if r.Purge {
			return t.purge(ctx, core.Image(m), r.By)
		}
		_, err = t.planSweeps(ctx, core.Image(m), t.now.Add(r.Grace))
		return err
	})
}

// notOwned is the answer to whoever wants to delete what is somebody else's: the same
// as if there were nothing.
func notOwned(id core.ID) error {
	none, _ := errors.AsType[*core.Error](missing(sql.ErrNoRows, "image", id)) // it is one
	return none.Hide(core.Forbidden.Errorf("it is of another owner"), core.Refusal{ImageID: id})
}

// purge has the objects of a tombstone go now. That it was done is told once, however
// often somebody asks for it before they are gone.
func (t tx) purge(ctx context.Context, m core.Image, by core.Actor) error {
	sooner, err := t.planSweeps(ctx, m, t.now)
	if err != nil || !sooner {
		return err
	}
	return t.tell(ctx, core.Event{
		Tenant: m.Tenant, ImageID: m.ID, Type: core.ImagePurged,
		Actor: by.Subject, CorrelationID: by.CorrelationID, Address: by.Address,
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

// planSweeps names the original and everything that was made of it. It reports whether
// any of it goes sooner than was planned.
func (t tx) planSweeps(ctx context.Context, m core.Image, due time.Time) (sooner bool, err error) {
	for _, key := range []string{m.OriginalKey(), folderOf(m.ID)} {
		n, err := t.PlanSweep(ctx, gen.PlanSweepParams{ID: t.db.NewID(), BlobKey: key, NotBefore: due})
		if err != nil {
			return false, err
		}
		sooner = sooner || n > 0
	}
	return sooner, nil
}
