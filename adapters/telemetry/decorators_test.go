package telemetry_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"imgd/adapters/disk"
	"imgd/adapters/memory"
	"imgd/adapters/telemetry"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestWatchedPortsKeepTheirPromises(t *testing.T) {
	m := telemetry.NewMetrics()
	portstest.Blobs(t, func(t *testing.T) ports.Blobs {
		d, err := disk.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		return &telemetry.Blobs{Blobs: d, Metrics: m}
	})
	portstest.Queue(t, func(*testing.T) ports.Queue { return &telemetry.Queue{Queue: memory.NewQueue(256), Metrics: m} })
	portstest.Cancels(t, func(*testing.T) (here, there ports.Cancels) {
		c := &telemetry.Cancels{Cancels: &memory.Cancels{}, Metrics: m}
		return c, c
	})
	seen := scrape(t, m)
	for _, want := range []string{
		`imgd_storage_operation_duration_seconds_count{operation="create",outcome="ok"}`,
		`imgd_storage_operation_duration_seconds_count{operation="create",outcome="conflict"}`,
		`imgd_storage_operation_duration_seconds_count{operation="open",outcome="not-found"}`,
		`imgd_storage_operation_duration_seconds_count{operation="list",outcome="ok"}`,
		`imgd_storage_bytes_total{direction="in"}`, `imgd_storage_bytes_total{direction="out"}`,
		`imgd_hint_operation_duration_seconds_count{operation="push",outcome="ok"}`,
		`imgd_hint_operation_duration_seconds_count{operation="announce",outcome="ok"}`,
	} {
		if !strings.Contains(seen, want) {
			t.Errorf("the scrape lacks %s", want)
		}
	}
}

func TestTheFleetIsAskedForNowAndThenHoweverOftenSomebodyScrapes(t *testing.T) {
	m, asked := telemetry.NewMetrics(), 0
	m.Fleet(func(ctx context.Context) (core.Fleet, error) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("a scrape may wait for ever")
		}
		asked++
		return core.Fleet{Due: 3, OldestAge: 90 * time.Second, Running: 2, Workers: []core.Working{
			{Worker: core.Worker{Role: "worker"}}, {Worker: core.Worker{Role: "worker"}, Silent: time.Hour}, {Worker: core.Worker{Role: "api"}},
		}}, nil
	})
	scrape(t, m)
	seen := scrape(t, m)
	if asked != 1 {
		t.Errorf("two scrapes asked the database %d times, want once", asked)
	}
	for _, want := range []string{"imgd_jobs_due 3", "imgd_jobs_oldest_due_seconds 90", "imgd_jobs_running 2", `imgd_processes{role="worker"} 1`, `imgd_processes{role="serve"} 0`} {
		if !strings.Contains(seen, want) {
			t.Errorf("the scrape lacks %s", want)
		}
	}
}

func TestWithoutTheDatabaseAScrapeShowsTheRest(t *testing.T) {
	m := telemetry.NewMetrics()
	m.Fleet(func(context.Context) (core.Fleet, error) { return core.Fleet{}, errors.New("away") })
	if seen := scrape(t, m); strings.Contains(seen, "imgd_jobs_due") || !strings.Contains(seen, "go_goroutines") {
		t.Errorf("the scrape is\n%s", seen)
	}
}

func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if rec.Code != 200 {
		t.Fatalf("the scrape was answered %d: %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}
