package redis_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"imgd/adapters/redis"
	"imgd/core"
	"imgd/e2e/rig"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	// The rig's servers go on until the process ends; ours must not.
	if err := goleak.Find(); err != nil && (strings.Contains(err.Error(), "redis/go-redis") || strings.Contains(err.Error(), "imgd/adapters/redis.")) {
		fmt.Fprintln(os.Stderr, "goroutines are left:", err)
		code = 1
	}
	os.Exit(code)
}

// open connects as one of several deployments that share a server, until the test
// ends.
func open(t *testing.T, url, prefix string) *redis.Client {
	t.Helper()
	c, err := redis.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	c.Prefix = prefix
	t.Cleanup(func() {
		began := time.Now()
		if err := c.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("Close took %s", took)
		}
	})
	return c
}

func TestQueue(t *testing.T) {
	portstest.Queue(t, func(t *testing.T) ports.Queue { return redis.Queue{Client: open(t, rig.Redis(t), t.Name())} })
}

func TestCancels(t *testing.T) {
	portstest.Cancels(t, func(t *testing.T) (here, there ports.Cancels) {
		url := rig.Redis(t)
		return redis.Cancels{Client: open(t, url, t.Name())}, redis.Cancels{Client: open(t, url, t.Name())}
	})
}

func TestLimits(t *testing.T) {
	portstest.Limits(t, func(t *testing.T) ports.Limits { return redis.Limits{Client: open(t, rig.Redis(t), t.Name())} })
}

func TestProcessesShareALimit(t *testing.T) {
	url := rig.Redis(t)
	r := core.Rate{Limit: 50, Per: time.Hour}
	allowed := portstest.Stampede(t, redis.Limits{Client: open(t, url, "imgd")}, r, 30) +
		portstest.Stampede(t, redis.Limits{Client: open(t, url, "imgd")}, r, 30)
	if allowed != 50 {
		t.Errorf("of 60 takes of two processes %d were allowed, want 50", allowed)
	}
}

func TestDeploymentsThatShareAServerDoNotMeet(t *testing.T) {
	url := rig.Redis(t)
	blue, green := open(t, url, "blue"), open(t, url, "green")
	if err := (redis.Queue{Client: blue}).Push(t.Context(), id(1)); err != nil {
		t.Fatal(err)
	}
	if got, err := pop(t, green, 50*time.Millisecond); err == nil {
		t.Errorf("green popped %s of blue's", got)
	}
	if got, err := pop(t, blue, 5*time.Second); got != id(1) || err != nil {
		t.Errorf("blue popped %q, %v, want its own hint", got, err)
	}
	once := core.Rate{Limit: 1, Per: time.Hour}
	for _, c := range []*redis.Client{blue, green} {
		if got, err := (redis.Limits{Client: c}).Take(t.Context(), "ann", once, 1); err != nil || !got.Allowed {
			t.Errorf("%s's first take = %+v, %v, want allowed", c.Prefix, got, err)
		}
	}
}
