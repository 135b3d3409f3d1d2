package telemetry

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/lmittmann/tint"
)

// NewLog writes JSON lines, or coloured text for people. Each line of a request
// carries its correlation id, which correlate finds in the context, and the id of
// the trace it is part of.
func NewLog(w io.Writer, text bool, level slog.Leveler, correlate func(context.Context) string) *slog.Logger {
	var h slog.Handler
	if text {
		h = tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, ReplaceAttr: tame})
	} else {
		h = slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	}
	return slog.New(&correlated{h, correlate})
}

// tame takes the terminal's escape out of texts, which are also of callers. tint leaves
// it in for those who paint, and makes one of what is written \x1b.
func tame(_ []string, a slog.Attr) slog.Attr {
	if kind := a.Value.Kind(); kind != slog.KindString && kind != slog.KindAny {
		return a
	}
	text := a.Value.String()
	if tamed := escapes.Replace(text); tamed != text {
		a.Value = slog.StringValue(tamed)
	}
	return a
}

var escapes = strings.NewReplacer("\x1b", "␛", `\x1b`, "␛")

// correlated adds the ids of the context.
type correlated struct {
	slog.Handler
	of func(context.Context) string
}

// Handle writes r with the ids.
func (c *correlated) Handle(ctx context.Context, r slog.Record) error {
	if id := c.of(ctx); id != "" {
		r.AddAttrs(slog.String("correlation_id", id))
	}
	if id := TraceID(ctx); id != "" {
		r.AddAttrs(slog.String("trace_id", id))
	}
	return c.Handler.Handle(ctx, r)
}

// WithAttrs keeps the ids.
func (c *correlated) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &correlated{c.Handler.WithAttrs(attrs), c.of}
}

// WithGroup keeps the ids.
func (c *correlated) WithGroup(name string) slog.Handler {
	return &correlated{c.Handler.WithGroup(name), c.of}
}
