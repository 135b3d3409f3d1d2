package telemetry

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"imgd/core"
)

// fleet asks the database for the numbers of all processes when somebody scrapes,
// and no more often than every five seconds, however many do.
type fleet struct {
	ask func(context.Context) (core.Fleet, error)

	mu   sync.Mutex
	at   time.Time
	last core.Fleet
	ok   bool
}

const (
	fleetAge  = 5 * time.Second
	fleetTime = time.Second
)

var (
	fleetDue     = prometheus.NewDesc("imgd_jobs_due", "Queued jobs whose time has come, of all tenants.", nil, nil)
	fleetOldest  = prometheus.NewDesc("imgd_jobs_oldest_due_seconds", "How long the oldest of them has been due.", nil, nil)
	fleetRunning = prometheus.NewDesc("imgd_jobs_running", "Jobs that run, of all tenants.", nil, nil)
	fleetWorkers = prometheus.NewDesc("imgd_processes", "Processes of the service that were seen lately, by role.", []string{"role"}, nil)
)

// Fleet shows the numbers that ask returns, whichever process is scraped. While the
// database is away they are absent.
func (m *Metrics) Fleet(ask func(context.Context) (core.Fleet, error)) {
	m.registry.MustRegister(&fleet{ask: ask})
}

// Describe is for the registry.
func (f *fleet) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{fleetDue, fleetOldest, fleetRunning, fleetWorkers} {
		out <- d
	}
}

// Collect is for the registry.
func (f *fleet) Collect(out chan<- prometheus.Metric) {
	now, ok := f.now()
	if !ok {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(fleetDue, float64(now.Due))
	gauge(fleetOldest, now.OldestAge.Seconds())
	gauge(fleetRunning, float64(now.Running))
	alive := map[string]int{"serve": 0, "api": 0, "worker": 0}
	for _, w := range now.Workers {
		if _, known := alive[w.Role]; known && w.Alive() {
			alive[w.Role]++
		}
	}
	for role, n := range alive {
		gauge(fleetWorkers, float64(n), role)
	}
}

func (f *fleet) now() (core.Fleet, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.at) < fleetAge {
		return f.last, f.ok
	}
	ctx, cancel := context.WithTimeout(context.Background(), fleetTime)
	defer cancel()
	got, err := f.ask(ctx)
	f.at, f.last, f.ok = time.Now(), got, err == nil
	return f.last, f.ok
}
