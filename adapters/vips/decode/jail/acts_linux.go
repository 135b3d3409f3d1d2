package jail

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Acts are what somebody who has taken over a decoder would try first. None does
// any harm where it succeeds. Where that takes more than a permission, an error
// that only comes behind the door counts as success.
func Acts() []Act {
	parent := os.Getppid()
	return []Act{
		{"read a file", func() error { return reads("/etc/passwd") }},
		{"read its own environment", func() error { return reads("/proc/self/environ") }},
		{"open the memory of its parent", func() error { return reads(fmt.Sprintf("/proc/%d/mem", parent)) }},
		{"list a directory", func() error { return opens("/", unix.O_RDONLY|unix.O_DIRECTORY) }},
		{"create a file", creates},
		{"connect by TCP", connects},
		{"send by UDP", sends},
		{"make a Unix socket", func() error { return made(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)) }},
		{"make a netlink socket", func() error { return made(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)) }},
		{"run a program", func() error { return exec.Command("/bin/true").Run() }},
		{"run a program from memory", runsMemory},
		{"signal its parent", func() error { return unix.Kill(parent, 0) }},
		{"hold a handle of its parent", func() error { return made(unix.PidfdOpen(parent, 0)) }},
		{"look into its parent", func() error { return peeks(parent) }},
		{"trace", func() error { return passes(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(parent), 1, 0) }},
		{"set up an io_uring", func() error { return passes(unix.SYS_IO_URING_SETUP, 0, 0, 0, 0) }},
		{"handle page faults", func() error { return opened(unix.SYS_USERFAULTFD, unix.O_CLOEXEC) }},
		{"load a BPF program", func() error { return passes(unix.SYS_BPF, ^uintptr(0), 0, 0, 0) }},
		{"make a namespace", func() error { return unix.Unshare(0) }},
		{"raise its limits", raises},
		{"become dumpable", func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }},
	}
}

func reads(name string) error { return opens(name, unix.O_RDONLY) }

func opens(name string, flags int) error { return made(unix.Open(name, flags|unix.O_CLOEXEC, 0)) }

// made closes what should not have been opened.
func made(fd int, err error) error {
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func opened(call, flags uintptr) error {
	fd, _, errno := unix.RawSyscall(call, flags, 0, 0)
	if errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}

func creates() error {
	name := fmt.Sprintf("%s/imgd-escape-%d", os.TempDir(), os.Getpid())
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // #nosec G304 -- no input is in it
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(name))
}

var discard = &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}

func connects() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = unix.Connect(fd, discard)
	if err == unix.ECONNREFUSED { // it got there
		err = nil
	}
	return errors.Join(err, unix.Close(fd))
}

func sends() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.Sendto(fd, nil, 0, discard), unix.Close(fd))
}

// runsMemory would run an empty program, which is none.
func runsMemory() error {
	fd, err := unix.MemfdCreate("program", unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	nothing, argv := [1]byte{}, [1]uintptr{}
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&nothing)), // #nosec G103 -- an empty name
		uintptr(unsafe.Pointer(&argv)), uintptr(unsafe.Pointer(&argv)), unix.AT_EMPTY_PATH, 0) // #nosec G103 -- an empty list
	err = errno
	if errno == unix.ENOEXEC {
		err = nil
	}
	return errors.Join(err, unix.Close(fd))
}

// peeks reads where nothing is.
func peeks(pid int) error {
	var b [1]byte
	local := []unix.Iovec{{Base: &b[0], Len: 1}}
	_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: 0, Len: 1}}, 0)
	if err == unix.EFAULT {
		return nil
	}
	return err
}

// raises asks for what the process has already.
func raises() error {
	var l unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &l); err != nil {
		return err
	}
	return unix.Prlimit(0, unix.RLIMIT_NOFILE, &l, nil)
}

// passes makes a call with arguments that cannot succeed: it has passed when it is
// they that are refused.
func passes(call, a, b, c, d uintptr) error {
	switch _, _, errno := unix.RawSyscall6(call, a, b, c, d, 0, 0); errno {
	case unix.EPERM, unix.EACCES, unix.ENOSYS:
		return errno
	}
	return nil
}
