package rig

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// native runs servers as child processes, from programs installed here.
var native = driver{
	name: "native",
	refuses: func(k *component) error {
		_, err := k.program()
		return err
	},
	prepare: func(k *component, own bool) (machine, string, error) {
		c, err := newChild(k, own)
		if err != nil {
			return nil, "", err
		}
		return c, c.plan.argv[0], nil
	},
}

// plan is how a server is run as a child process.
type plan struct {
	argv  []string
	env   []string
	owner *syscall.Credential // nil for our own user
	death syscall.Signal      // ends it and all its processes
}

// child is a server run as a child process on the loopback interface. All it writes
// is in a folder of its own.
type child struct {
	dir  string
	addr string
	plan plan

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
}

// ground is where a server keeps its files: in memory where nothing of it has to be
// durable, since a database that comes and goes is some hundred files. Another user
// has to get into it.
func ground(own bool) string {
	var fs unix.Statfs_t
	if !own && unix.Statfs("/dev/shm", &fs) == nil && fs.Type == unix.TMPFS_MAGIC && fs.Bavail*uint64(fs.Bsize) > 2<<30 {
		return "/dev/shm"
	}
	return "/tmp"
}

func newChild(k *component, own bool) (*child, error) {
	program, err := k.program()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(ground(own), "imgd-rig-")
	if err != nil {
		return nil, err
	}
	if err := atExit("sweep " + quoted(dir)); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	c := &child{dir: dir, addr: fmt.Sprintf("127.0.0.1:%d", port)}
	c.plan, err = k.native(program, dir, c.addr, own)
	return c, err
}

func (c *child) address() string { return c.addr }

func (c *child) start(context.Context) error {
	out, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // the child has its own
	cmd := exec.Command(c.plan.argv[0], c.plan.argv[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(plainEnvironment(), c.plan.env...)
	// A file, for a pipe would be held open by processes that outlive the first one.
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: c.plan.death, Credential: c.plan.owner}
	if err := deliver(cmd); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cmd, c.done = cmd, done
	return nil
}

func (c *child) ended() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

func (c *child) signal(s syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	pid := c.cmd.Process.Pid
	family := childrenOf(pid)
	if err := c.cmd.Process.Signal(s); err != nil {
		return err
	}
	switch s {
	case syscall.SIGSTOP: // it has no more of them from here on
		signalAll(childrenOf(pid), s)
	default: // the others see for themselves how the first one fares, if they are not frozen
		signalAll(family, syscall.SIGCONT)
	}
	return nil
}

func signalAll(pids []int, s syscall.Signal) {
	for _, pid := range pids {
		_ = syscall.Kill(pid, s) // it may have ended just now
	}
}

func (c *child) log() string {
	text, err := os.ReadFile(filepath.Join(c.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4<<10):])
}

func (c *child) remove() {
	c.finish()
	for range 100 { // processes of a killed one may still write for a moment
		if os.RemoveAll(c.dir) == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *child) finish() {
	if c.ended() == nil {
		return
	}
	_ = c.signal(syscall.SIGCONT)
	_ = c.signal(c.plan.death)
	select {
	case <-c.ended():
	case <-time.After(5 * time.Second):
		_ = c.signal(syscall.SIGKILL)
		<-c.ended()
	}
}

// midwife starts all children. The kernel takes the end of the thread that started a
// process for the end of its parent, so this thread stays.
var midwife = sync.OnceValue(func() chan<- func() {
	births := make(chan func())
	go func() {
		runtime.LockOSThread()
		for birth := range births {
			birth()
		}
	}()
	return births
})

func deliver(cmd *exec.Cmd) error {
	err := make(chan error)
	midwife() <- func() { err <- cmd.Start() }
	return <-err
}

// freePort is a port that nobody listens on, below those that the kernel gives to
// connections: it is still free after its server was killed.
func freePort() (int, error) {
	for range 200 {
		port := 12000 + rand.IntN(20000)
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, errors.New("there is no free port between 12000 and 32000")
}

// plainEnvironment keeps a developer's own settings away from servers.
func plainEnvironment() []string {
	return []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "LC_ALL=C", "TZ=UTC"}
}

// unprivileged is whom to run servers as that refuse root; nil when we are not root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("it refuses to run as root, and there is no user postgres or nobody to run it as")
}

// giveTo hands a file or folder over to the user a server runs as.
func giveTo(owner *syscall.Credential, path string) error {
	if owner == nil {
		return nil
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}
