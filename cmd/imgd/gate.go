package main

import (
	"context"
	"math/rand/v2"
	"time"

	"imgd/adapters/records"
	"imgd/core/ingest"
)

// openGate is what keeps the queue as short as the settings want it.
func (p *parts) openGate() *ingest.Gate {
	g := &ingest.Gate{
		Backlog: records.Backlog{DB: p.db}, Wait: time.Duration(p.settings.QueueWait), Jobs: p.settings.QueueJobs, Now: time.Now, Chance: rand.Float64,
	}
	p.metrics.CountFunc("imgd_queue_refusals_total", "Uploads and jobs that were refused because too much waits.", nil, func() float64 { return float64(g.Refused()) })
	if g.Wait > 0 || g.Jobs > 0 {
		p.metrics.GaugeFunc("imgd_queue_expected_seconds", "How long a new job has to expect to wait, as this process reckons.", func() float64 {
			return g.State(context.Background()).Wait.Seconds()
		})
	}
	return g
}
