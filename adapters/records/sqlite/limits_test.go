package sqlite

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/records"
	"imgd/adapters/resilience"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestLimits(t *testing.T) {
	portstest.Limits(t, func(t *testing.T) ports.Limits { return records.Limits{DB: fresh(t).DB} })
}

// away are limits that do not answer.
type away struct{ asked atomic.Int64 }

func (a *away) Take(ctx context.Context, _ string, r core.Rate, n int) (core.Allowance, error) {
	a.asked.Add(1)
	if err := r.Check(n); err != nil {
		return core.Allowance{}, err
	}
	if ctx.Err() != nil {
		return core.Allowance{}, context.Cause(ctx)
	}
	return core.Allowance{}, core.Unavailable.Errorf("the cable is out")
}

func TestLimitsWithoutTheFirstStore(t *testing.T) {
	portstest.Limits(t, func(t *testing.T) ports.Limits {
		return resilience.Limits{Limits: &away{}, Then: records.Limits{DB: fresh(t).DB}}
	})
}

func TestProcessesThatShareAFileShareALimit(t *testing.T) {
	path, r := newFile(t), core.Rate{Limit: 50, Per: time.Hour}
	a, b := records.Limits{DB: file(t, path).DB}, records.Limits{DB: file(t, path).DB}
	if got := portstest.Stampede(t, a, r, 30) + portstest.Stampede(t, b, r, 30); got != 50 {
		t.Errorf("of 60 takes of two processes %d were allowed, want 50", got)
	}
}

func TestBucketsThatAreFullAreForgottenAndNoOthers(t *testing.T) {
	db := fresh(t).DB
	l, house := records.Limits{DB: db}, records.Housekeeping{DB: db}
	quick, slow := core.Rate{Limit: 1000, Per: time.Second, Burst: 1}, core.Rate{Limit: 1, Per: time.Hour}
	for key, r := range map[string]core.Rate{"quick": quick, "slow": slow} {
		if _, err := l.Take(t.Context(), key, r, 1); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(20 * time.Millisecond)
	if n, err := house.ForgetRates(t.Context(), 10); n != 1 || err != nil {
		t.Errorf("ForgetRates = %d, %v; want the one that is full", n, err)
	}
	if got, err := l.Take(t.Context(), "slow", slow, 1); got.Allowed || err != nil {
		t.Errorf("then a take of who still owes = %+v, %v, want refused", got, err)
	}
}

// hasty looks whether there is room, then reserves it: the mistake that the suite is
// there to find.
type hasty struct{ ports.Quotas }

func (h hasty) Reserve(ctx context.Context, tenant string, asked core.Usage) (ports.Reservation, error) {
	used, err := h.Used(ctx, tenant)
	if err == nil {
		err = h.Limit(tenant).Check(used, asked)
	}
	return ports.Reservation{}, err
}

func TestQuotasThatAreReadAndThenUsedAreFoundOut(t *testing.T) {
	for range 20 {
		s := open(t)
		q := s.Quotas(func(string) core.Quota { return core.Quota{Images: 50} }, time.Minute)
		if portstest.Crowd(t, s, hasty{q}, 200) > 50 {
			return
		}
	}
	t.Error("twenty crowds got no more than 50 images past a quota that races: they prove nothing")
}
