package rig_test

import (
	"testing"
	"time"

	"imgd/e2e/rig"
)

func TestWorkOfTheServersIsCounted(t *testing.T) {
	url := rig.Postgres(t)
	before := serversCPU(t)
	// The session ends with the query, and its time must not end with it.
	do(t, url, "SELECT count(*) FROM generate_series(1, 2000000) AS n WHERE sqrt(n) > 0") // however long it takes on a busy machine
	if took := serversCPU(t) - before; took < 50*time.Millisecond || took > 10*time.Second {
		t.Errorf("two million square roots cost PostgreSQL %s, want some tenths of a second", took)
	}
}

func serversCPU(t *testing.T) time.Duration {
	t.Helper()
	d, err := rig.ServersCPU()
	if err != nil {
		t.Fatal(err)
	}
	return d
}
