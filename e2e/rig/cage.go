package rig

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Cage is a limit of memory for a process with all that it starts, as a container
// has it: a control group of the kernel.
type Cage struct {
	dir    string
	killed string // the file that counts kills, by a line "oom_kill N"
	peak   string
}

var cages atomic.Int64

// NewCage makes one that the test's end removes. It is an error where this process
// may not make any.
func NewCage(t testing.TB, most int64) (*Cage, error) {
	t.Helper()
	name := fmt.Sprintf("imgd-test-%d-%d", os.Getpid(), cages.Add(1))
	old := &Cage{filepath.Join("/sys/fs/cgroup/memory", name), "memory.oom_control", "memory.max_usage_in_bytes"}
	c, err := old, old.make("memory.limit_in_bytes", most)
	if err != nil {
		c = &Cage{filepath.Join("/sys/fs/cgroup", name), "memory.events", "memory.peak"}
		if err2 := c.make("memory.max", most); err2 != nil {
			return nil, fmt.Errorf("no control group can be made here: %w", errors.Join(err, err2))
		}
	}
	t.Cleanup(func() {
		for range 100 { // the kernel may still be busy with the last process
			if os.Remove(c.dir) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Logf("the control group %s cannot be removed", c.dir)
	})
	return c, nil
}

func (c *Cage) make(limit string, most int64) error {
	if err := os.Mkdir(c.dir, 0o755); err != nil { // #nosec G301 -- of a pseudo file system
		return err
	}
	err := os.WriteFile(filepath.Join(c.dir, limit), []byte(strconv.FormatInt(most, 10)), 0o600)
	if err != nil {
		_ = os.Remove(c.dir)
	}
	return err
}

// around is a command line that runs another one inside.
func (c *Cage) around(name string, args ...string) []string {
	const enter = `echo $$ >"$0" && exec "$@"`
	return append([]string{"sh", "-c", enter, filepath.Join(c.dir, "cgroup.procs"), name}, args...)
}

// Killed is how many processes the kernel has killed inside for want of memory.
func (c *Cage) Killed(t testing.TB) (n int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, c.killed))
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		if _, err := fmt.Sscanf(s.Text(), "oom_kill %d", &n); err == nil {
			return n
		}
	}
	t.Fatalf("%s says nothing of kills: %q", c.killed, text)
	return 0
}

// Peak is the most memory that was in use inside, cached files among it; 0 where the
// kernel does not tell.
func (c *Cage) Peak() int64 {
	text, _ := os.ReadFile(filepath.Join(c.dir, c.peak))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}
