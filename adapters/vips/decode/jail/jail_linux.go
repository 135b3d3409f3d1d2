package jail

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	abi "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"imgd/adapters/vips/wire"
)

// Lock shuts the process up, all its threads and those to come. What libraries
// want to read or load they must have by now. A layer that this system does not
// have is missing in the report, and the other one stands alone.
func Lock() (j wire.Jail) {
	runtime.LockOSThread() // the filter is spread from the thread that has given up its privileges
	defer runtime.UnlockOSThread()
	layer(&j, Landlock, restrict())
	layer(&j, Seccomp, filter())
	return j
}

func layer(j *wire.Jail, name string, err error) {
	if err != nil {
		j.Missing = append(j.Missing, fmt.Sprintf("%s: %v", name, err))
		return
	}
	j.Layers = append(j.Layers, name)
}

// restrict denies all files, TCP and, where the kernel knows of them, UDP, abstract
// sockets of others and signals to them. What an old kernel does not know the
// filter denies anyhow.
func restrict() error {
	version, err := abi.LandlockGetABIVersion()
	if err != nil {
		return fmt.Errorf("this kernel has it not, or a filter around this process hides it: %w", err)
	}
	if version < 1 {
		return fmt.Errorf("the kernel offers version %d", version)
	}
	return landlock.V11.BestEffort().Restrict()
}

// CloseInherited closes what this process was given beyond the descriptors up to
// last, whoever forgot to mark it. The runtime's own have no file behind them.
func CloseInherited(last int) error {
	const own = "/proc/self/fd"
	list, err := os.ReadDir(own)
	if err != nil {
		return fmt.Errorf("the open descriptors cannot be listed: %w", err)
	}
	for _, e := range list {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= last {
			continue
		}
		to, err := os.Readlink(own + "/" + e.Name())
		if err != nil || strings.HasPrefix(to, "anon_inode:[event") {
			continue // the list's own, and what the runtime waits with
		}
		if err := unix.Close(fd); err != nil {
			return fmt.Errorf("descriptor %d cannot be closed: %w", fd, err)
		}
	}
	return nil
}
