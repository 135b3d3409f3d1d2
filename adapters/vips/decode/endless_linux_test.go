package decode_test

import (
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"imgd/adapters/vips"
	"imgd/core"
	"imgd/e2e/bomb"
)

// I2: what cannot be interrupted is killed, and its slot is of use again.
func TestADecodeThatNeverReturnsIsEndedAtItsDeadline(t *testing.T) {
	const deadline = time.Second
	p := open(t, func(c *vips.Config) { c.RenderTimeout = deadline })
	waits(t, "both are there", func() bool { return p.Stats().Idle == 2 })
	slow, good := bomb.Slow(), encoded(t, slope(64, 48), "png")
	for range 3 {
		before := children(t)
		began := time.Now()
		_, err := render(t.Context(), t, p, slow, "w=64,fmt=png")
		took := time.Since(began)
		if core.SlugOf(err) != core.DecoderOverran {
			t.Fatalf("after %v: got %v, want decoder-overran", took, err)
		}
		t.Logf("ended %v after its deadline", took-deadline)
		if took > deadline+5*time.Second { // an idle machine needs milliseconds
			t.Errorf("ended after %v, want soon after %v", took, deadline)
		}
		waits(t, "another decoder works in its place", func() bool {
			_, err := render(t.Context(), t, p, good, "w=32,fmt=png")
			return err == nil && p.Stats().Idle == 2
		})
		left := slices.DeleteFunc(before, func(pid string) bool { return !slices.Contains(children(t), pid) })
		if len(left) != len(before)-1 {
			t.Errorf("of the processes %v are left %v: the one that was busy should be gone", before, left)
		}
	}
}

// I1: how long a decoder is missing. The figure is for people: a busy machine takes
// what it takes.
func TestADecoderThatCrashesIsReplacedAtOnce(t *testing.T) {
	p := open(t, nil)
	waits(t, "both are there", func() bool { return p.Stats().Idle == 2 })
	var took []time.Duration
	for i := range 8 {
		crashed := children(t)[0]
		pid, err := strconv.Atoi(crashed)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := syscall.Kill(pid, []syscall.Signal{syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGILL}[i%4]); err != nil {
			t.Fatal(err)
		}
		waits(t, "another one is ready", func() bool { return p.Stats().Restarts.Crashed == int64(i+1) && p.Stats().Idle == 2 })
		took = append(took, time.Since(began))
		if slices.Contains(children(t), crashed) {
			t.Errorf("process %s still runs", crashed)
		}
	}
	slices.Sort(took)
	t.Logf("a crashed decoder was replaced within %v at best, %v in the middle, %v at worst", took[0], took[len(took)/2], took[len(took)-1])
}
