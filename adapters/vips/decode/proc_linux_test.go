package decode_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/adapters/vips"
)

// outside tries the acts in a process that is not locked up.
func outside(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("/proc/self/exe", "escape").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(out), "\n")
}

// children are the processes of this one.
func children(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", os.Getpid(), os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	pids := strings.Fields(string(text))
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, th := range threads {
		text, _ := os.ReadFile("/proc/self/task/" + th.Name() + "/children") // it may have ended
		for _, pid := range strings.Fields(string(text)) {
			if !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// threads returns the status of each thread of a process.
func threads(pid string) (all []string) {
	list, _ := os.ReadDir("/proc/" + pid + "/task")
	for _, e := range list {
		if text, err := os.ReadFile("/proc/" + pid + "/task/" + e.Name() + "/status"); err == nil {
			all = append(all, string(text))
		}
	}
	return all
}

// I8, and that no thread is outside of the jail, C's and the allocator's included. The
// number does not grow with the machine. libvips has one thread that computes and two
// that write for each of the two pictures that are encoded at once, and keeps those of
// the pipeline before; the encoder of AV1 has one beside each of them, of the four in
// all that it would take. Most of them wait.
func TestADecoderHasFewThreadsAndAllAreLockedUp(t *testing.T) {
	p := open(t, nil)
	waits(t, "both are there", func() bool { return p.Stats().Idle == 2 })
	source := encoded(t, slope(1000, 750), "jpeg")
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	most, seen := map[string]int{}, 0
	wg.Go(func() {
		for ctx.Err() == nil {
			for _, pid := range children(t) {
				all, now := threads(pid), map[string]int{}
				for _, status := range all {
					name, _, _ := strings.Cut(strings.TrimPrefix(status, "Name:\t"), "\n")
					now[name]++
				}
				now["all"] = len(all)
				for name, n := range now {
					most[name] = max(most[name], n)
				}
				for _, status := range all {
					seen++
					if !strings.Contains(status, "Seccomp:\t2") || !strings.Contains(status, "NoNewPrivs:\t1") {
						t.Errorf("a thread is not locked up:\n%s", status)
						return
					}
				}
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	for range 2 {
		if _, err := render(t.Context(), t, p, source, "w=1000,fmt=avif", "w=600,fmt=avif", "w=800,fmt=avif"); err != nil {
			t.Error(err)
		}
	}
	stop()
	wg.Wait()
	t.Logf("at most, by name: %v", most)
	if seen == 0 || most["aom enc worker"] == 0 {
		t.Error("no thread was seen that encodes: nothing is proved")
	}
	for name, limit := range map[string]int{
		"aom enc worker": 2, "libvips worker": 9, "jemalloc_bg_thd": 1, "exe": maxGo, "all": maxGo + 12,
	} {
		if most[name] > limit {
			t.Errorf("a decoder had %d threads of %q, want at most %d", most[name], name, limit)
		}
	}
	if r := p.Stats().Restarts; r != (vips.Restarts{}) {
		t.Errorf("restarts: got %+v, want none", r)
	}
}
