// Package telemetry lets the service be watched: Prometheus metrics, and log
// lines that carry the request they belong to.
package telemetry

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"imgd/core"
)

// Metrics is what /metrics shows. Labels are routes and states, never paths or
// ids, so that no caller can make series.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec

	attempts *prometheus.CounterVec
	ended    *prometheus.CounterVec
	claims   *prometheus.HistogramVec
	waited   prometheus.Histogram
	ran      prometheus.Histogram
	rendered prometheus.Histogram
	renders  *prometheus.HistogramVec
	variants *prometheus.CounterVec
	encoded  *prometheus.CounterVec

	storage, database, hints, decoders *operations

	stored *prometheus.CounterVec
}

// NewMetrics registers the service's metrics beside those of Go and the process.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "imgd_http_request_duration_seconds", Help: "How long requests took, by route, method and status.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 30},
		}, []string{"route", "method", "status"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "imgd_job_attempts_total", Help: "Attempts that ended, by outcome.",
		}, []string{"outcome"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "imgd_jobs_ended_total", Help: "Jobs that a worker brought to their end, by state.",
		}, []string{"state"}),
		claims: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "imgd_job_claim_duration_seconds", Help: "How long a look for a job took; not-found when none was due.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
		}, []string{"outcome"}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "imgd_job_queue_seconds", Help: "How long jobs were due before a worker had them.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 30, 60, 300, 600},
		}),
		ran: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "imgd_job_run_seconds", Help: "How long the last attempts of jobs took that are at an end.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120},
		}),
		rendered: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "imgd_job_cpu_seconds", Help: "Processor time of an attempt in its decoder.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
		renders: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "imgd_render_duration_seconds", Help: "How long a decoder had a picture until all its variants were rendered and stored, by what the picture is.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120},
		}, []string{"content_type"}),
		variants: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "imgd_variants_total", Help: "Variants that came out of jobs, by type and state.",
		}, []string{"content_type", "state"}),
		encoded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "imgd_variant_bytes_total", Help: "Bytes of the variants that came out of jobs.",
		}, []string{"content_type"}),
		stored: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "imgd_storage_bytes_total", Help: "Bytes of the objects that were stored (in) and opened (out).",
		}, []string{"direction"}),
		storage:  newOperations("storage", "imgd_storage_operation_duration_seconds", "How long the store took, the wait for a turn included."),
		database: newOperations("database", "imgd_database_transaction_duration_seconds", "How long transactions took, the wait for a connection included."),
		hints:    newOperations("hints", "imgd_hint_operation_duration_seconds", "How long it took to wake other processes."),
		decoders: newOperations("decoder", "imgd_decoder_call_duration_seconds", "How long calls of decoders took, the wait for one included."),
	}
	for _, state := range []core.JobState{core.JobSucceeded, core.JobFailed, core.JobDead, core.JobCancelled} {
		m.ended.WithLabelValues(string(state)) // there from the start, so that the first one is a rise
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m.requests,
		m.attempts, m.ended, m.claims, m.waited, m.ran, m.rendered, m.renders, m.variants, m.encoded, m.stored,
		m.storage.seconds, m.database.seconds, m.hints.seconds, m.decoders.seconds)
	return m
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Describe tells of every metric there is, also of those without a value yet.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) { m.registry.Describe(out) }

// Request counts one HTTP request. A method that HTTP does not have is other.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	if !slices.Contains(methods, method) {
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// Transaction is told of each transaction of the database: see records.Watch.
func (m *Metrics) Transaction(ctx context.Context, kind string) (inside context.Context, end func(error)) {
	return m.database.begin(ctx, kind)
}

// CountFunc adds a counter that is read from elsewhere.
func (m *Metrics) CountFunc(name, help string, labels map[string]string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, read))
}

// Breaker shows the state of a circuit breaker: 1 for the one it is in.
func (m *Metrics) Breaker(dependency string, state func() string) {
	for _, of := range []string{"closed", "half-open", "open"} {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "imgd_breaker_state", Help: "1 for the state that the circuit breaker of a dependency is in.",
			ConstLabels: prometheus.Labels{"dependency": dependency, "state": of},
		}, func() float64 {
			if state() == of {
				return 1
			}
			return 0
		}))
	}
}

// Bulkhead shows how full a bulkhead is, and how many it has refused.
func (m *Metrics) Bulkhead(dependency string, b interface {
	Calls() int64
	Limit() int
	Refused() int64
}) {
	of := prometheus.Labels{"dependency": dependency}
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "imgd_bulkhead_calls", Help: "Calls of requests to a dependency that are under way.", ConstLabels: of,
		}, func() float64 { return float64(b.Calls()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "imgd_bulkhead_calls_limit", Help: "How many of them may be under way at once: IMGD_STORE_CALLS, IMGD_POLICY_CALLS.", ConstLabels: of,
		}, func() float64 { return float64(b.Limit()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "imgd_bulkhead_refusals_total", Help: "Calls that were refused because as many were under way for half a second.", ConstLabels: of,
		}, func() float64 { return float64(b.Refused()) }),
	)
}

// GaugeFunc adds a gauge that is read from elsewhere.
func (m *Metrics) GaugeFunc(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}
