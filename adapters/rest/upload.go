package rest

import (
	"context"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
	"imgd/core/ingest"
)

// UploadImage takes an image and, when the caller prefers so, waits for it.
func (s *Server) UploadImage(ctx context.Context, req api.UploadImageRequestObject) (api.UploadImageResponseObject, error) {
	c := callOf(ctx)
	a, err := s.Ingest.Accept(ctx, ingest.Upload{
		By: c.by, CorrelationID: c.correlation, Traceparent: c.traceparent,
		IdempotencyKey: value(req.Params.IdempotencyKey), Length: c.request.ContentLength, Read: reader(c.request, req.Params),
	})
	if err != nil {
		return nil, err
	}
	headers := api.UploadImage202ResponseHeaders{Location: "/v1/jobs/" + string(a.Job.ID)}
	if a.Replayed {
		headers.IdempotencyReplayed = new("true")
	}
	if wait := preferredWait(c.request.Header.Values("Prefer")); wait > 0 && c.by.Has(core.ScopeRead) {
		headers.PreferenceApplied = new("wait=" + strconv.Itoa(int(wait.Seconds())))
		a = s.await(ctx, a, wait)
	}
	body := s.jobWith(a.Job, a.Record)
	if a.Job.State != core.JobSucceeded || headers.PreferenceApplied == nil {
		return api.UploadImage202JSONResponse{Body: body, Headers: headers}, nil
	}
	return api.UploadImage201JSONResponse{Body: body, Headers: api.UploadImage201ResponseHeaders{
		Location: "/v1/images/" + string(a.Job.ImageID), IdempotencyReplayed: headers.IdempotencyReplayed, PreferenceApplied: headers.PreferenceApplied,
	}}, nil
}

// await holds an accepted upload until its job is at an end. The upload stands
// whatever happens meanwhile, so an error leaves the answer as it was.
func (s *Server) await(ctx context.Context, a ingest.Accepted, wait time.Duration) ingest.Accepted {
	by := callOf(ctx).by
	j, err := s.Library.Await(ctx, by, a.Job, wait)
	if err != nil {
		return a
	}
	rec, err := s.Library.Image(ctx, by, j.ImageID)
	if err != nil {
		return a
	}
	a.Job, a.Record = j, rec
	return a
}

// maxWait is the longest a request is held.
const maxWait = 30 * time.Second

// preferredWait is N of the preference wait=N (RFC 7240), zero when there is none
// that can be followed.
func preferredWait(headers []string) time.Duration {
	for _, header := range headers {
		for preference := range strings.SplitSeq(header, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, n, _ := strings.Cut(preference, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			seconds, err := strconv.Atoi(strings.Trim(strings.TrimSpace(n), `"`))
			if err != nil || seconds <= 0 {
				return 0
			}
			return min(time.Duration(min(seconds, 3600))*time.Second, maxWait)
		}
	}
	return 0
}

// reader is how the use case walks the body: a form's parts as they come, or raw
// bytes with the fields beside them.
func reader(r *http.Request, p api.UploadImageParams) func(func(ingest.File, ingest.Fields) error) (ingest.Fields, error) {
	return func(file func(ingest.File, ingest.Fields) error) (ingest.Fields, error) {
		if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); strings.HasPrefix(media, "multipart/") {
			f, err := newForm(r)
			if err != nil {
				return ingest.Fields{}, err
			}
			return f.walk(file)
		}
		fields := ingest.Fields{
			Bucket: value(p.Bucket), ExternalID: value(p.ExternalID), Filename: value(p.Filename),
			Metadata: value(p.Metadata), Preset: value(p.Preset), Variants: value(p.Variants),
		}
		if p.ExpiresAt != nil {
			fields.ExpiresAt = p.ExpiresAt.Format(time.RFC3339Nano)
		}
		if err := file(ingest.File{ContentType: r.Header.Get("Content-Type"), Body: r.Body}, fields); err != nil {
			return fields, err
		}
		_, err := io.Copy(io.Discard, r.Body)
		return fields, err
	}
}
