// Package ingest accepts originals: check, store, record, wake a worker.
package ingest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"time"

	"imgd/core"
	"imgd/core/access"
	"imgd/core/transform"
	"imgd/ports"
)

// Service accepts originals.
type Service struct {
	Images  ports.Images
	Control ports.JobControl
	Answers ports.Idempotency
	Blobs   ports.Blobs
	Queue   ports.Queue
	Render  ports.Renderer
	// Spool holds an upload for the decoder where Blobs has no descriptors; nil
	// where it has.
	Spool func() (ports.Spool, error)
	// Gate refuses jobs while too many wait; nil lets all in.
	Gate *Gate
	// Quotas hold tenants to what they may have; nil lets them have all.
	Quotas ports.Quotas
	// Policy is asked when our own rules have said yes; nil leaves it at that.
	Policy ports.Policy
	// Presets are the named lists of variants there are now. They may be others the
	// next time, but those that were returned never change.
	Presets  func() transform.Presets
	MaxBytes int64
	NewID    func() core.ID
	Now      func() time.Time
}

// File is the image of an upload: its claimed name and type, and its bytes.
type File struct {
	Name        string
	ContentType string
	Body        io.Reader
}

// Upload is what a caller sends.
type Upload struct {
	By             core.Principal
	CorrelationID  string
	Traceparent    string
	IdempotencyKey string // empty for none
	Length         int64  // of the body; 0 and less where it is not known
	// Read walks the body: it calls file once, when the file arrives, with the
	// fields that came before it, and returns all of them at the end. It returns an
	// error of file unchanged.
	Read func(file func(File, Fields) error) (Fields, error)
}

// Accepted is what an upload was answered.
type Accepted struct {
	Record   core.Record
	Job      core.Job
	Replayed bool `json:"-"` // the answer of an earlier request with the same key
}

// Accept stores the original, records it with a job, then wakes a worker.
func (s *Service) Accept(ctx context.Context, u Upload) (Accepted, error) {
	if err := access.May(u.By, core.ScopeWrite); err != nil {
		return Accepted{}, err
	}
	once, err := s.begin(ctx, u)
	if err != nil {
		return Accepted{}, err
	}
	defer once.end(ctx)
	if once.answer != nil {
		return s.replay(ctx, u, once.answer)
	}
	if err := s.Gate.Enter(ctx, u.By.Tenant); err != nil {
		return Accepted{}, err
	}
	room, err := s.reserve(ctx, u.By.Tenant, s.asked(u))
	if err != nil {
		return Accepted{}, err
	}
	defer room.end(ctx)
	d := draft{s: s, id: s.NewID(), by: u.By}
	defer d.discardUnlessKept(ctx)
	fields, err := u.Read(func(f File, sofar Fields) error { return d.store(ctx, f, sofar) })
	if err != nil {
		return Accepted{}, err
	}
	want, err := d.read(ctx, fields)
	if err != nil {
		return Accepted{}, err
	}
	if err := access.Ask(ctx, s.Policy, access.OnBucket(u.By, "create", want.bucket)); err != nil {
		return Accepted{}, err
	}
	if err := d.judge(ctx); err != nil {
		return Accepted{}, err
	}
	if err := s.Render.Fits(d.probe, want.variants); err != nil {
		return Accepted{}, err
	}
	a := s.admission(u, fields, want, d)
	a.Reservation = room.ID
	accepted := Accepted{Record: core.Record{Image: a.Image, Variants: a.Variants}, Job: a.Job}
	if a.Answer, err = once.answered(accepted, fields, d.info); err != nil {
		return Accepted{}, err
	}
	if err := s.Images.Admit(ctx, a); err != nil {
		d.kept = !refused(err)
		return Accepted{}, access.Taken(ctx, s.Policy, u.By, s.Images, err)
	}
	d.kept, once.done, room.used = true, true, true
	_ = s.Queue.Push(ctx, a.Job.ID) // a hint; a worker's next look finds the row
	return accepted, nil
}

// refused reports whether nothing was recorded for certain. After any other error the
// row may be there, its answer lost: bytes without a row are swept, a row without
// bytes cannot be helped.
func refused(err error) bool {
	k := core.KindOf(err)
	return k == core.Conflict || k == core.Full || core.SlugOf(err) == core.RequestTimeout
}

// admission puts together what Admit records.
func (s *Service) admission(u Upload, f Fields, want request, d draft) ports.Admission {
	now := core.Round(s.Now())
	m := core.Image{
		ID: d.id, Tenant: u.By.Tenant, ExternalID: want.externalID, Bucket: want.bucket,
		State: core.ImageProcessing, Owner: u.By.Subject, Filename: filename(f, d.name),
		ContentType: d.probe.ContentType, Bytes: d.info.Bytes, SHA256: d.info.SHA256,
		Width: d.probe.Width, Height: d.probe.Height, Pages: d.probe.Pages, HasAlpha: d.probe.HasAlpha, MemoryBytes: d.probe.MemoryBytes,
		Metadata: want.metadata, Warnings: d.probe.Warnings, Version: 1, CreatedAt: now, UpdatedAt: now, ExpiresAt: want.expiresAt,
	}
	j := s.job(u.By, m.ID, u.CorrelationID, u.Traceparent, want.variants, now)
	return ports.Admission{Image: m, Variants: pending(j, want.variants), Job: j, Address: u.By.Address}
}

// filename is what the image is called: by the field, else by the file itself.
func filename(f Fields, own string) string {
	if f.Filename != "" {
		own = f.Filename
	}
	return core.Filename(own)
}

// job is a fresh job that makes the variants.
func (s *Service) job(by core.Principal, image core.ID, correlation, traceparent string, list []transform.Variant, now time.Time) core.Job {
	return core.Job{
		ID: s.NewID(), Tenant: by.Tenant, ImageID: image, State: core.JobQueued,
		Spec: transform.EncodeVariants(list), SpecVersion: core.SpecVersion, SpecDigest: transform.SpecDigest(list),
		RunAt: now, MaxAttempts: core.MaxAttempts, Owner: by.Subject,
		CorrelationID: correlation, Traceparent: traceparent, CreatedAt: now,
	}
}

// pending are the rows of variants that j is to make.
func pending(j core.Job, list []transform.Variant) []core.Variant {
	rows := make([]core.Variant, len(list))
	for i, v := range list {
		rows[i] = core.Variant{
			ImageID: j.ImageID, Name: v.Name, Tenant: j.Tenant, JobID: j.ID, State: core.VariantPending,
			Transform: v.Spec.String(), CreatedAt: j.CreatedAt, UpdatedAt: j.CreatedAt,
		}
	}
	return rows
}

// Request asks for variants of a stored image.
type Request struct {
	Preset   string
	Variants json.RawMessage
	Force    bool // also when the same was made before
}

// Add queues a job for an image that is stored already.
func (s *Service) Add(ctx context.Context, by core.Principal, correlation, traceparent string, image core.ID, r Request) (Accepted, error) {
	if err := access.May(by, core.ScopeWrite); err != nil {
		return Accepted{}, err
	}
	rec, err := s.Images.Image(ctx, by.Tenant, image)
	if err != nil {
		return Accepted{}, err
	}
	if err := access.AskToChange(ctx, s.Policy, by, "update", rec.Image); err != nil {
		return Accepted{}, err
	}
	list, err := s.wanted(ctx, by, r.Preset, string(r.Variants))
	if err != nil {
		return Accepted{}, err
	}
	if err := s.Render.Fits(rec.Image.Probe(), list); err != nil {
		return Accepted{}, err
	}
	if err := s.Gate.Enter(ctx, by.Tenant); err != nil {
		return Accepted{}, err
	}
	j := s.job(by, image, correlation, traceparent, list, core.Round(s.Now()))
	room, err := s.reserve(ctx, by.Tenant, core.Usage{Jobs: 1})
	if err != nil {
		return Accepted{}, err
	}
	defer room.end(ctx)
	j, added, err := s.Control.Add(ctx, ports.Addition{Job: j, Variants: pending(j, list), Force: r.Force, Address: by.Address, Reservation: room.ID})
	if err != nil {
		return Accepted{}, err
	}
	room.used = added
	if added {
		_ = s.Queue.Push(ctx, j.ID) // a hint; a worker's next look finds the row
	}
	rec, err = s.Images.Image(ctx, by.Tenant, image)
	return Accepted{Record: rec, Job: j, Replayed: !added}, err
}

func token() string { return rand.Text() }
