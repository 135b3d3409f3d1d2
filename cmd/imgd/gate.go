package main

import (
	"math/rand/v2"
	"time"

	"imgd/adapters/records"
	"imgd/core/ingest"
)

// openGate is what keeps the queue as short as the settings want it.
func (p *parts) openGate() *ingest.Gate {
	return &ingest.Gate{
		Backlog: records.Backlog{DB: p.db}, Wait: time.Duration(p.settings.QueueWait), Jobs: p.settings.QueueJobs, Now: time.Now, Chance: rand.Float64,
	}
}
