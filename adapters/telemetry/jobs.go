package telemetry

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"imgd/core"
	"imgd/ports"
)

// Jobs counts attempts on their way through ports.Jobs.
type Jobs struct {
	ports.Jobs
	Metrics *Metrics
}

// Claim is timed. Of a job that was claimed it is seen how long it was due.
func (j *Jobs) Claim(ctx context.Context, w ports.Want) (core.Job, core.Record, error) {
	start := time.Now()
	job, record, err := j.Jobs.Claim(ctx, w)
	j.Metrics.claims.WithLabelValues(outcome(err)).Observe(time.Since(start).Seconds())
	if err == nil && job.StartedAt != nil {
		j.Metrics.waited.Observe(max(job.StartedAt.Sub(job.RunAt), 0).Seconds())
	}
	return job, record, err
}

// Finish counts what was recorded.
func (j *Jobs) Finish(ctx context.Context, job core.Job, r ports.Result) (core.Job, error) {
	done, err := j.Jobs.Finish(ctx, job, r)
	if err != nil {
		return done, err
	}
	j.Metrics.attempts.WithLabelValues(string(r.Outcome)).Inc()
	j.ended(done)
	observe(ctx, j.Metrics.rendered, float64(r.Cost.CPUMS)/1000)
	if job.StartedAt != nil && done.FinishedAt != nil {
		observe(ctx, j.Metrics.ran, max(done.FinishedAt.Sub(*job.StartedAt), 0).Seconds())
	}
	for _, v := range r.Variants {
		j.Metrics.variants.WithLabelValues(v.ContentType, string(v.State)).Inc()
		j.Metrics.encoded.WithLabelValues(v.ContentType).Add(float64(v.Bytes))
	}
	return done, nil
}

// Reap counts the jobs that are at an end since too many workers were lost with them.
func (j *Jobs) Reap(ctx context.Context) ([]core.Job, error) {
	reaped, err := j.Jobs.Reap(ctx)
	for _, job := range reaped {
		j.ended(job)
	}
	return reaped, err
}

func (j *Jobs) ended(job core.Job) {
	if job.State.Final() {
		j.Metrics.ended.WithLabelValues(string(job.State)).Inc()
	}
}

// Attempt is a span of the trace of the request that asked for the job. What happens
// within the context it returns belongs to it.
func Attempt(ctx context.Context, j core.Job) (context.Context, func(core.Outcome, error)) {
	from := remote(j.Traceparent)
	if !from.IsValid() || !tracing.Load() {
		return ctx, func(core.Outcome, error) {}
	}
	ctx, span := tracer().Start(trace.ContextWithRemoteSpanContext(ctx, from), "job", trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("imgd.job_id", string(j.ID)), attribute.String("imgd.image_id", string(j.ImageID)), attribute.String("imgd.tenant", j.Tenant),
		attribute.Int64("imgd.attempt", j.Attempt), attribute.String("imgd.correlation_id", j.CorrelationID),
	))
	return ctx, func(o core.Outcome, err error) {
		span.SetAttributes(attribute.String("imgd.outcome", string(o)))
		finish(span, err)
	}
}
