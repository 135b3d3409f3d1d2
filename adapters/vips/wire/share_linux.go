package wire

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func socketpair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
}

// seals leave nothing that could change: what was checked is what is read.
const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL

// seal copies b into memory that can be handed on by its descriptor.
func seal(b []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("answer", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "answer")
	if _, err := f.Write(b); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// checkSealed makes sure that f is what seal makes: a pipe or a device would
// hold the reader up, and a file could change after it was looked at.
func checkSealed(f *os.File, size int64) error {
	got, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err != nil || got&seals != seals {
		return Broken("a descriptor is not of sealed memory (seals %#x, %v)", got, err)
	}
	info, err := f.Stat()
	if err != nil || info.Size() != size {
		return Broken("a descriptor does not have the %d bytes it should have (%v)", size, err)
	}
	return nil
}

// ReadOnly opens f's file anew so that whoever gets the descriptor can read it
// and do nothing else. The caller closes it.
func ReadOnly(f *os.File) (*os.File, error) {
	ro, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return nil, fmt.Errorf("a file cannot be opened for a decoder: %w", err)
	}
	return ro, nil
}
