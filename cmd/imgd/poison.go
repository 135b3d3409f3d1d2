//go:build crashpoints

package main

import (
	"bytes"
	"context"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"imgd/adapters/vips/decode"
	"imgd/adapters/vips/decode/child"
	"imgd/core"
)

func init() {
	mutateEngine = func(e decode.Engine) decode.Engine { return poisoned{e} }
}

// poisoned is an engine that dies of a fault when it renders a file that says so. It
// finds nothing wrong with it before.
type poisoned struct{ decode.Engine }

var faults = map[string]syscall.Signal{
	"imgd-poison-segv": syscall.SIGSEGV, "imgd-poison-abrt": syscall.SIGABRT, "imgd-poison-bus": syscall.SIGBUS, "imgd-poison-ill": syscall.SIGILL,
}

// Render raises the signal in the thread that decodes, as a fault does.
func (p poisoned) Render(ctx context.Context, t child.Task, emit func(child.Output) error) (*core.Facts, error) {
	for word, signal := range faults {
		if bytes.Contains(t.Data, []byte(word)) {
			_ = unix.Tgkill(os.Getpid(), unix.Gettid(), signal)
			time.Sleep(time.Minute)
		}
	}
	return p.Engine.Render(ctx, t, emit)
}
