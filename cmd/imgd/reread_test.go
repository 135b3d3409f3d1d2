package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// said is a log that a test reads while it is written.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *said) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *said) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), words)
}

// hangup sends this process a SIGHUP and waits until the log has the words once more.
func hangup(t *testing.T, log *said, words string) {
	t.Helper()
	before := log.count(words)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); log.count(words) == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a SIGHUP the log has no %q:\n%s", words, &log.text)
		}
	}
}

func TestAWorkerOutlivesAHangup(t *testing.T) {
	s, log := presetsIn(t, "web: {a: w=1}\n"), &said{}
	p := &parts{settings: s, log: slog.New(slog.NewTextHandler(log, nil))}
	defer p.rereading(t.Context(), false, listen())()
	hangup(t, log, "msg=\"read again\" part=\"log level\"")
}

func TestAHangupChangesTheLogLevelAndTellsWhatNeedsARestart(t *testing.T) {
	s, log := defaults(t), &said{}
	p := &parts{settings: &s}
	p.log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: &p.level}))
	var now atomic.Pointer[Settings]
	p.again = func() (*Settings, error) { return now.Load(), nil }
	defer p.rereading(t.Context(), false, listen())()
	next := s
	next.LogLevel, next.Workers = "debug", 7
	now.Store(&next)
	hangup(t, log, "take effect with a restart only")
	if p.level.Level() != slog.LevelDebug {
		t.Errorf("the level is %s, want debug", p.level.Level())
	}
	if log.count("settings=[IMGD_WORKERS]") != 1 {
		t.Errorf("the log does not name what needs a restart:\n%s", &log.text)
	}
	wrong := s
	wrong.LogLevel, wrong.Listen = "info", "nowhere"
	now.Store(&wrong)
	hangup(t, log, "all settings stay as they were")
	if p.level.Level() != slog.LevelDebug || log.count("IMGD_LISTEN") != 1 {
		t.Errorf("after wrong settings the level is %s and the log\n%s", p.level.Level(), &log.text)
	}
}

func TestTheFileOfVariablesIsReadAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, v := range []string{"IMGD_LEASE", "IMGD_POLL"} {
		t.Setenv(v, "") // so that it is put back
		if err := os.Unsetenv(v); err != nil {
			t.Fatal(err)
		}
	}
	secrets := filepath.Join(t.TempDir(), "secret")
	t.Setenv("IMGD_AUTH_HS256_SECRET_FILE", secrets)
	t.Setenv("IMGD_GRACE", "7s")
	put := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(secrets, strings.Repeat("a", 32))
	put(".env", "IMGD_LEASE=20s\nIMGD_GRACE=9s\n")
	var file dotenv
	if err := file.load(".env"); err != nil {
		t.Fatal(err)
	}
	read := file.again([]string{"serve"})
	first, err := read()
	if err != nil {
		t.Fatal(err)
	}
	put(secrets, strings.Repeat("b", 40))
	put(".env", "IMGD_POLL=2s\nIMGD_GRACE=9s\n")
	second, err := read()
	if err != nil {
		t.Fatal(err)
	}
	if first.Lease.String() != "20s" || second.Lease.String() != "15s" || second.Poll.String() != "2s" {
		t.Errorf("the lease was %s and is %s, the poll %s; want 20s, the default and 2s", first.Lease, second.Lease, second.Poll)
	}
	if second.Grace.String() != "7s" {
		t.Errorf("the grace is %s; the environment has 7s, and it goes before the file", second.Grace)
	}
	if second.AuthSecret != strings.Repeat("b", 40) {
		t.Error("the secret is not what its file has now")
	}
	if got := changed(first, second); !slices.Equal(got, []string{"IMGD_LEASE", "IMGD_POLL"}) {
		t.Errorf("what needs a restart is %v", got)
	}
}
