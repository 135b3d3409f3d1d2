package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
	"imgd/core/access"
)

// Check is something readiness asks.
type Check struct {
	Name string
	// Required says that the service is not ready without it.
	Required bool
	Ask      func(context.Context) error
}

// Build says which build this is.
type Build struct {
	Version  string
	Revision string
}

// patience is how long a check may take.
const patience = 2 * time.Second

// GetLiveness answers that the process lives.
func (s *Server) GetLiveness(context.Context, api.GetLivenessRequestObject) (api.GetLivenessResponseObject, error) {
	return api.GetLiveness200JSONResponse{Body: api.Liveness{Status: api.LivenessStatusOk}}, nil
}

// GetReadiness asks every check at once. What is wrong is for the log; the page
// is open and names no more than the check.
func (s *Server) GetReadiness(ctx context.Context, _ api.GetReadinessRequestObject) (api.GetReadinessResponseObject, error) {
	if s.Draining != nil && s.Draining() {
		return nil, core.ShuttingDown.Errorf("this process is stopping; another one answers").After(time.Second)
	}
	errs := s.ask(ctx)
	body := api.Readiness{Status: api.ReadinessStatusReady, Isolation: s.Capabilities().Isolation, Checks: make([]api.Check, len(errs))}
	var missing []string
	for i, c := range s.Checks {
		body.Checks[i] = api.Check{Name: c.Name, Ok: errs[i] == nil, Required: c.Required}
		if errs[i] != nil {
			body.Status = api.ReadinessStatusDegraded
			errs[i] = fmt.Errorf("%s: %w", c.Name, errs[i])
		}
		if errs[i] != nil && c.Required {
			missing = append(missing, c.Name)
		}
	}
	err := errors.Join(errs...)
	if missing != nil {
		return nil, core.Unavailable.Errorf("not ready without %s", strings.Join(missing, ", ")).With("checks", body.Checks).Because(err)
	}
	callOf(ctx).err = err
	return api.GetReadiness200JSONResponse{Body: body}, nil
}

func (s *Server) ask(ctx context.Context) []error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	errs := make([]error, len(s.Checks))
	var wg sync.WaitGroup
	for i, c := range s.Checks {
		wg.Go(func() { errs[i] = c.Ask(ctx) })
	}
	wg.Wait()
	return errs
}

// GetVersion answers which build this is.
func (s *Server) GetVersion(context.Context, api.GetVersionRequestObject) (api.GetVersionResponseObject, error) {
	return api.GetVersion200JSONResponse{Body: api.Version{
		Version: s.Build.Version, Revision: s.Build.Revision, Go: runtime.Version(), Library: s.Capabilities().Library,
	}}, nil
}

// GetMetrics hands over to Metrics, whatever tenant an administrator is of.
func (s *Server) GetMetrics(ctx context.Context, _ api.GetMetricsRequestObject) (api.GetMetricsResponseObject, error) {
	if s.Metrics == nil {
		return nil, core.NotFound.Errorf("metrics have a listener of their own")
	}
	if c := callOf(ctx); !c.op.open {
		if err := access.May(c.by, core.ScopeAdmin); err != nil {
			return nil, err
		}
	}
	return handled{s.Metrics, callOf(ctx).request}, nil
}

// handled is an answer somebody else writes.
type handled struct {
	h http.Handler
	r *http.Request
}

// VisitGetMetricsResponse writes the answer.
func (a handled) VisitGetMetricsResponse(w http.ResponseWriter) error {
	a.h.ServeHTTP(w, a.r)
	return nil
}
