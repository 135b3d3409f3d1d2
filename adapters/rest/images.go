package rest

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
	"imgd/core/ingest"
)

// ListImages answers a page of images.
func (s *Server) ListImages(ctx context.Context, req api.ListImagesRequestObject) (api.ListImagesResponseObject, error) {
	p := req.Params
	items, next, err := s.Library.ListImages(ctx, callOf(ctx).by, core.ImageFilter{
		Bucket: value(p.Bucket), State: core.ImageState(value(p.State)), Owner: value(p.Owner), ExternalID: value(p.ExternalID),
		CreatedAfter: p.CreatedAfter, CreatedBefore: p.CreatedBefore,
	}, int(value(p.Limit)), value(p.Cursor))
	if err != nil {
		return nil, err
	}
	return api.ListImages200JSONResponse{
		Body:    api.ImagePage{Items: s.images(items), NextCursor: maybe(next)},
		Headers: api.ListImages200ResponseHeaders{Link: s.nextLink(ctx, next)},
	}, nil
}

// nextLink is the Link header of a page that is not the last.
func (s *Server) nextLink(ctx context.Context, cursor string) *string {
	if cursor == "" {
		return nil
	}
	u := callOf(ctx).request.URL
	query := u.Query()
	query.Set("cursor", cursor)
	next := url.URL{Path: u.Path, RawQuery: query.Encode()}
	return new("<" + s.url("%s", next.String()) + `>; rel="next"`)
}

// LookupImages answers many images at once.
func (s *Server) LookupImages(ctx context.Context, req api.LookupImagesRequestObject) (api.LookupImagesResponseObject, error) {
	ids := make([]core.ID, len(req.Body.Ids))
	for i, id := range req.Body.Ids {
		ids[i] = idOr(&id)
	}
	found, missing, err := s.Library.Lookup(ctx, callOf(ctx).by, ids)
	if err != nil {
		return nil, err
	}
	body := api.LookupResult{Items: s.images(found), Missing: append([]core.ID{}, missing...)}
	return api.LookupImages200JSONResponse{Body: body}, nil
}

// GetImage answers an image.
func (s *Server) GetImage(ctx context.Context, req api.GetImageRequestObject) (api.GetImageResponseObject, error) {
	r, err := s.Library.Image(ctx, callOf(ctx).by, idOr(&req.ImageID))
	if err != nil {
		return nil, err
	}
	return api.GetImage200JSONResponse{Body: s.image(r), Headers: api.GetImage200ResponseHeaders{ETag: versionTag(r.Image)}}, nil
}

func versionTag(m core.Image) string { return `"` + strconv.FormatInt(m.Version, 10) + `"` }

// PatchImage changes what is said about an image. A merge of metadata is made on
// the version that was read; when somebody else was faster, on the next.
func (s *Server) PatchImage(ctx context.Context, req api.PatchImageRequestObject) (api.PatchImageResponseObject, error) {
	id, c := idOr(&req.ImageID), callOf(ctx)
	seen, err := ifMatch(value(req.Params.IfMatch))
	if err != nil {
		return nil, err
	}
	for tries := 0; ; tries++ {
		p, err := s.patch(ctx, id, *req.Body, seen)
		if err != nil {
			return nil, err
		}
		r, err := s.Library.Patch(ctx, c.by, c.correlation, id, p)
		if core.SlugOf(err) == core.PreconditionFailed && seen == nil && tries < 5 {
			continue
		}
		if err != nil {
			return nil, err
		}
		return api.PatchImage200JSONResponse{Body: s.image(r), Headers: api.PatchImage200ResponseHeaders{ETag: versionTag(r.Image)}}, nil
	}
}

// patch is what a merge patch comes to.
func (s *Server) patch(ctx context.Context, id core.ID, body api.ImagePatch, seen *int64) (core.ImagePatch, error) {
	p := core.ImagePatch{IfVersion: seen, Bucket: body.Bucket}
	if body.ExternalID.IsSpecified() {
		p.ExternalID = new(orEmpty(body.ExternalID))
	}
	if body.Filename.IsSpecified() {
		p.Filename = new(core.Filename(orEmpty(body.Filename)))
	}
	if body.ExpiresAt.IsSpecified() {
		at, err := body.ExpiresAt.Get()
		if err == nil && at.IsZero() { // the zero time would remove it
			_, err = core.ExpiresAt(at, time.Now())
			return p, err
		}
		p.ExpiresAt = &at
	}
	switch {
	case body.Metadata.IsNull():
		p.Metadata = []byte("{}")
	case body.Metadata.IsSpecified():
		r, err := s.Library.Image(ctx, callOf(ctx).by, id)
		if err != nil {
			return p, err
		}
		if p.IfVersion == nil {
			p.IfVersion = &r.Image.Version
		}
		merged, err := mergePatch(r.Image.Metadata, body.Metadata.MustGet())
		if err != nil {
			return p, err
		}
		if p.Metadata, err = core.Metadata(merged); err != nil {
			return p, err
		}
	}
	return p, nil
}

// ifMatch is the version an If-Match header names; nil for none and for *.
func ifMatch(header string) (*int64, error) {
	header = strings.TrimSpace(header)
	if header == "" || header == "*" {
		return nil, nil
	}
	quoted := strings.TrimSuffix(strings.TrimPrefix(header, `"`), `"`)
	if version, err := strconv.ParseInt(quoted, 10, 64); err == nil && len(quoted) == len(header)-2 {
		return &version, nil
	}
	if strings.Contains(header, ",") {
		return nil, core.InvalidParameter.Errorf("If-Match takes one ETag; send the one you have seen last").With("parameter", "If-Match")
	}
	return nil, core.PreconditionFailed.Errorf("If-Match is not the ETag of any version of this image")
}

// DeleteImage makes an image unreadable.
func (s *Server) DeleteImage(ctx context.Context, req api.DeleteImageRequestObject) (api.DeleteImageResponseObject, error) {
	c := callOf(ctx)
	if err := s.Library.Delete(ctx, c.by, c.correlation, idOr(&req.ImageID), value(req.Params.Purge)); err != nil {
		return nil, err
	}
	return api.DeleteImage204Response{}, nil
}

// AddJob renders more variants of a stored image.
func (s *Server) AddJob(ctx context.Context, req api.AddJobRequestObject) (api.AddJobResponseObject, error) {
	c := callOf(ctx)
	a, err := s.Ingest.Add(ctx, c.by, c.correlation, c.traceparent, idOr(&req.ImageID), ingest.Request{
		Preset: value(req.Body.Preset), Variants: value(req.Body.Variants), Force: value(req.Body.Force),
	})
	if err != nil {
		return nil, err
	}
	return api.AddJob202JSONResponse{
		Body:    s.jobWith(a.Job, a.Record),
		Headers: api.AddJob202ResponseHeaders{Location: "/v1/jobs/" + string(a.Job.ID)},
	}, nil
}
