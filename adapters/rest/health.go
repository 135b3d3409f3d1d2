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

// Check is something readiness asks. A breaker of the same name belongs to it.
type Check struct {
	Name string
	// Required says that the service is not ready without it.
	Required bool
	Ask      func(context.Context) error
	// Last is when this was last asked by somebody who needed it, and how long it took;
	// zero for never. It is nil where Ask does not know by itself, and asks.
	Last func() (at time.Time, took time.Duration)
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
// is open and names no more than the check. How each of them does is for those who may
// watch the service.
func (s *Server) GetReadiness(ctx context.Context, r api.GetReadinessRequestObject) (api.GetReadinessResponseObject, error) {
	if s.Draining != nil && s.Draining() {
		return nil, core.ShuttingDown.Errorf("this process is stopping; another one answers").After(time.Second)
	}
	verbose := r.Params.Verbose != nil
	if verbose {
		if err := s.mayWatch(ctx); err != nil {
			return nil, err
		}
	}
	looks := s.ask(ctx)
	body := api.Readiness{Status: api.ReadinessStatusReady, Isolation: s.Capabilities().Isolation, Checks: make([]api.Check, len(looks))}
	var missing []string
	errs := make([]error, len(looks))
	for i, c := range s.Checks {
		err := looks[i].err
		body.Checks[i] = api.Check{Name: c.Name, Ok: err == nil, Required: c.Required}
		if verbose {
			s.elaborate(&body.Checks[i], c, looks[i])
		}
		if err != nil {
			body.Status = api.ReadinessStatusDegraded
			errs[i] = fmt.Errorf("%s: %w", c.Name, err)
		}
		if err != nil && c.Required {
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

// look is what asking a check came to.
type look struct {
	err  error
	at   time.Time
	took time.Duration
}

func (s *Server) ask(ctx context.Context) []look {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	looks := make([]look, len(s.Checks))
	var wg sync.WaitGroup
	for i, c := range s.Checks {
		wg.Go(func() {
			at := time.Now()
			err := c.Ask(ctx)
			looks[i] = look{err, at, time.Since(at)}
		})
	}
	wg.Wait()
	return looks
}

// elaborate adds what only those see who may watch the service.
func (s *Server) elaborate(to *api.Check, c Check, l look) {
	at, took := l.at, l.took
	if c.Last != nil {
		at, took = c.Last()
	}
	if !at.IsZero() {
		at, ms := at.UTC(), float64(took.Microseconds())/1000
		to.CheckedAt, to.LatencyMs = &at, &ms
	}
	for _, b := range s.breakers() {
		if b.Name == c.Name {
			state := api.CheckBreaker(b.State)
			to.Breaker = &state
		}
	}
	state := api.CheckStateUp
	switch {
	case l.err != nil:
		state = api.CheckStateDown
	case at.IsZero():
		state = api.CheckStateUnknown
	}
	to.State = &state
}

// mayWatch reports whether the caller may see how the service does: whoever can reach
// a listener that is for that, elsewhere an administrator of whatever tenant.
func (s *Server) mayWatch(ctx context.Context) (err error) {
	c := callOf(ctx)
	if c.op.inside {
		return nil
	}
	if c.op.open { // nobody was asked for a token yet
		if c.by, err = s.principal(c.request); err != nil {
			return err
		}
	}
	return access.May(c.by, core.ScopeAdmin)
}

// GetVersion answers which build this is.
func (s *Server) GetVersion(context.Context, api.GetVersionRequestObject) (api.GetVersionResponseObject, error) {
	return api.GetVersion200JSONResponse{Body: api.Version{
		Version: s.Build.Version, Revision: s.Build.Revision, Go: runtime.Version(), Library: s.Capabilities().Library,
	}}, nil
}

// GetMetrics hands over to Metrics.
func (s *Server) GetMetrics(ctx context.Context, _ api.GetMetricsRequestObject) (api.GetMetricsResponseObject, error) {
	if s.Metrics == nil {
		return nil, core.NotFound.Errorf("metrics have a listener of their own")
	}
	if err := s.mayWatch(ctx); err != nil {
		return nil, err
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
