package jail

import (
	"fmt"
	"os"
	"slices"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// calls are what decoding takes: memory, threads, the clock, and the socket and the
// shared memory that exist. The most frequent come first. None of them names a
// file, and none another process.
var calls = []string{
	"futex", "read", "write", "epoll_pwait", "sendmsg", "recvmsg", "madvise", "mmap", "munmap", "mprotect", "mremap", "brk",
	"nanosleep", "clock_nanosleep", "sched_yield", "clock_gettime", "clock_getres", "gettimeofday", "time", "getrusage", "getrlimit",
	"readv", "writev", "pread64", "pwrite64", "lseek", "fstat", "close", "ftruncate", "memfd_create", "getrandom",
	"epoll_ctl", "epoll_wait", "epoll_create1", "eventfd2", "poll", "ppoll",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
	"getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "uname", "sysinfo", "getcpu",
	"set_robust_list", "get_robust_list", "rseq", "membarrier",
	"sched_getaffinity", "sched_getscheduler", "sched_getparam", "sched_get_priority_max", "sched_get_priority_min",
	"exit", "exit_group",
}

// controls are the commands of fcntl: none would have the kernel send signals.
var controls = []uint64{
	unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_DUPFD_CLOEXEC, unix.F_ADD_SEALS, unix.F_GET_SEALS,
}

// options are those of prctl: names for threads and memory, and looks at oneself.
var options = []uint64{
	unix.PR_SET_NAME, unix.PR_GET_NAME, unix.PR_SET_VMA, unix.PR_GET_DUMPABLE, unix.PR_GET_TIMERSLACK, unix.PR_GET_SECCOMP, unix.PR_GET_NO_NEW_PRIVS,
}

// filter lets through what is on the lists, and answers EPERM to all else. Killing
// the process instead would lose a picture for a call that some library makes
// although it can do without it, and the process could not try for itself whether
// it is locked up.
func filter() error {
	policy, err := policy(os.Getpid())
	if err != nil {
		return err
	}
	return seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: policy})
}

func policy(pid int) (seccomp.Policy, error) {
	here, err := arch.GetInfo("")
	if err != nil {
		return seccomp.Policy{}, fmt.Errorf("there is no list for this processor: %w", err)
	}
	known := slices.DeleteFunc(slices.Clone(calls), func(name string) bool { _, ok := here.SyscallNames[name]; return !ok })
	when := func(name string, c seccomp.Condition) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{c}}
	}
	equal := func(argument uint32, value uint64) seccomp.Condition {
		return seccomp.Condition{Argument: argument, Operation: seccomp.Equal, Value: value}
	}
	some := []seccomp.NameWithConditions{
		// A thread, never a process.
		when("clone", seccomp.Condition{Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD}),
		// Signals to itself: Go interrupts its threads by them, and abort dies by one.
		when("tgkill", equal(0, uint64(pid))),
		// Its own limits can be read.
		{Name: "prlimit64", Conditions: seccomp.ArgumentConditions{equal(0, 0), equal(2, 0)}},
	}
	for _, command := range controls {
		some = append(some, when("fcntl", equal(1, command)))
	}
	for _, option := range options {
		some = append(some, when("prctl", equal(0, option)))
	}
	return seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls: []seccomp.SyscallGroup{
			{Action: seccomp.ActionAllow, Names: known, NamesWithCondtions: some},
			// The filter cannot see what clone3 asks for: the C library is told that
			// there is none, and takes clone.
			{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}},
		},
	}, nil
}
