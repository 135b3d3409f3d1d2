package rest

import (
	"strings"
	"time"

	"github.com/oapi-codegen/nullable"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
)

// image is a record as callers see it.
func (s *Server) image(r core.Record) api.Image {
	m := r.Image
	out := api.Image{
		ID: m.ID, ExternalID: maybe(m.ExternalID), Bucket: m.Bucket, State: api.ImageState(m.State),
		Owner: m.Owner, Filename: maybe(m.Filename), ContentType: m.ContentType, Bytes: m.Bytes, Sha256: m.SHA256,
		Width: m.Width, Height: m.Height, Pages: m.Pages, HasAlpha: m.HasAlpha,
		DominantColor: maybe(m.DominantColor), AverageColor: maybe(m.AverageColor),
		Palette: append([]string{}, m.Palette...), Blurhash: maybe(m.Blurhash), Thumbhash: maybe(m.Thumbhash), Phash: maybe(m.Phash),
		Metadata: m.Metadata, Warnings: warnings(m.Warnings), Version: m.Version,
		CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, ExpiresAt: maybeTime(m.ExpiresAt), Variants: make([]api.Variant, len(r.Variants)),
	}
	if len(out.Metadata) == 0 {
		out.Metadata = []byte("{}")
	}
	for i, v := range r.Variants {
		out.Variants[i] = s.variant(v)
	}
	return out
}

func (s *Server) images(list []core.Record) []api.Image {
	out := make([]api.Image, len(list))
	for i, r := range list {
		out[i] = s.image(r)
	}
	return out
}

// variant is a variant as callers see it: of its bytes nothing is said before
// they are there.
func (s *Server) variant(v core.Variant) api.Variant {
	out := api.Variant{
		Name: v.Name, State: api.VariantState(v.State), JobID: v.JobID, Transform: v.Transform,
		Error: maybeProblem(s.failure(v.Error, "")), CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
		ContentType: nullable.NewNullNullable[string](), Sha256: nullable.NewNullNullable[string](), URL: nullable.NewNullNullable[string](),
		Bytes: nullable.NewNullNullable[int64](), Width: nullable.NewNullNullable[int64](),
		Height: nullable.NewNullNullable[int64](), Pages: nullable.NewNullNullable[int64](),
	}
	if v.State == core.VariantIsReady {
		out.ContentType, out.Sha256 = maybe(v.ContentType), maybe(v.SHA256)
		out.Bytes, out.Width, out.Height, out.Pages = maybe(v.Bytes), maybe(v.Width), maybe(v.Height), maybe(v.Pages)
		out.URL = maybe(s.url("/v1/images/%s/variants/%s?v=%s", v.ImageID, v.Name, v.ContentVersion()))
	}
	return out
}

// job is a job as callers see it.
func (s *Server) job(j core.Job) api.Job {
	out := api.Job{
		ID: j.ID, ImageID: j.ImageID, State: api.JobState(j.State), Attempt: j.Attempt, MaxAttempts: j.MaxAttempts,
		Retryable: j.Retryable(), Error: maybeProblem(s.failure(j.Error, j.CorrelationID)), Warnings: warnings(j.Warnings),
		CreatedAt: j.CreatedAt, StartedAt: maybeTime(j.StartedAt), FinishedAt: maybeTime(j.FinishedAt),
		NextAttemptAt: nullable.NewNullNullable[time.Time](),
		Cost:          api.Cost{CPUMs: j.CostCPUMS, BytesRead: j.CostReadBytes, BytesWritten: j.CostWriteBytes},
	}
	if j.State == core.JobQueued {
		out.NextAttemptAt = maybeTime(&j.RunAt)
	}
	return out
}

// jobWith is a job with its image.
func (s *Server) jobWith(j core.Job, r core.Record) api.Job {
	out := s.job(j)
	out.Image = new(s.image(r))
	return out
}

func (s *Server) jobs(list []core.Job) []api.Job {
	out := make([]api.Job, len(list))
	for i, j := range list {
		out[i] = s.job(j)
	}
	return out
}

func events(list []core.Event) []api.Event {
	out := make([]api.Event, len(list))
	for i, e := range list {
		out[i] = api.Event{
			ID: e.ID, Type: api.EventType(e.Type), ImageID: e.ImageID, JobID: maybe(e.JobID), Actor: e.Actor,
			CorrelationID: e.CorrelationID, Address: maybe(e.Address), Outcome: api.EventOutcome(e.Outcome()), Epoch: e.Epoch, Detail: e.Detail, At: e.At,
		}
		if len(e.Detail) == 0 {
			out[i].Detail = []byte("{}")
		}
	}
	return out
}

func warnings(list core.Warnings) []api.Warning {
	out := make([]api.Warning, len(list))
	for i, w := range list {
		out[i] = api.Warning{Slug: w.Slug, Detail: w.Detail}
		if w.Variant != "" {
			out[i].Variant = &w.Variant
		}
	}
	return out
}

// maybe is null for the zero value.
func maybe[T comparable](v T) nullable.Nullable[T] {
	var zero T
	if v == zero {
		return nullable.NewNullNullable[T]()
	}
	return nullable.NewNullableWithValue(v)
}

func maybeTime(t *time.Time) nullable.Nullable[time.Time] {
	if t == nil || t.IsZero() {
		return nullable.NewNullNullable[time.Time]()
	}
	return nullable.NewNullableWithValue(t.UTC())
}

func maybeProblem(p *api.Problem) nullable.Nullable[api.Problem] {
	if p == nil {
		return nullable.NewNullNullable[api.Problem]()
	}
	return nullable.NewNullableWithValue(*p)
}

// orEmpty is the empty text for null.
func orEmpty(n nullable.Nullable[string]) string {
	v, _ := n.Get()
	return v
}

// value is what p points at, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// idOr is the id a parameter holds, in lower case; empty when it did not come.
func idOr(p *core.ID) core.ID {
	return core.ID(strings.ToLower(string(value(p))))
}
