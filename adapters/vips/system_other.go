//go:build !linux

package vips

import (
	"math"
	"os"
	"syscall"
)

func self() string {
	name, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return name
}

// attributes have no way here to let a child die with its parent: an idle one
// sees the end of the socket, a busy one when it answers.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func patient() {}

func keepDescriptors() {}

func memory() int64 { return math.MaxInt64 }

func memoryOf(int) (resident, writable int64) { return 0, 0 }
