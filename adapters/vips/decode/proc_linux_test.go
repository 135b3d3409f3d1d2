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
func children(t *testing.T) []string {
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

// I8, and that no thread is outside of the jail, C's and the allocator's included.
func TestADecoderHasFewThreadsAndAllAreLockedUp(t *testing.T) {
	p := open(t, nil)
	waits(t, "both are there", func() bool { return p.Stats().Idle == 2 })
	source := encoded(t, slope(1600, 1200), "jpeg")
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var names []string
	most, seen := 0, 0
	wg.Go(func() {
		for ctx.Err() == nil {
			for _, pid := range children(t) {
				all := threads(pid)
				if len(all) > most {
					most, names = len(all), nil
					for _, status := range all {
						name, _, _ := strings.Cut(status, "\n")
						names = append(names, strings.TrimPrefix(name, "Name:\t"))
					}
				}
				for _, status := range all {
					seen++
					if !strings.Contains(status, "Seccomp:\t2") || !strings.Contains(status, "NoNewPrivs:\t1") {
						t.Errorf("a thread is not locked up:\n%s", status)
						return
					}
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	for range 3 {
		if _, err := render(t.Context(), t, p, source, "w=1200,fmt=avif", "w=600,fmt=avif"); err != nil {
			t.Error(err)
		}
	}
	stop()
	wg.Wait()
	t.Logf("%d threads at most: %q", most, names)
	if seen == 0 || most > maxThreads {
		t.Errorf("a decoder had %d threads (seen %d), want at most %d: %q", most, seen, maxThreads, names)
	}
	if r := p.Stats().Restarts; r != (vips.Restarts{}) {
		t.Errorf("restarts: got %+v, want none", r)
	}
}
