// Package library looks up, lists, changes and deletes what was accepted, and
// steers its jobs.
package library

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"imgd/core"
	"imgd/core/access"

	"imgd/ports"
)

// Service answers for the principal's own tenant.
type Service struct {
	Images     ports.Images
	Tombstones ports.Tombstones
	Jobs       ports.JobControl
	Events     ports.Events
	Stats      ports.Stats
	Queue      ports.Queue
	// Cancels hurries the worker of a job that is to stop; nil leaves it to the
	// worker's heartbeat.
	Cancels ports.Cancels
	// Quotas hold tenants to what they may have; nil lets them have all.
	Quotas ports.Quotas
	// Policy is asked when our own rules have said yes; nil leaves it at that.
	Policy ports.Policy
	// Grace is how long the objects of a deleted image stay.
	Grace time.Duration
	// Look is how soon a caller who waits for a job is looked after first.
	Look time.Duration
	// Stopping is closed when the process stops, so that nobody is held; nil never.
	Stopping <-chan struct{}
}

// MaxLookup is how many ids one lookup may have.
const MaxLookup = 100

// Image returns an image with its variants.
func (s *Service) Image(ctx context.Context, by core.Principal, id core.ID) (core.Record, error) {
	if err := access.May(by, core.ScopeRead); err != nil {
		return core.Record{}, err
	}
	rec, err := s.Images.Image(ctx, by.Tenant, id)
	if err != nil {
		return core.Record{}, err
	}
	if err := access.AskToSee(ctx, s.Policy, access.OnImage(by, "read", rec.Image)); err != nil {
		return core.Record{}, err
	}
	return rec, nil
}

// Embedded returns an image and what its file says of itself, nil when that is
// nothing, to whoever may see the original.
func (s *Service) Embedded(ctx context.Context, by core.Principal, id core.ID) (core.Record, json.RawMessage, error) {
	rec, err := s.Image(ctx, by, id)
	if err != nil {
		return core.Record{}, nil, err
	}
	if err := access.MaySeeOriginal(by, rec.Image); err != nil {
		return core.Record{}, nil, err
	}
	if err := access.Ask(ctx, s.Policy, access.OnImage(by, "read-original", rec.Image)); err != nil {
		return core.Record{}, nil, err
	}
	document, err := s.Images.Embedded(ctx, by.Tenant, id)
	if core.KindOf(err) == core.NotFound {
		return rec, nil, nil
	}
	return rec, document, err
}

// ListImages returns a page of images and the cursor of the next, empty at the end.
func (s *Service) ListImages(ctx context.Context, by core.Principal, f core.ImageFilter, limit int, cursor string) (items []core.Record, next string, err error) {
	if err := access.May(by, core.ScopeRead); err != nil {
		return nil, "", err
	}
	if f.Bucket != "" {
		if _, err := core.Bucket(f.Bucket); err != nil {
			return nil, "", err
		}
	}
	return list(s.mayList(ctx, by, f.Bucket), by, f, limit, cursor,
		func(p core.Page) ([]core.Record, error) { return s.Images.List(ctx, by.Tenant, f, p) },
		func(r core.Record) core.Position { return core.Position{At: r.Image.CreatedAt, ID: r.Image.ID} })
}

// Lookup returns those of ids that the principal may see, in the order they were
// asked for, and the others.
func (s *Service) Lookup(ctx context.Context, by core.Principal, ids []core.ID) (found []core.Record, missing []core.ID, err error) {
	if err := access.May(by, core.ScopeRead); err != nil {
		return nil, nil, err
	}
	if len(ids) > MaxLookup {
		return nil, nil, core.InvalidBody.Errorf("a lookup has at most %d ids", MaxLookup).With("limit", MaxLookup)
	}
	if err := s.mayList(ctx, by, "")(); err != nil {
		return nil, nil, err
	}
	there, err := s.Images.Lookup(ctx, by.Tenant, ids)
	if err != nil {
		return nil, nil, err
	}
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			continue
		}
		if at := slices.IndexFunc(there, func(r core.Record) bool { return r.Image.ID == id }); at >= 0 {
			found = append(found, there[at])
		} else {
			missing = append(missing, id)
		}
	}
	return found, missing, nil
}

// Patch changes what a caller may change of an image, after it has been checked
// as an upload's fields are.
func (s *Service) Patch(ctx context.Context, by core.Principal, correlation string, id core.ID, p core.ImagePatch) (core.Record, error) {
	if err := s.mayChange(ctx, by, "update", id); err != nil {
		return core.Record{}, err
	}
	if err := p.Check(time.Now()); err != nil {
		return core.Record{}, err
	}
	if p.Bucket != nil { // whoever puts something into a bucket creates it there
		if err := access.Ask(ctx, s.Policy, access.OnBucket(by, "create", *p.Bucket)); err != nil {
			return core.Record{}, err
		}
	}
	rec, err := s.Images.Patch(ctx, by.Tenant, id, p, by.Acting(correlation))
	return rec, access.Taken(ctx, s.Policy, by, s.Images, err)
}

// Delete makes an image unreadable at once; its objects go after the grace, or
// with purge as soon as the next sweep comes by.
func (s *Service) Delete(ctx context.Context, by core.Principal, correlation string, id core.ID, purge bool) error {
	if err := access.May(by, core.ScopeWrite); err != nil {
		return err
	}
	rec, err := s.Images.Image(ctx, by.Tenant, id)
	switch {
	case err == nil:
		err = access.AskToChange(ctx, s.Policy, by, "delete", rec.Image)
	case core.KindOf(err) == core.NotFound:
		err = s.mayDeleteAgain(ctx, by, id)
	}
	if err != nil {
		return err
	}
	r := ports.Removal{By: by.Acting(correlation), Grace: s.Grace, Purge: purge}
	if !by.Has(core.ScopeAdmin) {
		r.Owner = by.Subject // of a tombstone, too
	}
	return s.Images.Delete(ctx, by.Tenant, id, r)
}

// mayDeleteAgain refuses whoever may not delete an image that is deleted already.
func (s *Service) mayDeleteAgain(ctx context.Context, by core.Principal, id core.ID) error {
	left, err := s.Tombstones.Tombstone(ctx, by.Tenant, id)
	if err != nil {
		return err
	}
	return access.AskAboutTombstone(ctx, s.Policy, by, "delete", left)
}

// mayChange refuses whoever may not see the image, then whoever may only see it.
func (s *Service) mayChange(ctx context.Context, by core.Principal, action string, id core.ID) error {
	if err := access.May(by, core.ScopeWrite); err != nil {
		return err
	}
	rec, err := s.Images.Image(ctx, by.Tenant, id)
	if err != nil {
		return err
	}
	return access.AskToChange(ctx, s.Policy, by, action, rec.Image)
}

// mayList asks the policy once about a whole list: about the bucket that it is
// narrowed to, or the tenant.
func (s *Service) mayList(ctx context.Context, by core.Principal, bucket string) func() error {
	return func() error { return access.Ask(ctx, s.Policy, access.OnBucket(by, "list", bucket)) }
}

// ImageEvents returns a page of an image's audit trail.
func (s *Service) ImageEvents(ctx context.Context, by core.Principal, image core.ID, limit int, cursor string) (items []core.Event, next string, err error) {
	rec, err := s.Image(ctx, by, image)
	if err != nil {
		return nil, "", err
	}
	if err := access.MaySeeTrail(by, rec.Image); err != nil {
		return nil, "", err
	}
	return list(nil, by, image, limit, cursor,
		func(p core.Page) ([]core.Event, error) { return s.Events.OfImage(ctx, by.Tenant, image, p) },
		func(e core.Event) core.Position { return core.Position{At: e.At, ID: e.ID} })
}

// TenantEvents returns a page of the tenant's audit trail, to an administrator.
func (s *Service) TenantEvents(ctx context.Context, by core.Principal, f core.EventFilter, limit int, cursor string) (items []core.Event, next string, err error) {
	if err := access.May(by, core.ScopeAdmin); err != nil {
		return nil, "", err
	}
	return list(s.mayList(ctx, by, ""), by, f, limit, cursor,
		func(p core.Page) ([]core.Event, error) { return s.Events.OfTenant(ctx, by.Tenant, f, p) },
		func(e core.Event) core.Position { return core.Position{At: e.At, ID: e.ID} })
}

// Refused records that the principal may not do what they wanted with an image or a
// job, if their tenant has it.
func (s *Service) Refused(ctx context.Context, by core.Principal, correlation string, r core.Refusal) error {
	r.By = by.Acting(correlation)
	_, err := s.Events.Refuse(ctx, by.Tenant, r)
	return err
}

// Count returns the tenant's numbers, and the fleet's for an administrator.
func (s *Service) Count(ctx context.Context, by core.Principal) (core.Stats, *core.Fleet, error) {
	if err := access.May(by, core.ScopeRead); err != nil {
		return core.Stats{}, nil, err
	}
	if err := s.mayList(ctx, by, "")(); err != nil {
		return core.Stats{}, nil, err
	}
	own, err := s.Stats.Tenant(ctx, by.Tenant)
	if s.Quotas != nil {
		own.Quota = s.Quotas.Limit(by.Tenant).Shares(core.Usage{Images: own.Images, Bytes: own.Bytes, Jobs: own.Jobs[core.JobQueued]})
	}
	if err != nil || !by.Has(core.ScopeAdmin) {
		return own, nil, err
	}
	fleet, err := s.Stats.Fleet(ctx, by.Tenant)
	return own, &fleet, err
}
