package rig

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// CPU is the processor time the process and its decoders have used so far.
func (p *Process) CPU(t testing.TB) (sum time.Duration) {
	t.Helper()
	for _, pid := range append(p.Children(t), p.PID()) {
		own, _ := spent(pid)
		sum += own
	}
	return sum
}

// Pin keeps the process and its decoders, with all their threads and those to come, on
// one core.
func (p *Process) Pin(t testing.TB, core int) {
	t.Helper()
	var want, have unix.CPUSet
	want.Set(core)
	for moved := true; moved; { // until no thread has begun beside those that were looked at
		moved = false
		for _, pid := range append(p.Children(t), p.PID()) {
			for _, thread := range threadsOf(pid) {
				if err := unix.SchedGetaffinity(thread, &have); err != nil || have == want {
					continue // it has ended, or is where it belongs
				}
				if err := unix.SchedSetaffinity(thread, &want); err != nil && !errors.Is(err, unix.ESRCH) {
					t.Fatalf("thread %d cannot be kept on core %d: %v", thread, core, err)
				}
				moved = true
			}
		}
	}
}

func threadsOf(pid int) (ids []int) {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)) // none if it has ended
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			ids = append(ids, n)
		}
	}
	return ids
}

// ServersCPU is the processor time that the servers which the tests of this process
// share have used so far. It is an error for one that the rig has not started.
func ServersCPU() (sum time.Duration, err error) {
	for _, k := range []*component{postgres, redis, objects} {
		if k.shared.url == "" {
			continue // nobody asked for it
		}
		if k.shared.run == nil {
			return 0, fmt.Errorf("%s comes from %s, and what it costs is not known", k.name, k.shared.from)
		}
		d, err := k.shared.run.cpu()
		if err != nil {
			return 0, fmt.Errorf("what %s costs is not known: %w", k.name, err)
		}
		sum += d
	}
	return sum, nil
}

// cpu counts those of its processes that have ended too.
func (c *child) cpu() (time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pid := c.cmd.Process.Pid
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
		return 0, err
	}
	sum := time.Duration(0)
	for _, pid := range append(childrenOf(pid), pid) {
		own, ended := spent(pid)
		sum += own + ended
	}
	return sum, nil
}

// spent is the processor time of a process, and of those of its children that have
// ended and were waited for. Of one that is gone it is nothing.
func spent(pid int) (own, ended time.Duration) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	f := strings.Fields(string(text)[bytes.LastIndexByte(text, ')')+1:])
	ticks := func(i int) time.Duration {
		n, _ := strconv.ParseInt(f[i], 10, 64)
		return time.Duration(n) * 10 * time.Millisecond
	}
	return ticks(11) + ticks(12), ticks(13) + ticks(14) // utime, stime, cutime, cstime
}
