package vips

import (
	"errors"
	"fmt"
	"os/exec"
	"sync/atomic"
	"time"

	"imgd/adapters/vips/wire"
)

// end is why a child is no more.
type end int32

const (
	alive     end = iota
	crashed       // it closed its socket in the middle of a call
	cancelled     // its call was given up
	overran       // its call passed the deadline
	lied          // it said what cannot be true
	spoiled       // it failed halfway through a file
	recycled      // it has served long enough
	refused       // it was not fit for work
	closed        // the pool was closed
)

// startTimeout is how long a child may take to say hello.
const startTimeout = 10 * time.Second

// goneTimeout is how long to wait for the system to report the end of a child.
const goneTimeout = 2 * time.Second

// decoder is one child process.
type decoder struct {
	cmd   *exec.Cmd
	conn  *wire.Conn
	notes *notes
	end   atomic.Int32 // why it was killed; alive if it was not
	users atomic.Int32 // of conn: the attendant and a borrower

	gone   chan struct{} // closed when the process is no more
	status error         // how it ended; read it when gone is closed

	// Of whoever has the decoder, or of the pool's lock when nobody has.
	renders int
	cpu     time.Duration // that it says it has computed
	fresh   int64         // bytes it could write to before its first call
	probes  int
	lent    bool
	rested  time.Time // when it was last given back
}

// probesPerRender is how many probes wear a child down like one render. A probe
// reads a header and decodes nothing: it leaves next to nothing behind, and every
// upload brings one along.
const probesPerRender = 10

func (d *decoder) count(op wire.Op) {
	if op == wire.OpProbe {
		d.probes++
	} else {
		d.renders++
	}
}

// worn reports whether the child has served long enough, or holds on to memory.
func (d *decoder) worn(c Config) bool {
	return d.renders >= c.RecycleAfter || d.probes/probesPerRender >= c.RecycleAfter ||
		d.cpu >= prime || d.holds() > c.IdleBytes
}

// holds is how much memory the child has now, or could still write to without asking:
// what an allocator has not given back is missing for the next file, too.
func (d *decoder) holds() int64 {
	resident, writable := memoryOf(d.cmd.Process.Pid)
	return max(resident, writable-d.fresh)
}

func (d *decoder) worked() bool { return d.renders+d.probes > 0 }

// launch starts a child. The calling thread must outlive it.
func launch(c Config) (*decoder, error) {
	env, err := c.environment()
	if err != nil {
		return nil, err
	}
	conn, theirs, err := wire.Pair(c.OutputBytes)
	if err != nil {
		return nil, err
	}
	defer theirs.Close() //nolint:errcheck // nothing was written through it
	d := &decoder{conn: conn, gone: make(chan struct{}), notes: &notes{log: c.Log}}
	d.cmd = exec.Command(c.Executable, c.Args...) // #nosec G204 -- this binary, or what the configuration names
	d.cmd.Env = env
	d.cmd.Dir = "/"
	d.cmd.ExtraFiles = append(d.cmd.ExtraFiles, theirs) // becomes wire.Descriptor
	d.cmd.Stderr = d.notes
	d.cmd.WaitDelay = time.Second
	d.cmd.SysProcAttr = attributes()
	d.users.Store(1)
	keepDescriptors()
	if err := d.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("a decoder cannot be started: %w", err), conn.Close())
	}
	return d, nil
}

// greet waits until the child says that it is ready.
func (d *decoder) greet() (wire.Hello, error) {
	var hello wire.Hello
	if err := d.conn.Within(startTimeout); err != nil {
		return hello, err
	}
	f, err := d.conn.Receive()
	if err != nil {
		return hello, fmt.Errorf("a decoder did not say hello: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written through it
	if f.Kind != wire.KindHello {
		return hello, wire.Broken("the first frame is of kind %d", f.Kind)
	}
	if err := f.Decode(&hello); err != nil {
		return hello, err
	}
	if hello.Version != wire.Version {
		return hello, fmt.Errorf("a decoder speaks version %d of the protocol instead of %d: it is of another build", hello.Version, wire.Version)
	}
	return hello, d.conn.Within(0)
}

// kill ends the child at once. The first reason counts.
func (d *decoder) kill(why end) {
	d.end.CompareAndSwap(int32(alive), int32(why))
	_ = d.cmd.Process.Kill() // fails when it is gone already
	d.conn.Expire()
}

// lend begins a loan. The caller holds the pool's lock.
func (d *decoder) lend() {
	d.lent = true
	d.users.Add(1)
	d.notes.forget()
}

// drop ends the use of conn. It is not closed with the process, because what a
// child has said before it died can still be read.
func (d *decoder) drop() {
	if d.users.Add(-1) == 0 {
		_ = d.conn.Close() // nobody is at either end
	}
}

// why says by whose hand the child ended; alive when it was by its own.
func (d *decoder) why() end { return end(d.end.Load()) }

// autopsy tells how the child ended and what its last words were.
func (d *decoder) autopsy() error {
	select {
	case <-d.gone:
	case <-time.After(goneTimeout):
		return errors.New("the decoder closed its socket and would not end")
	}
	err := d.status
	if err == nil {
		err = errors.New("the decoder left without a word")
	}
	if text := d.notes.text(); text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return err
}
