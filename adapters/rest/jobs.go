package rest

import (
	"context"
	"time"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
)

// ListJobs answers a page of jobs.
func (s *Server) ListJobs(ctx context.Context, req api.ListJobsRequestObject) (api.ListJobsResponseObject, error) {
	p := req.Params
	items, next, err := s.Library.ListJobs(ctx, callOf(ctx).by, core.JobFilter{
		State: core.JobState(value(p.State)), ImageID: idOr(p.ImageID),
	}, int(value(p.Limit)), value(p.Cursor))
	if err != nil {
		return nil, err
	}
	return api.ListJobs200JSONResponse{
		Body:    api.JobPage{Items: s.jobs(items), NextCursor: maybe(next)},
		Headers: api.ListJobs200ResponseHeaders{Link: s.nextLink(ctx, next)},
	}, nil
}

// GetJob answers a job, or waits for it to change.
func (s *Server) GetJob(ctx context.Context, req api.GetJobRequestObject) (api.GetJobResponseObject, error) {
	wait := min(time.Duration(value(req.Params.Wait))*time.Second, maxWait)
	j, err := s.Library.Job(ctx, callOf(ctx).by, idOr(&req.JobID), wait)
	if err != nil {
		return nil, err
	}
	return api.GetJob200JSONResponse{Body: s.job(j)}, nil
}

// RetryJob queues a job again.
func (s *Server) RetryJob(ctx context.Context, req api.RetryJobRequestObject) (api.RetryJobResponseObject, error) {
	c := callOf(ctx)
	j, err := s.Library.Retry(ctx, c.by, c.correlation, idOr(&req.JobID))
	if err != nil {
		return nil, err
	}
	return api.RetryJob202JSONResponse{Body: s.job(j), Headers: api.RetryJob202ResponseHeaders{Location: "/v1/jobs/" + string(j.ID)}}, nil
}

// CancelJob ends a job, or asks its worker to.
func (s *Server) CancelJob(ctx context.Context, req api.CancelJobRequestObject) (api.CancelJobResponseObject, error) {
	c := callOf(ctx)
	j, err := s.Library.Cancel(ctx, c.by, c.correlation, idOr(&req.JobID))
	if err != nil {
		return nil, err
	}
	return api.CancelJob202JSONResponse{Body: s.job(j), Headers: api.CancelJob202ResponseHeaders{Location: "/v1/jobs/" + string(j.ID)}}, nil
}
