package main

import (
	"time"

	"imgd/adapters/memory"
	"imgd/adapters/records"
)

// refusers is how many callers a process counts refusals of.
const refusers = 1000

// openTrail bounds what refusals cost.
func (p *parts) openTrail() *memory.Refusals {
	return &memory.Refusals{
		Events: records.Events{DB: p.db}, Window: time.Duration(p.settings.RefusalWindow), Most: p.settings.RefusalLimit, Keep: refusers, Now: time.Now,
		Lost: func(err error) { p.log.Error("a refusal is missing from the audit trail", "error", err) },
	}
}
