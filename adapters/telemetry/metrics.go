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
	"imgd/ports"
)

// Metrics is what /metrics shows. Labels are routes and states, never paths or
// ids, so that no caller can make series.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	attempts *prometheus.CounterVec
	rendered prometheus.Histogram
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
		rendered: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "imgd_job_cpu_seconds", Help: "Processor time of an attempt in its decoder.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m.requests, m.attempts, m.rendered)
	return m
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Request counts one HTTP request. A method that HTTP does not have is other.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	if !slices.Contains(methods, method) {
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// CountFunc adds a counter that is read from elsewhere.
func (m *Metrics) CountFunc(name, help string, labels map[string]string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, read))
}

// GaugeFunc adds a gauge that is read from elsewhere.
func (m *Metrics) GaugeFunc(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Jobs counts the ends of attempts on their way through ports.Jobs.
type Jobs struct {
	ports.Jobs
	Metrics *Metrics
}

// Finish counts what was recorded.
func (j *Jobs) Finish(ctx context.Context, job core.Job, r ports.Result) (core.Job, error) {
	done, err := j.Jobs.Finish(ctx, job, r)
	if err == nil {
		j.Metrics.attempts.WithLabelValues(string(r.Outcome)).Inc()
		j.Metrics.rendered.Observe(float64(r.Cost.CPUMS) / 1000)
	}
	return done, err
}
