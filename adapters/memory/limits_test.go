package memory_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"imgd/adapters/memory"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLimits(t *testing.T) {
	portstest.Limits(t, func(*testing.T) ports.Limits { return memory.NewLimits(1000) })
}

// careless reads how much is left, then writes what it has taken: the mistake
// that the suite is there to find.
type careless struct {
	mu   sync.Mutex
	used map[string]int
}

func (c *careless) Take(_ context.Context, key string, r core.Rate, n int) (core.Allowance, error) {
	c.mu.Lock()
	used := c.used[key]
	c.mu.Unlock()
	runtime.Gosched() // a database is as far away as this
	if used+n > r.AtOnce() {
		return core.Allowance{}, nil
	}
	c.mu.Lock()
	c.used[key] = used + n
	c.mu.Unlock()
	return core.Allowance{Allowed: true}, nil
}

// stingy gives back less than it should.
type stingy struct{ ports.Limits }

func (s stingy) Take(ctx context.Context, key string, r core.Rate, n int) (core.Allowance, error) {
	r.Burst, r.Limit = r.AtOnce(), r.Limit*4/5
	return s.Limits.Take(ctx, key, r, n)
}

// generous gives back more.
type generous struct{ ports.Limits }

func (g generous) Take(ctx context.Context, key string, r core.Rate, n int) (core.Allowance, error) {
	r.Burst, r.Limit = r.AtOnce(), r.Limit*6/5
	return g.Limits.Take(ctx, key, r, n)
}

func TestALimiterThatIsAFifthOffIsFoundOut(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { now = now.Add(time.Millisecond); return now }
	limits := func() ports.Limits {
		l := memory.NewLimits(10)
		l.Now = clock
		return l
	}
	r := core.Rate{Limit: 100, Per: time.Second, Burst: 5}
	if got := portstest.Persist(t, stingy{limits()}, r, clock); got.Allowed >= got.Least {
		t.Errorf("at four fifths of the rate %d are allowed, want less than the least, %d", got.Allowed, got.Least)
	}
	if got := portstest.Persist(t, generous{limits()}, r, clock); got.Allowed <= got.Most {
		t.Errorf("at six fifths of the rate %d are allowed, want more than the most, %d", got.Allowed, got.Most)
	}
	if got := portstest.Persist(t, limits(), r, clock); got.Allowed < got.Least || got.Allowed > got.Most || got.Most-got.Least > 10 {
		t.Errorf("as it should be %d are allowed, want %d to %d, which are not far apart", got.Allowed, got.Least, got.Most)
	}
}

func TestALimiterThatReadsAndThenWritesIsFoundOut(t *testing.T) {
	for range 100 {
		if portstest.Stampede(t, &careless{used: map[string]int{}}, core.Rate{Limit: 50, Per: time.Hour}, 200) > 50 {
			return
		}
	}
	t.Error("a hundred stampedes let no more than 50 through a limiter that races: they prove nothing")
}

func TestWhoOwesMostIsRememberedWhenThereAreTooManyKeys(t *testing.T) {
	l, r := memory.NewLimits(100), core.Rate{Limit: 10, Per: time.Hour}
	debtor, err := l.Take(t.Context(), "debtor", r, 10)
	if err != nil || !debtor.Allowed {
		t.Fatalf("the debtor's take = %+v, %v", debtor, err)
	}
	for i := range 10_000 {
		if _, err := l.Take(t.Context(), fmt.Sprint("crowd ", i), r, 1); err != nil {
			t.Fatal(err)
		}
	}
	if got := l.Keys(); got > 200 {
		t.Errorf("%d keys are remembered, want no more than twice the 100", got)
	}
	if got, err := l.Take(t.Context(), "debtor", r, 1); err != nil || got.Allowed {
		t.Errorf("after a crowd of keys the debtor's next take = %+v, %v, want refused", got, err)
	}
}

func TestKeysThatOweNothingAreDroppedFirst(t *testing.T) {
	l, r := memory.NewLimits(100), core.Rate{Limit: 10, Per: time.Second}
	now := time.Now()
	l.Now = func() time.Time { return now }
	for i := range 150 {
		if _, err := l.Take(t.Context(), fmt.Sprint("early ", i), r, 1); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(time.Minute)
	for i := range 60 {
		if _, err := l.Take(t.Context(), fmt.Sprint("late ", i), r, 10); err != nil {
			t.Fatal(err)
		}
	}
	if got := l.Keys(); got != 60 {
		t.Errorf("%d keys are remembered, want the 60 that still owe", got)
	}
}
