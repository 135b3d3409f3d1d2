package telemetry

import (
	"context"
	"os"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Renderer times decoders, by what they were asked for.
type Renderer struct {
	ports.Renderer
	Metrics *Metrics
}

// Probe is timed.
func (r *Renderer) Probe(ctx context.Context, f *os.File, bytes int64) (core.Probe, error) {
	ctx, end := r.Metrics.decoders.begin(ctx, "probe")
	p, err := r.Renderer.Probe(ctx, f, bytes)
	end(err)
	return p, err
}

// Render is timed, by the format of the file too; the time in which emit stores what was rendered is part of it.
func (r *Renderer) Render(ctx context.Context, t ports.Task, emit func(ports.Rendition) error) (ports.Report, error) {
	start := time.Now()
	inside, end := r.Metrics.decoders.begin(ctx, "render")
	report, err := r.Renderer.Render(inside, t, emit)
	end(err)
	observe(ctx, r.Metrics.renders.WithLabelValues(t.Probe.ContentType), time.Since(start).Seconds())
	return report, err
}
