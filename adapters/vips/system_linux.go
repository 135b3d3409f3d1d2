package vips

import (
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// self survives the binary being replaced by a newer one.
func self() string { return "/proc/self/exe" }

// attributes let a child die with the thread that started it, and keep the
// terminal's Ctrl-C from it: a running job has its grace period.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// patient lets the calling thread, and what it starts, be woken a millisecond late.
// Nothing in a child is waiting for the clock but the watcher of Go's runtime: it
// looks every 20 µs, and of a small picture that is a good part of the work. An old
// kernel leaves it as it is.
func patient() {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(time.Millisecond), 0, 0, 0)
}

// keepDescriptors marks every descriptor as not to be inherited, also those that
// a library has opened without saying so. An old kernel that cannot do it leaves
// those of such libraries open.
func keepDescriptors() { _ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) }

// memory is how much this process and its children may use: what the machine has,
// or any of the control groups around them allows.
func memory() int64 {
	system := os.DirFS("/")
	most := controlled(system)
	for line := range strings.Lines(text(system, "proc/meminfo")) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 {
			most = min(most, kib<<10)
		}
	}
	return most
}

// memoryOf is what a process holds: resident is what it has written to, writable what it
// could write to, which is what its limit counts. Both are 0 when they cannot be told.
func memoryOf(pid int) (resident, writable int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, 0
	}
	var size, pages, shared, code, libraries, data int64 // proc(5)
	if n, _ := fmt.Sscan(string(text), &size, &pages, &shared, &code, &libraries, &data); n != 6 {
		return 0, 0
	}
	page := int64(os.Getpagesize())
	return pages * page, data * page
}
