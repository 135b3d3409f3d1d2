package child

import (
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"imgd/adapters/vips/weight"
	"imgd/adapters/vips/wire"
)

// descriptors is enough for the standard three, the socket, the runtime's own, a
// file and an answer.
const descriptors = 64

// confine sets the limits of the process, for good. Memory is bounded by what is
// written to (RLIMIT_DATA), since an address space of the same size would not even
// let the runtime start. What counts as the size of a file is that of a large
// answer: it is shared memory. The number of processes is not bounded, since the
// kernel counts all of a user's; the jail lets none be made.
func confine(s wire.Settings) error {
	for _, l := range []struct {
		name     string
		resource int
		most     int64
	}{
		{"core dumps", unix.RLIMIT_CORE, 0},
		{"descriptors", unix.RLIMIT_NOFILE, descriptors},
		{"memory", unix.RLIMIT_DATA, weight.Whole(s.Limits.MemoryBytes)},
		{"computing time", unix.RLIMIT_CPU, unlessZero(int64(s.Lifetime / time.Second))},
		{"written files", unix.RLIMIT_FSIZE, unlessZero(s.Written)},
	} {
		if err := lower(l.resource, uint64(l.most)); err != nil {
			return fmt.Errorf("the limit of %s cannot be set: %w", l.name, err)
		}
	}
	return undumpable()
}

func unlessZero(most int64) int64 {
	if most == 0 {
		return math.MaxInt64
	}
	return most
}

// lower sets a limit, or leaves one that is already lower.
func lower(resource int, most uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(resource, &now); err != nil {
		return err
	}
	most = min(most, now.Max)
	return unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most})
}

// cpu is what the process has computed so far.
func cpu() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// body is the file of a request, mapped if it came as a descriptor. release ends
// its validity.
func body(f wire.Frame) (data []byte, release func(), err error) {
	if f.File == nil {
		return f.Body, func() {}, nil
	}
	info, err := f.File.Stat()
	if err != nil {
		return nil, nil, err
	}
	if info.Size() < f.Size { // reading behind its end would be a SIGBUS
		return nil, nil, wire.Broken("a file of %d bytes is said to have %d", info.Size(), f.Size)
	}
	data, err = unix.Mmap(int(f.File.Fd()), 0, int(f.Size), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil, fmt.Errorf("a file cannot be mapped: %w", err)
	}
	return data, func() { _ = unix.Munmap(data) }, nil
}
