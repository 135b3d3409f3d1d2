package telemetry

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"imgd/core"
)

// operations are what the service asks of one of its surroundings: each is timed,
// counted by how it ended, and a span of the trace that it belongs to.
type operations struct {
	system  string
	seconds *prometheus.HistogramVec
}

func newOperations(system, name, help string) *operations {
	return &operations{system, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help + " By operation and outcome, which is ok or the kind of the error.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"operation", "outcome"})}
}

// begin starts an operation; end tells how it ended.
func (o *operations) begin(ctx context.Context, operation string) (inside context.Context, end func(error)) {
	start := time.Now()
	inside, span := child(ctx, o.system+" "+operation)
	return inside, func(err error) {
		took := time.Since(start)
		spend(ctx, o.system, took)
		observe(ctx, o.seconds.WithLabelValues(operation, outcome(err)), took.Seconds())
		finish(span, err)
	}
}

// outcome is a word of a closed list: ok, cancelled for who did not wait, or the kind
// of an error.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	}
	return string(core.KindOf(err))
}

// observe adds a value, with the trace that it was seen in as its example.
func observe(ctx context.Context, o prometheus.Observer, value float64) {
	where := trace.SpanContextFromContext(ctx)
	with, ok := o.(prometheus.ExemplarObserver)
	if !ok || !where.IsSampled() {
		o.Observe(value)
		return
	}
	with.ObserveWithExemplar(value, prometheus.Labels{"trace_id": where.TraceID().String()})
}

// child is a span within the one of ctx. What belongs to no trace begins none: a
// worker looks for jobs all day.
func child(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, trace.SpanFromContext(ctx)
	}
	return tracer().Start(ctx, name, trace.WithAttributes(attributes...))
}

// finish ends a span that child began. What is not there, or was refused, is an
// answer; the mistakes of a span are those that an operator has to look at.
func finish(span trace.Span, err error) {
	if !span.SpanContext().IsValid() {
		return
	}
	switch kind := core.KindOf(err); kind {
	case "":
	case core.Internal, core.Unavailable, core.Full, core.Limited:
		span.SetStatus(codes.Error, err.Error())
	default:
		span.SetAttributes(attribute.String("imgd.outcome", string(kind)))
	}
	span.End()
}
