package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is a server of a test's own, to be killed, frozen and started again. Its
// URL stays the same, and what it has stored stays stored.
type Server struct {
	URL    string // with an account that may do everything
	Addr   string // host:port, to put a Proxy in front
	Bucket Bucket // of NewS3, empty at first

	t    testing.TB
	kind *component
	run  machine
}

// component is a kind of server the rig hands out.
type component struct {
	name     string // as people call it
	variable string // names a server that runs already
	image    image
	given    func() string                                           // the URL of that server, or ""
	url      func(addr string) string                                // of one that the rig runs
	answers  func(ctx context.Context, url string) error             // nil once it does its work
	program  func() (string, error)                                  // what the native driver runs, or what is missing
	native   func(program, dir, addr string, own bool) (plan, error) // made ready to start
	boxed    func(own bool) box

	shared struct {
		once sync.Once
		run  machine // nil if the rig did not start it
		url  string
		from string
		err  error
	}
}

// machine is what runs one server: a child process or a container.
type machine interface {
	address() string                 // the same over restarts
	start(ctx context.Context) error // does not wait until it answers
	signal(s syscall.Signal) error   // as if sent to all its processes
	ended() <-chan struct{}          // closed once it no longer runs
	log() string                     // the end of what it said
	cpu() (time.Duration, error)     // the processor time it has used since it started
	remove()                         // ends it, and removes what it stored
}

// patience is how long a server may take to answer.
const patience = 60 * time.Second

// share returns the URL of the server that the tests of this process share.
func (k *component) share(t testing.TB) string {
	t.Helper()
	s := &k.shared
	s.once.Do(func() {
		s.run, s.url, s.from, s.err = k.find()
		if s.err == nil {
			t.Logf("%s comes from %s", k.name, s.from)
		}
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.url
}

// find takes the server that is named in a variable, and it alone, or starts one.
func (k *component) find() (run machine, url, from string, err error) {
	given := k.given()
	if given == "" {
		m, from, err := k.launch(false)
		if err != nil {
			return nil, "", "", err
		}
		return m, k.url(m.address()), from, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := k.answers(ctx, given); err != nil {
		return nil, "", "", fmt.Errorf("%s is set, but that server does not answer: %w", k.variable, err)
	}
	return nil, given, k.variable, nil
}

// launch starts a server by the first driver that can run one here.
func (k *component) launch(own bool) (m machine, from string, err error) {
	d, err := choose(k, os.Getenv("TEST_DRIVER"))
	if err != nil {
		return nil, "", err
	}
	return k.launchBy(d, own)
}

func (k *component) launchBy(d driver, own bool) (m machine, from string, err error) {
	m, from, err = d.prepare(k, own)
	if err != nil {
		return nil, "", fmt.Errorf("%s cannot be prepared by the %s driver: %w", k.name, d.name, err)
	}
	if err := bring(k, m, 1); err != nil {
		m.remove()
		return nil, "", err
	}
	return m, from, nil
}

// own is a server for one test, which ends with it.
func (k *component) own(t testing.TB) *Server {
	t.Helper()
	m, from, err := k.launch(true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s, from %s, said last:\n%s", k.name, from, m.log())
		}
		m.remove()
	})
	return &Server{URL: k.url(m.address()), Addr: m.address(), t: t, kind: k, run: m}
}

// bring starts a server and waits until it answers. One that ends at once gets more
// tries if it has some.
func bring(k *component, m machine, tries int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if err := m.start(ctx); err != nil {
			return fmt.Errorf("%s cannot be started: %w\n%s", k.name, err, m.log())
		}
		err := await(ctx, k, m)
		if err == nil {
			return nil
		}
		if tries--; tries == 0 || ctx.Err() != nil {
			return fmt.Errorf("%s does not answer: %w\n%s", k.name, err, m.log())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

var errEnded = errors.New("it has ended")

func await(ctx context.Context, k *component, m machine) error {
	url := k.url(m.address())
	for {
		err := k.answers(ctx, url)
		if err == nil {
			return nil
		}
		select {
		case <-m.ended():
			return errEnded
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Kill9 ends it without a word, and waits until it is gone.
func (s *Server) Kill9() { s.t.Helper(); s.end(syscall.SIGKILL) }

// StopImmediate ends PostgreSQL in its immediate mode: it drops all sessions, and
// recovers at the next start.
func (s *Server) StopImmediate(t testing.TB) {
	t.Helper()
	if s.kind != postgres {
		t.Fatalf("%s has no immediate mode of stopping", s.kind.name)
	}
	s.end(syscall.SIGQUIT)
}

func (s *Server) end(sig syscall.Signal) {
	s.t.Helper()
	if err := s.run.signal(sig); err != nil {
		s.t.Fatalf("%v cannot be sent to %s: %v", sig, s.kind.name, err)
	}
	select {
	case <-s.run.ended():
	case <-time.After(patience):
		s.t.Fatalf("%s still runs %s after %v", s.kind.name, patience, sig)
	}
}

// Start starts one that has ended, and waits until it answers. PostgreSQL refuses to
// start while processes of a killed one are still ending, so there are more tries.
func (s *Server) Start() {
	s.t.Helper()
	if err := bring(s.kind, s.run, 50); err != nil {
		s.t.Fatal(err)
	}
}

// Stop freezes it with all its processes: connections stay open, nothing answers.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.run.signal(syscall.SIGSTOP); err != nil {
		t.Fatalf("%s cannot be frozen: %v", s.kind.name, err)
	}
}

// Cont thaws it.
func (s *Server) Cont(t testing.TB) {
	t.Helper()
	if err := s.run.signal(syscall.SIGCONT); err != nil {
		t.Fatalf("%s cannot be thawed: %v", s.kind.name, err)
	}
}
