package telemetry_test

import (
	"context"
	"strings"
	"testing"

	"imgd/adapters/telemetry"
	"imgd/core"
	"imgd/ports"
)

// ends answers every call with jobs of these states.
type ends struct {
	ports.Jobs
	states []core.JobState
}

func (e ends) Finish(context.Context, core.Job, ports.Result) (core.Job, error) {
	return core.Job{State: e.states[0]}, nil
}

func (e ends) Reap(context.Context) (reaped []core.Job, _ error) {
	for _, s := range e.states {
		reaped = append(reaped, core.Job{State: s})
	}
	return reaped, nil
}

func TestAJobIsCountedAtItsEndAndNotBefore(t *testing.T) {
	m := telemetry.NewMetrics()
	for _, want := range []string{`imgd_jobs_ended_total{state="dead"} 0`, `imgd_jobs_ended_total{state="succeeded"} 0`} {
		if !strings.Contains(scrape(t, m), want) {
			t.Errorf("before the first job the scrape lacks %s", want)
		}
	}
	j := &telemetry.Jobs{Jobs: ends{states: []core.JobState{core.JobDead, core.JobQueued, core.JobCancelled}}, Metrics: m}
	if _, err := j.Finish(t.Context(), core.Job{}, ports.Result{Outcome: core.Erred}); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Reap(t.Context()); err != nil {
		t.Fatal(err)
	}
	retried := &telemetry.Jobs{Jobs: ends{states: []core.JobState{core.JobQueued}}, Metrics: m}
	if _, err := retried.Finish(t.Context(), core.Job{}, ports.Result{Outcome: core.Erred}); err != nil {
		t.Fatal(err)
	}
	seen := scrape(t, m)
	for _, want := range []string{`imgd_jobs_ended_total{state="dead"} 2`, `imgd_jobs_ended_total{state="cancelled"} 1`, `imgd_jobs_ended_total{state="succeeded"} 0`} {
		if !strings.Contains(seen, want) {
			t.Errorf("the scrape lacks %s", want)
		}
	}
	if strings.Contains(seen, `imgd_jobs_ended_total{state="queued"}`) {
		t.Error("a job that will be tried again is counted as ended")
	}
}
