package e2e

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Whoever reloads a service that has only just been started does not end it.
func TestAHangupWhileStartingEndsNoProcess(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // a database that never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()                  //nolint:errcheck // of the test
	cmd := exec.Command(shipped, "serve") // #nosec G204 -- the binary of this test
	said := &strings.Builder{}
	cmd.Dir, cmd.Stderr = t.TempDir(), said
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "IMGD_DATABASE_URL=postgres://imgd@" + silent.Addr().String() + "/imgd?sslmode=disable", "IMGD_LISTEN=127.0.0.1:0"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	asked, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close() //nolint:errcheck // of the test
	for range 3 {
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // with an error: it never was up
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		t.Errorf("it ended by the signal %v, and said:\n%s", status.Signal(), said)
	}
}
