package postgres_test

import (
	"testing"
	"time"

	"imgd/adapters/records"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestLimits(t *testing.T) {
	portstest.Limits(t, func(t *testing.T) ports.Limits { return records.Limits{DB: fresh(t)} })
}

func TestProcessesThatShareADatabaseShareALimit(t *testing.T) {
	url, r := newDatabase(t), core.Rate{Limit: 50, Per: time.Hour}
	a, b := records.Limits{DB: open(t, url)}, records.Limits{DB: open(t, url)}
	if got := portstest.Stampede(t, a, r, 30) + portstest.Stampede(t, b, r, 30); got != 50 {
		t.Errorf("of 60 takes of two processes %d were allowed, want 50", got)
	}
}
