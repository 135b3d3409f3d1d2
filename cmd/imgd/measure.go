package main

import (
	"context"

	"imgd/adapters/records"
	"imgd/adapters/vips"
	"imgd/core"
)

// measure shows what only the adapters of this process know.
func (p *parts) measure() {
	p.metrics.Fleet(func(ctx context.Context) (core.Fleet, error) { return records.Stats{DB: p.db}.Fleet(ctx, "") })
	p.metrics.GaugeFunc("imgd_decoders_busy", "Decoder processes at work.", func() float64 { return float64(p.pool.Stats().Busy) })
	p.metrics.GaugeFunc("imgd_decoders_idle", "Decoder processes that wait for work, the warm spare among them.", func() float64 { return float64(p.pool.Stats().Idle) })
	p.metrics.GaugeFunc("imgd_decoders_waiting", "Calls that wait for a decoder.", func() float64 { return float64(p.pool.Stats().Waiting) })
	p.metrics.GaugeFunc("imgd_render_memory_bytes", "Memory that the renders that go on are predicted to take.", func() float64 { return float64(p.pool.Stats().RenderBytes) })
	p.metrics.GaugeFunc("imgd_render_memory_limit_bytes", "What they may be predicted to take at once: IMGD_RENDER_MEMORY.", func() float64 { return float64(p.pool.Stats().RenderLimit) })
	p.metrics.GaugeFunc("imgd_renders_heavy", "Renders that wait for memory.", func() float64 { return float64(p.pool.Stats().Heavy) })
	p.metrics.CountFunc("imgd_queue_refusals_total", "Uploads and jobs that were refused because too much waits.", nil, func() float64 { return float64(p.gate.Refused()) })
	p.metrics.GaugeFunc("imgd_queue_expected_seconds", "How long a new job has to expect to wait, as this process reckons.", func() float64 {
		return p.gate.State(context.Background()).Wait.Seconds()
	})
	p.metrics.GaugeFunc("imgd_sweeper_stopped", "1 while nothing is swept because the database and the store do not belong together.", func() float64 {
		if p.keeper.Apart() != nil {
			return 1
		}
		return 0
	})
	for reason, read := range map[string]func(vips.Restarts) int64{
		"crashed":   func(r vips.Restarts) int64 { return r.Crashed },
		"overran":   func(r vips.Restarts) int64 { return r.Overran },
		"cancelled": func(r vips.Restarts) int64 { return r.Cancelled },
		"lied":      func(r vips.Restarts) int64 { return r.Lied },
		"failed":    func(r vips.Restarts) int64 { return r.Failed },
		"recycled":  func(r vips.Restarts) int64 { return r.Recycled },
		"unfit":     func(r vips.Restarts) int64 { return r.Unfit },
	} {
		p.metrics.CountFunc("imgd_decoder_restarts_total", "Decoder processes that were replaced, by reason.", map[string]string{"reason": reason},
			func() float64 { return float64(read(p.pool.Stats().Restarts)) })
	}
}
