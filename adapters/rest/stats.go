package rest

import (
	"context"
	"time"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
)

// jobStates are counted even when there is none of them.
var jobStates = []core.JobState{core.JobQueued, core.JobRunning, core.JobSucceeded, core.JobFailed, core.JobDead, core.JobCancelled}

// GetStats answers the tenant's numbers, and an administrator the fleet's too.
func (s *Server) GetStats(ctx context.Context, _ api.GetStatsRequestObject) (api.GetStatsResponseObject, error) {
	own, fleet, err := s.Library.Count(ctx, callOf(ctx).by)
	if err != nil {
		return nil, err
	}
	out := api.Stats{Images: own.Images, Bytes: own.Bytes, Jobs: map[string]int64{}, LastHour: window(own.Hour), LastDay: window(own.Day)}
	for _, state := range jobStates {
		out.Jobs[string(state)] = own.Jobs[state]
	}
	for _, q := range own.Quota {
		if out.Quota == nil {
			out.Quota = map[string]api.Share{}
		}
		out.Quota[q.Name] = api.Share{Limit: q.Limit, Used: q.Used}
	}
	if fleet != nil {
		out.Fleet = &api.Fleet{QueueDepth: fleet.Due, OldestAgeMs: fleet.OldestAge.Milliseconds(), Running: fleet.Running, Workers: workers(fleet.Workers), Breakers: s.breakers(), Admission: s.admission(ctx)}
	}
	return api.GetStats200JSONResponse{Body: out}, nil
}

func workers(list []core.Working) []api.Worker {
	out := make([]api.Worker, len(list))
	for i, w := range list {
		out[i] = api.Worker{
			ID: w.ID, Host: w.Host, Role: api.WorkerRole(w.Role), Version: w.Version, Slots: w.Slots, Alive: w.Alive(),
			SilentMs: w.Silent.Milliseconds(), StartedAt: w.StartedAt, SeenAt: w.SeenAt, Running: w.Running, Jobs: make([]string, len(w.Jobs)),
		}
		for j, id := range w.Jobs {
			out[i].Jobs[j] = string(id)
		}
	}
	return out
}

func window(w core.Window) api.Window {
	return api.Window{Finished: w.Finished, Failures: w.Failures, QueueMs: quantiles(w.Queue), RunMs: quantiles(w.Run)}
}

func quantiles(q core.Quantiles) api.Quantiles {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return api.Quantiles{P50: ms(q.P50), P95: ms(q.P95)}
}

// Breaker is how this process gets on with something it depends on: closed, open or
// half-open.
type Breaker struct {
	Name, State string
	Since       time.Time
}

func (s *Server) breakers() []api.Breaker {
	list := []api.Breaker{}
	if s.Breakers == nil {
		return list
	}
	for _, b := range s.Breakers() {
		list = append(list, api.Breaker{Name: b.Name, State: api.BreakerState(b.State), Since: b.Since.UTC()})
	}
	return list
}

func (s *Server) admission(ctx context.Context) api.Admission {
	if s.Admission == nil {
		return api.Admission{Open: true}
	}
	a := s.Admission(ctx)
	return api.Admission{Open: a.Open, ExpectedWaitMs: a.Wait.Milliseconds(), MaxWaitMs: a.Limit.Milliseconds(), Refused: a.Refused}
}
