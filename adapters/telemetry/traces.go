package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"imgd/core"
)

// tracing is whether somebody collects spans.
var tracing atomic.Bool

func tracer() trace.Tracer { return otel.Tracer("imgd") }

// Traces sends spans where the OTEL_* variables of the environment say, until the
// returned function is called, which sends what is left. Without one of
// OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_ENDPOINT and
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT there are no spans. What goes wrong with them is a
// line of the log like any other.
func Traces(ctx context.Context, log *slog.Logger, version, instance, role string) (stop func(context.Context) error, err error) {
	if !asked() {
		return func(context.Context) error { return nil }, nil
	}
	otel.SetLogger(logr.FromSlogHandler(log.Handler()))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("spans are lost or not as they should be", "err", err) }))
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx, resource.WithAttributes(
		semconv.ServiceName("imgd"), semconv.ServiceVersion(version), semconv.ServiceInstanceID(instance), attribute.String("imgd.role", role),
	), resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, err
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))
	otel.SetTracerProvider(provider)
	tracing.Store(true)
	return func(ctx context.Context) error {
		tracing.Store(false)
		return provider.Shutdown(ctx)
	}, nil
}

func asked() bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	if e := os.Getenv("OTEL_TRACES_EXPORTER"); e != "" {
		return e != "none"
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

var w3c = propagation.TraceContext{}

// remote is the place in a trace that a traceparent names (W3C Trace Context).
func remote(traceparent string) trace.SpanContext {
	ctx := w3c.Extract(context.Background(), propagation.MapCarrier{"traceparent": traceparent})
	return trace.SpanContextFromContext(ctx)
}

// Request begins the span of a request, which is part of the caller's trace where a
// valid traceparent came, and what Timing knows of it. It returns what the parts of the
// request, and jobs that it asks for, have as their parent: empty when nobody collects
// spans. end is told the route, the status and what went wrong.
func Request(r *http.Request, traceparent string) (ctx context.Context, parent string, end func(route string, status int, err error)) {
	ctx = context.WithValue(r.Context(), timingKey{}, &timing{began: time.Now()})
	if !tracing.Load() {
		return ctx, "", func(string, int, error) {}
	}
	ctx = trace.ContextWithRemoteSpanContext(ctx, remote(traceparent))
	ctx, span := tracer().Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(semconv.HTTPRequestMethodKey.String(r.Method)))
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	return ctx, carrier.Get("traceparent"), func(route string, status int, err error) {
		if route != "" {
			span.SetName(route)
			span.SetAttributes(semconv.HTTPRoute(route))
		}
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		if status >= 500 {
			span.SetStatus(codes.Error, string(core.SlugOf(err)))
		}
		span.End()
	}
}

// TraceID names the trace that ctx belongs to, empty outside of one.
func TraceID(ctx context.Context) string {
	if where := trace.SpanContextFromContext(ctx); where.IsValid() {
		return where.TraceID().String()
	}
	return ""
}
