// Package rig runs the real binary as child processes, and does to them what the
// world does: kill, freeze, thaw, terminate. It hands tests the servers that imgd
// works with as well: PostgreSQL, Redis, S3 and an OpenID provider, real ones, and links
// to them that can be made bad.
package rig

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"imgd/e2e/contract"
)

// Binary is a build of imgd that the tests of a package run.
type Binary struct {
	Path *string // set when it is there
	Tags []string
}

// Main is what a TestMain does: it builds, runs the tests while every answer is held
// against the contract, and ends the process.
func Main(m *testing.M, builds ...Binary) {
	code, err := built(contract.Over(m.Run), builds)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func built(run func() int, builds []Binary) (int, error) {
	dir, err := os.MkdirTemp("", "imgd-test")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is the system's temporary folder
	for _, b := range builds {
		if *b.Path, err = build(dir, b.Tags...); err != nil {
			return 1, err
		}
	}
	return run(), nil
}

// build compiles imgd with build tags into a folder, and returns its path.
func build(dir string, tags ...string) (string, error) {
	bin := filepath.Join(dir, "imgd-"+strings.Join(append(tags, "bin"), "-"))
	cmd := exec.Command("go", "build", "-tags", strings.Join(tags, ","), "-o", bin, "imgd/cmd/imgd") // #nosec G204 -- our own tags
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the binary does not build: %w\n%s", err, out)
	}
	return bin, nil
}

// Site is where the processes of one test keep their things.
type Site struct {
	Bin string
	Dir string
	Env []string // more IMGD_* variables for every process

	Cage *Cage // around every process, if there is one
}

// NewSite is an empty database and store.
func NewSite(t testing.TB, bin string, env ...string) *Site {
	t.Helper()
	return &Site{Bin: bin, Dir: t.TempDir(), Env: env}
}

// Process is one running imgd.
type Process struct {
	cmd  *exec.Cmd
	URL  string // of the API, or of the second listener of a worker
	log  *output
	done chan struct{}
	err  error
}

// Start runs imgd in a role ("serve", "api", "worker") and waits until it is
// ready. The test's end kills it.
func (s *Site) Start(t testing.TB, role string, env ...string) *Process {
	t.Helper()
	address := freeAddress(t)
	p := &Process{URL: "http://" + address, log: &output{}, done: make(chan struct{})}
	line := []string{s.Bin, role}
	if s.Cage != nil {
		line = s.Cage.around(s.Bin, role)
	}
	p.cmd = exec.Command(line[0], line[1:]...) // #nosec G204 -- the binary of this test
	p.cmd.Dir = s.Dir
	p.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir, "TMPDIR=" + s.Dir,
		"IMGD_DATABASE_URL=sqlite:" + filepath.Join(s.Dir, "imgd.db"), "IMGD_STORAGE_URL=file:" + filepath.Join(s.Dir, "blobs"),
		"IMGD_LOG_FORMAT=json", "IMGD_LOG_LEVEL=info",
	}, append(s.Env, env...)...)
	if role == "worker" {
		p.cmd.Env = append(p.cmd.Env, "IMGD_METRICS_LISTEN="+address)
	} else {
		p.cmd.Env = append(p.cmd.Env, "IMGD_LISTEN="+address)
	}
	p.cmd.Stderr = p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := deliver(p.cmd); err != nil {
		t.Fatal(err)
	}
	over := contract.Serves(address)
	go func() { p.err = p.cmd.Wait(); over(); close(p.done) }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%s (pid %d) said last:\n%s", role, p.PID(), p.log.tail())
		}
	})
	p.awaitReady(t)
	return p
}

func (p *Process) awaitReady(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-p.done:
			t.Fatalf("imgd ended before it was ready: %v\n%s", p.err, p.log)
		default:
		}
		resp, err := http.Get(p.URL + "/readyz") // #nosec G107 -- our own child
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
	t.Fatalf("imgd is not ready after 30 s\n%s", p.log)
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log is what the process has written so far.
func (p *Process) Log() string { return p.log.String() }

// Kill9 ends it without a word, and waits until it is gone.
func (p *Process) Kill9() { _ = p.cmd.Process.Kill(); <-p.done }

// Stop freezes it.
func (p *Process) Stop(t testing.TB) { t.Helper(); p.signal(t, syscall.SIGSTOP) }

// Cont thaws it.
func (p *Process) Cont(t testing.TB) { t.Helper(); p.signal(t, syscall.SIGCONT) }

// Term asks it to stop.
func (p *Process) Term(t testing.TB) { t.Helper(); p.signal(t, syscall.SIGTERM) }

// Hup asks it to read its settings again.
func (p *Process) Hup(t testing.TB) { t.Helper(); p.signal(t, syscall.SIGHUP) }

func (p *Process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("%v cannot be sent to %d: %v", s, p.PID(), err)
	}
}

// Wait returns how the process ended, or fails the test after d.
func (p *Process) Wait(t testing.TB, d time.Duration) error {
	t.Helper()
	select {
	case <-p.done:
		return p.err
	case <-time.After(d):
		t.Fatalf("imgd (pid %d) has not ended after %s\n%s", p.PID(), d, p.log)
		return nil
	}
}

// Children are the ids of its decoders.
func (p *Process) Children(t testing.TB) []int { t.Helper(); return childrenOf(p.PID()) }

// childrenOf are the ids of the processes that a process has started and that are not
// yet waited for.
func childrenOf(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name) // #nosec G304 -- of /proc
		if err != nil {
			continue // it has ended
		}
		pid, rest, ok := strings.Cut(string(text), " ")
		if !ok {
			continue
		}
		fields := strings.Fields(rest[strings.LastIndexByte(rest, ')')+1:])
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			n, _ := strconv.Atoi(pid)
			pids = append(pids, n)
		}
	}
	return pids
}

// Memory is the memory the process itself holds in bytes, shared memory included
// and files it has only mapped not.
func (p *Process) Memory(t testing.TB) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if name == "RssAnon" || name == "RssShmem" {
			kb, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += kb << 10
		}
	}
	return sum
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it was only asked for its number
	return l.Addr().String()
}

// output is what a process writes, read while it does.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// tail is the end of it, and before it whatever did not go well: enough to see what
// went wrong.
func (o *output) tail() string {
	const most = 4 << 10
	text := o.String()
	end := text[max(0, len(text)-most):]
	var bad strings.Builder
	for line := range strings.Lines(text[:len(text)-len(end)]) {
		if bad.Len() < most && (!strings.Contains(line, `"level":"INFO"`) || strings.Contains(line, `"msg":"job failed"`)) {
			bad.WriteString(line)
		}
	}
	return bad.String() + end
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
