package redis_test

import (
	"os/exec"
	"testing"
	"time"

	"imgd/adapters/redis"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestScratchCluster(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("redis-server", "--port", "16499", "--save", "", "--cluster-enabled", "yes", "--dir", dir)
	if err := cmd.Start(); err != nil { t.Fatal(err) }
	defer cmd.Wait()
	defer cmd.Process.Kill()
	time.Sleep(400*time.Millisecond)
	r := raw(t, "redis://127.0.0.1:16499")
	if err := r.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil { t.Fatal(err) }
	time.Sleep(1500*time.Millisecond)
	u := "redis+cluster://127.0.0.1:16499"
	t.Run("queue", func(t *testing.T) { portstest.Queue(t, func(t *testing.T) ports.Queue { return redis.Queue{Client: open(t, u, t.Name())} }) })
	t.Run("limits", func(t *testing.T) { portstest.Limits(t, func(t *testing.T) ports.Limits { return redis.Limits{Client: open(t, u, t.Name())} }) })
	t.Run("cancels", func(t *testing.T) { portstest.Cancels(t, func(t *testing.T) (a, b ports.Cancels) { return redis.Cancels{Client: open(t, u, t.Name())}, redis.Cancels{Client: open(t, u, t.Name())} }) })
	c := open(t, u, "x")
	for _, call := range requests(c) { if err := call(t.Context()); err != nil { t.Fatal(err) } }
	cmd.Process.Signal(stopSig)
	cold := timed(t, "Open", func() *redis.Client { return open(t, u, "imgd") })
	for _, c := range []*redis.Client{c, cold} { crowd(t, c); inARow(t, c) }
	cmd.Process.Signal(contSig)
	time.Sleep(time.Second)
	for n, call := range requests(c) { if err := call(t.Context()); err != nil { t.Fatal(n, err) } }
}
