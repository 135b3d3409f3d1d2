package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// inMemory is a file that lies in memory alone.
func inMemory(string) (*os.File, error) {
	fd, err := unix.MemfdCreate("imgd-spool", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "spool"), nil
}
