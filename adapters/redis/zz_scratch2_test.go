package redis_test

import "syscall"

var stopSig, contSig = syscall.SIGSTOP, syscall.SIGCONT
