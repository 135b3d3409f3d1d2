package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// service is the imgd that this demo has started.
type service struct {
	url     string
	logFile string
	cmd     *exec.Cmd
	ended   chan struct{}
	err     error // how it ended
}

// start runs imgd on SQLite and a folder, and returns when it is ready.
func start(ctx context.Context, o options) (*service, error) {
	address, err := freeAddress(ctx, o.listen)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(o.data, "demo"), 0o750); err != nil {
		return nil, err
	}
	s := &service{url: "http://" + address, logFile: filepath.Join(o.data, "demo", "imgd.log"), ended: make(chan struct{})}
	log, err := os.Create(s.logFile)
	if err != nil {
		return nil, err
	}
	defer log.Close()                       //nolint:errcheck // the child has its own
	s.cmd = exec.Command(o.binary, "serve") // #nosec G204 -- the binary that was just built
	s.cmd.Env = append(os.Environ(),
		"IMGD_LISTEN="+address, "IMGD_PUBLIC_URL="+s.url, "IMGD_METRICS_LISTEN=",
		"IMGD_DATABASE_URL=sqlite:"+filepath.Join(o.data, "imgd.db"), "IMGD_STORAGE_URL=file:"+filepath.Join(o.data, "blobs"),
		"IMGD_LOG_FORMAT=json")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	// A Ctrl-C is for us; we pass it on, once.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("imgd cannot be started: %w", err)
	}
	go func() { s.err = s.cmd.Wait(); close(s.ended) }()
	if err := s.ready(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, s.lastWords()), s.stop())
	}
	return s, nil
}

// freeAddress is the wanted address, or one with a free port when something
// else is there.
func freeAddress(ctx context.Context, want string) (string, error) {
	var lc net.ListenConfig
	if l, err := lc.Listen(ctx, "tcp", want); err == nil {
		return want, l.Close()
	}
	host, _, err := net.SplitHostPort(want)
	if err != nil {
		return "", fmt.Errorf("%q is not host:port", want)
	}
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	got := l.Addr().String()
	fmt.Printf("%s is taken; this demo serves on %s.\n", want, got)
	return got, l.Close()
}

// ready waits until the service says so.
func (s *service) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.ended:
			return fmt.Errorf("imgd ended before it was ready: %w", s.err)
		case <-ctx.Done():
			return errors.New("imgd was not ready in time")
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// stop asks the service to stop and waits until it has.
func (s *service) stop() error {
	select {
	case <-s.ended:
		return nil // run has told how
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.ended:
	case <-time.After(40 * time.Second): // more than the service's own patience
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
	if s.err != nil {
		return fmt.Errorf("imgd did not stop well: %w\n%s", s.err, s.lastWords())
	}
	return nil
}

// lastWords is the end of the service's log.
func (s *service) lastWords() string {
	text, err := os.ReadFile(s.logFile)
	if err != nil {
		return ""
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-15):], []byte("\n")))
}
