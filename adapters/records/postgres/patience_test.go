package postgres_test

import (
	"testing"
	"time"

	"imgd/adapters/records"
	"imgd/core"
)

func TestAReservationCountsAsLongAsWhatSettlesItMayTake(t *testing.T) {
	url := newDatabase(t)
	for timeout, want := range map[time.Duration]int64{0: 0, 20 * time.Second: 1} {
		q := records.Quotas{DB: patient(t, url, timeout), Of: func(string) core.Quota { return core.Quota{Images: 9} }, For: -10 * time.Second}
		r, err := q.Reserve(t.Context(), "acme", core.Usage{Images: 1})
		if err != nil {
			t.Fatal(err)
		}
		used, err := q.Used(t.Context(), "acme")
		if err != nil || used.Images != want {
			t.Errorf("with transactions of %v what ran out 10 s ago counts as %d images (%v), want %d", timeout, used.Images, err, want)
		}
		if n, err := (records.Housekeeping{DB: q.DB}).ForgetReservations(t.Context(), 10); err != nil || int64(n) != 1-want {
			t.Errorf("with transactions of %v %d of it is forgotten (%v), want %d", timeout, n, err, 1-want)
		}
		if err := q.Release(t.Context(), "acme", r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATransactionMayWaitForALockAsLongAsItMayTake(t *testing.T) {
	q := records.Quotas{DB: patient(t, newDatabase(t), 8*time.Second), Of: func(string) core.Quota { return core.Quota{Images: 9} }, For: time.Minute}
	if _, err := q.Reserve(t.Context(), "acme", core.Usage{Images: 1}); err != nil {
		t.Fatal(err)
	}
	other, err := q.SQL().BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), "SELECT 1 FROM usage WHERE tenant = 'acme' FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(2500*time.Millisecond, func() { _ = other.Rollback() })
	if _, err := q.Reserve(t.Context(), "acme", core.Usage{Images: 1}); err != nil {
		t.Errorf("Reserve of what is locked for 2.5 s = %v, want it waited for", err)
	}
}
