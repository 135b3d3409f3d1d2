package rest

import (
	"context"
	"net/http"
	"time"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
)

// ListImageEvents answers a page of an image's audit trail.
func (s *Server) ListImageEvents(ctx context.Context, req api.ListImageEventsRequestObject) (api.ListImageEventsResponseObject, error) {
	items, next, err := s.Library.ImageEvents(ctx, callOf(ctx).by, idOr(&req.ImageID), int(value(req.Params.Limit)), value(req.Params.Cursor))
	if err != nil {
		return nil, err
	}
	return api.ListImageEvents200JSONResponse{
		Body:    api.EventPage{Items: events(items), NextCursor: maybe(next)},
		Headers: api.ListImageEvents200ResponseHeaders{Link: s.nextLink(ctx, next)},
	}, nil
}

// ListEvents answers a page of the tenant's audit trail.
func (s *Server) ListEvents(ctx context.Context, req api.ListEventsRequestObject) (api.ListEventsResponseObject, error) {
	p := req.Params
	items, next, err := s.Library.TenantEvents(ctx, callOf(ctx).by, core.EventFilter{
		Type: core.EventType(value(p.Type)), Actor: value(p.Actor), ImageID: idOr(p.ImageID),
		CreatedAfter: p.CreatedAfter, CreatedBefore: p.CreatedBefore,
	}, int(value(p.Limit)), value(p.Cursor))
	if err != nil {
		return nil, err
	}
	return api.ListEvents200JSONResponse{
		Body:    api.EventPage{Items: events(items), NextCursor: maybe(next)},
		Headers: api.ListEvents200ResponseHeaders{Link: s.nextLink(ctx, next)},
	}, nil
}

// recording is how long it may take to record a refusal.
const recording = 5 * time.Second

// refused records that somebody known may not do what they wanted with an image or a
// job, whether the answer says so or hides it. All refusals pass here, whoever has
// spoken them, before they are answered. The answer stands even if it cannot be
// recorded; then the log says so.
func (s *Server) refused(r *http.Request, err error) error {
	c := callOf(r.Context())
	if c.op == nil || c.by.Anonymous() {
		return nil
	}
	what, hidden := core.Hidden(err)
	if hidden {
		what.Answer = core.SlugOf(err)
	} else {
		image, job := core.ID(r.PathValue("image_id")), core.ID(r.PathValue("job_id"))
		if core.KindOf(err) != core.Forbidden || image == "" && job == "" {
			return nil
		}
		what = core.Refusal{ImageID: idOr(&image), JobID: idOr(&job), Problem: core.SlugOf(err)}
	}
	what.Operation = c.op.route.Operation.OperationID
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), recording) // whoever hangs up is recorded too
	defer cancel()
	return s.Library.Refused(ctx, c.by, c.correlation, what)
}
