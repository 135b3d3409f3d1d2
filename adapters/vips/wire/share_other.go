//go:build !linux

package wire

import (
	"errors"
	"os"
	"syscall"
)

func socketpair() ([2]int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	return fds, err
}

// seal copies b into a file without a name: there is no memory to be sealed.
func seal(b []byte) (*os.File, error) {
	f, err := os.CreateTemp("", "imgd-answer-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.Write(b); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func checkSealed(f *os.File, size int64) error {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() != size {
		return Broken("a descriptor is not a file of %d bytes (%v)", size, err)
	}
	return nil
}

// ReadOnly duplicates f; without a /proc it can be written if f can.
func ReadOnly(f *os.File) (*os.File, error) {
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), f.Name()), nil
}
