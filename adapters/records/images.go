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

// Images is the store of what was accepted.
type Images struct{ *DB }

var (
	_ ports.Images     = Images{}
	_ ports.Tombstones = Images{}
	_ ports.Tenants    = Images{}
)

// Admit records an accepted upload, all of it or nothing.
func (s Images) Admit(ctx context.Context, a ports.Admission) error {
	return s.writeAgain(ctx, func(t tx) error {
		if err := t.settleRoom(ctx, a.Image.Tenant, a.Reservation); err != nil {
			return err
		}
		if err := t.answer(ctx, a.Answer); err != nil {
			return err
		}
		if err := t.free(ctx, a.Image); err != nil {
			return err
		}
		if err := t.CreateImage(ctx, gen.CreateImageParams(a.Image)); err != nil {
			return err
		}
		created := core.Event{
			Tenant: a.Image.Tenant, ImageID: a.Image.ID, Type: core.ImageCreated,
			Actor: a.Image.Owner, CorrelationID: a.Job.CorrelationID, Address: a.Address,
		}
		if err := t.tell(ctx, created); err != nil {
			return err
		}
		if _, err := t.queue(ctx, a.Job, a.Address); err != nil {
			return err
		}
		for _, v := range a.Variants {
			if err := t.CreateVariant(ctx, gen.CreateVariantParams(v)); err != nil {
				return err
			}
		}
		return t.count(ctx, a.Image, 1)
	})
}

// free refuses an external id that another image has.
func (t tx) free(ctx context.Context, m core.Image) error {
	if m.ExternalID == "" {
		return nil
	}
	other, err := t.ImageByExternalID(ctx, gen.ImageByExternalIDParams{Tenant: m.Tenant, ExternalID: m.ExternalID})
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && other.ID == m.ID:
		return nil
	case err != nil:
		return err
	}
	return core.ExternalIDTaken.Errorf("another image has the external id %q", m.ExternalID).With("image_id", other.ID)
}

// Image returns an image with its variants.
func (s Images) Image(ctx context.Context, tenant string, id core.ID) (rec core.Record, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		rec, err = record(ctx, q, tenant, id)
		return err
	})
	return rec, err
}

func record(ctx context.Context, q gen.Querier, tenant string, id core.ID) (core.Record, error) {
	m, err := q.Image(ctx, gen.ImageParams{Tenant: tenant, ID: id})
	if err != nil {
		return core.Record{}, missing(err, "image", id)
	}
	vs, err := q.VariantsOf(ctx, gen.VariantsOfParams{Tenant: tenant, IDs: among([]core.ID{id})})
	return core.Record{Image: core.Image(m), Variants: variants(vs)}, err
}

// Tombstone returns what is left of a deleted image.
func (s Images) Tombstone(ctx context.Context, tenant string, id core.ID) (m core.Image, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		row, err := q.ImageOrTombstone(ctx, gen.ImageOrTombstoneParams{Tenant: tenant, ID: id})
		if err == nil && row.DeletedAt == nil {
			err = sql.ErrNoRows
		}
		if err != nil {
			return missing(err, "image", id)
		}
		m = core.Image(row)
		return nil
	})
	return m, err
}

// Embedded returns what the file of an image says of itself.
func (s Images) Embedded(ctx context.Context, tenant string, id core.ID) (document json.RawMessage, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		document, err = q.Embedded(ctx, gen.EmbeddedParams{Tenant: tenant, ID: id})
		return missing(err, "image, or nothing is embedded in it", id)
	})
	return document, err
}

// List returns a page of images with their variants.
func (s Images) List(ctx context.Context, tenant string, f core.ImageFilter, p core.Page) (recs []core.Record, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		rows, err := list(ctx, q, tenant, f, p)
		if err != nil {
			return err
		}
		recs, err = records(ctx, q, tenant, rows)
		return err
	})
	return recs, err
}

func list(ctx context.Context, q gen.Querier, tenant string, f core.ImageFilter, p core.Page) ([]gen.Image, error) {
	at, id := place(p)
	want := gen.ImagesParams{
		Tenant: tenant, BeforeAt: at, PageAt: at, PageID: id,
		CreatedAfter: time.Time{}, CreatedBefore: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
		Bucket: wanted(f.Bucket), State: wanted(f.State), Owner: wanted(f.Owner), MaxRows: int64(p.Limit),
	}
	if f.CreatedAfter != nil {
		want.CreatedAfter = *f.CreatedAfter
	}
	if f.CreatedBefore != nil {
		want.CreatedBefore = *f.CreatedBefore
	}
	if f.ExternalID == "" {
		return q.Images(ctx, want)
	}
	return q.ImagesWithExternalID(ctx, gen.ImagesWithExternalIDParams{
		Tenant: tenant, ExternalID: f.ExternalID, BeforeAt: want.BeforeAt, PageAt: want.PageAt, PageID: want.PageID,
		CreatedAfter: want.CreatedAfter, CreatedBefore: want.CreatedBefore,
		Bucket: want.Bucket, State: want.State, Owner: want.Owner, MaxRows: want.MaxRows,
	})
}

// Lookup returns those of ids that are there.
func (s Images) Lookup(ctx context.Context, tenant string, ids []core.ID) (recs []core.Record, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		rows, err := q.ImagesByID(ctx, gen.ImagesByIDParams{Tenant: tenant, IDs: among(ids)})
		if err != nil {
			return err
		}
		recs, err = records(ctx, q, tenant, rows)
		return err
	})
	return recs, err
}

// records adds the variants to their images.
func records(ctx context.Context, q gen.Querier, tenant string, rows []gen.Image) ([]core.Record, error) {
	ids := make([]core.ID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	vs, err := q.VariantsOf(ctx, gen.VariantsOfParams{Tenant: tenant, IDs: among(ids)})
	if err != nil {
		return nil, err
	}
	of := map[core.ID][]core.Variant{}
	for _, v := range vs {
		of[v.ImageID] = append(of[v.ImageID], core.Variant(v))
	}
	recs := make([]core.Record, len(rows))
	for i, r := range rows {
		recs[i] = core.Record{Image: core.Image(r), Variants: of[r.ID]}
	}
	return recs, nil
}

// Patch changes what a caller may change of an image.
func (s Images) Patch(ctx context.Context, tenant string, id core.ID, p core.ImagePatch, by core.Actor) (rec core.Record, err error) {
	err = s.writeAgain(ctx, func(t tx) error {
		if err := t.LockImage(ctx, id); err != nil {
			return err
		}
		row, err := t.Image(ctx, gen.ImageParams{Tenant: tenant, ID: id})
		if err != nil {
			return missing(err, "image", id)
		}
		m := core.Image(row)
		if p.IfVersion != nil && *p.IfVersion != m.Version {
			return core.PreconditionFailed.Errorf("image %s has changed since it was read; read it again", id).With("version", m.Version)
		}
		changed := change(&m, p)
		if err := t.free(ctx, m); err != nil {
			return err
		}
		n, err := t.PatchImage(ctx, gen.PatchImageParams{
			Metadata: m.Metadata, Filename: m.Filename, Bucket: m.Bucket, ExternalID: m.ExternalID, ExpiresAt: m.ExpiresAt,
			Now: t.now, Tenant: tenant, ID: id, Version: m.Version,
		})
		if err != nil {
			return err
		}
		if n == 0 {
			return core.PreconditionFailed.Errorf("image %s has changed since it was read; read it again", id)
		}
		if err := t.tell(ctx, updated(m, changed, by)); err != nil {
			return err
		}
		rec, err = record(ctx, t.Querier, tenant, id)
		return err
	})
	return rec, err
}

// change applies p and names the fields it had something for.
func change(m *core.Image, p core.ImagePatch) (fields []string) {
	if p.Metadata != nil {
		m.Metadata, fields = p.Metadata, append(fields, "metadata")
	}
	if p.Filename != nil {
		m.Filename, fields = *p.Filename, append(fields, "filename")
	}
	if p.Bucket != nil {
		m.Bucket, fields = *p.Bucket, append(fields, "bucket")
	}
	if p.ExternalID != nil {
		m.ExternalID, fields = *p.ExternalID, append(fields, "external_id")
	}
	if p.ExpiresAt != nil {
		m.ExpiresAt, fields = p.ExpiresAt, append(fields, "expires_at")
		if p.ExpiresAt.IsZero() {
			m.ExpiresAt = nil
		}
	}
	return fields
}

func updated(m core.Image, fields []string, by core.Actor) core.Event {
	detail, _ := json.Marshal(map[string]any{"fields": fields}) // a list of strings always encodes
	return core.Event{
		Tenant: m.Tenant, ImageID: m.ID, Type: core.ImageUpdated,
		Actor: by.Subject, CorrelationID: by.CorrelationID, Address: by.Address, Detail: detail,
	}
}

// NextTenant returns the first tenant after one that has images.
func (s Images) NextTenant(ctx context.Context, after string) (tenant string, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		tenant, err = q.NextTenant(ctx, after)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return tenant, err
}

// PlaceOf returns where an image is or was.
func (s Images) PlaceOf(ctx context.Context, id core.ID) (place core.Place, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		row, err := q.PlaceOfImage(ctx, id)
		place = core.Place(row)
		return missing(err, "image", id)
	})
	return place, err
}

// Quarantined reports whether bytes with this hash killed too many decoders.
func (s Images) Quarantined(ctx context.Context, sha256 string) (bad bool, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		n, err := q.Quarantined(ctx, sha256)
		bad = n > 0
		return err
	})
	return bad, err
}
