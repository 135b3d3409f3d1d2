package ingest

import (
	"context"
	"path"
	"slices"
	"time"

	"imgd/core"
	"imgd/core/transform"
	"imgd/ports"
)

// Rerender brings stored images up to date with a preset. It queues jobs that give
// way to all others; until such a job publishes a variant the old one is read.
//
// What it has done stands in the records alone, so that it may be ended at any time:
// another run goes on where this one was.
type Rerender struct {
	Images  ports.Images
	Tenants ports.Tenants
	Control ports.JobControl
	// Renderer is the version of the renderer whose variants are up to date.
	Renderer string
	NewID    func() core.ID
	Now      func() time.Time
	// Pace waits until another job may be queued; nil waits for nothing.
	Pace func(context.Context) error
	// Tell, when not nil, is told how far it has come, after each page of images.
	Tell func(Tally)
}

// Renewal says what is to be brought up to date, and with what.
type Renewal struct {
	Variants []transform.Variant
	Tenant   string // empty for every tenant
	Bucket   string // a pattern as of path.Match, empty for every bucket
	// Older also renews what an older renderer, or another one, has made.
	Older bool
	// DryRun counts and queues nothing.
	DryRun        bool
	CorrelationID string
}

// Tally is what has become of the images that were seen. Each is counted once.
type Tally struct {
	Seen    int64 // of the buckets that are meant
	Queued  int64 // a job was queued, or would have been
	Current int64 // up to date
	Busy    int64 // a job of theirs is under way
	Tried   int64 // the preset was tried with them, and some of it cannot be made
	Failed  int64 // nothing can be made of them
}

// renewer is the owner of the jobs, as the audit trail has it.
const renewer = "rerender"

// renewals is how many images are read at a time.
const renewals = 200

// Run walks the images, the newest first. Those that come while it runs are not seen.
func (r *Rerender) Run(ctx context.Context, want Renewal) (t Tally, err error) {
	if _, err := path.Match(want.Bucket, ""); err != nil {
		return t, core.InvalidParameter.Errorf("%q is no pattern of buckets; write holiday, holiday-* or 202[56]", want.Bucket).With("parameter", "bucket")
	}
	if want.Tenant != "" {
		err := r.tenant(ctx, want, want.Tenant, &t)
		return t, err
	}
	for tenant := ""; ; {
		if tenant, err = r.Tenants.NextTenant(ctx, tenant); err != nil || tenant == "" {
			return t, err
		}
		if err := r.tenant(ctx, want, tenant, &t); err != nil {
			return t, err
		}
	}
}

// tenant walks the images of one tenant, whose watermarks are its own.
func (r *Rerender) tenant(ctx context.Context, want Renewal, tenant string, t *Tally) (err error) {
	if want.Variants, err = resolve(ctx, r.Images, tenant, nil, want.Variants); err != nil {
		return err
	}
	page := core.Page{Limit: renewals}
	for {
		recs, err := r.Images.List(ctx, tenant, core.ImageFilter{}, page)
		if err != nil {
			return err
		}
		for _, rec := range recs {
			if err := r.image(ctx, want, rec, t); err != nil {
				return err
			}
		}
		if r.Tell != nil {
			r.Tell(*t)
		}
		if len(recs) < renewals {
			return nil
		}
		last := recs[len(recs)-1].Image
		page.Before = &core.Position{At: last.CreatedAt, ID: last.ID}
	}
}

// image queues a job for one image, or counts why there is none.
func (r *Rerender) image(ctx context.Context, want Renewal, rec core.Record, t *Tally) error {
	if meant, _ := path.Match(want.Bucket, rec.Image.Bucket); want.Bucket != "" && !meant {
		return nil
	}
	t.Seen++
	switch {
	case rec.Image.State == core.ImageProcessing:
		t.Busy++
		return nil
	case rec.Image.State == core.ImageFailed:
		t.Failed++
		return nil
	case r.current(want, rec):
		t.Current++
		return nil
	}
	tried, err := r.tried(ctx, want, rec)
	if err != nil {
		return err
	}
	if tried {
		t.Tried++
		return nil
	}
	if want.DryRun {
		t.Queued++
		return nil
	}
	return r.queue(ctx, want, rec.Image, t)
}

// current reports whether every variant of the preset is as the preset has it now. One
// that could not be made would not come out better.
func (r *Rerender) current(want Renewal, rec core.Record) bool {
	for _, v := range want.Variants {
		i := slices.IndexFunc(rec.Variants, func(old core.Variant) bool { return old.Name == v.Name })
		if i < 0 || rec.Variants[i].Transform != v.Spec.String() || r.outdated(want, rec.Variants[i]) {
			return false
		}
	}
	return true
}

func (r *Rerender) outdated(want Renewal, v core.Variant) bool {
	return want.Older && v.State == core.VariantIsReady && !v.MadeBy(r.Renderer)
}

// tried reports whether the last job of an image was for the same, and came to the end
// that another would come to: some of it cannot be made, and what was there before has
// stayed. A job that died, or that somebody cancelled, says nothing; nor does one that
// an outdated worker has run.
func (r *Rerender) tried(ctx context.Context, want Renewal, rec core.Record) (bool, error) {
	jobs, err := r.Control.List(ctx, rec.Image.Tenant, core.JobFilter{ImageID: rec.Image.ID}, core.Page{Limit: 1})
	if err != nil || len(jobs) == 0 {
		return false, err
	}
	last := jobs[0]
	if last.SpecDigest != transform.SpecDigest(want.Variants) || last.State != core.JobSucceeded && last.State != core.JobFailed {
		return false, nil
	}
	old := func(v core.Variant) bool { return v.JobID == last.ID && r.outdated(want, v) }
	return !slices.ContainsFunc(rec.Variants, old), nil
}

func (r *Rerender) queue(ctx context.Context, want Renewal, m core.Image, t *Tally) error {
	if r.Pace != nil {
		if err := r.Pace(ctx); err != nil {
			return err
		}
	}
	s := Service{NewID: r.NewID}
	j := s.job(core.Principal{Tenant: m.Tenant, Subject: renewer}, m.ID, want.CorrelationID, "", want.Variants, core.Round(r.Now()))
	j.Priority = core.PriorityLow
	_, added, err := r.Control.Add(ctx, ports.Addition{Job: j, Variants: pending(j, want.Variants), Force: true})
	switch {
	case core.KindOf(err) == core.NotFound: // deleted since it was read
		t.Seen--
		return nil
	case err != nil:
		return err
	case added:
		t.Queued++
	default:
		t.Busy++
	}
	return nil
}
