package rig

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Footprint is the memory of a process and its decoders, in bytes.
type Footprint struct {
	Own     int64 // resident in the process itself
	Largest int64 // resident in the largest of its decoders
	Sum     int64 // of all of them, what they share counted once
}

// String is for people.
func (f Footprint) String() string {
	return fmt.Sprintf("%d MiB itself, %d MiB the largest decoder, %d MiB in all", f.Own>>20, f.Largest>>20, f.Sum>>20)
}

func (f Footprint) most(g Footprint) Footprint {
	return Footprint{max(f.Own, g.Own), max(f.Largest, g.Largest), max(f.Sum, g.Sum)}
}

// Footprint is its memory now.
func (p *Process) Footprint(t testing.TB) (f Footprint) {
	t.Helper()
	own, shared := resident(p.PID())
	f.Own, f.Sum = own, proportional(p.PID(), own-shared)
	most := int64(0)
	for _, pid := range p.Children(t) {
		r, s := resident(pid)
		f.Largest, most = max(f.Largest, r), max(most, s)
		f.Sum += proportional(pid, r-s)
	}
	if !tells {
		f.Sum += max(most, shared)
	}
	return f
}

// Watch looks at its memory until stop is called, which returns the most of each.
func (p *Process) Watch(t testing.TB) (stop func() Footprint) {
	t.Helper()
	end, seen := make(chan struct{}), make(chan Footprint)
	go func() {
		most := p.Footprint(t)
		for {
			select {
			case <-end:
				seen <- most
				return
			case <-time.After(50 * time.Millisecond):
				most = most.most(p.Footprint(t))
			}
		}
	}()
	return func() Footprint { close(end); return <-seen }
}

// tells reports whether the shares of other processes can be read: decoders hide
// them from all but root.
var tells = os.Geteuid() == 0

// proportional is the memory of a process with its share of what others have too;
// only what it has alone where that cannot be read.
func proportional(pid int, alone int64) int64 {
	if !tells {
		return alone
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) // nothing if it has ended
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// resident is what a process has in memory, and how much of that is of files or
// shared. Of one that has ended it is nothing.
func resident(pid int) (all, shared int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	var size, r, s int64
	if n, _ := fmt.Sscan(string(text), &size, &r, &s); n != 3 {
		return 0, 0
	}
	page := int64(os.Getpagesize())
	return r * page, s * page
}
