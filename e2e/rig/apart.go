package rig

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// apart tells a test that it is run again, where it may mount.
const apart = "IMGD_TEST_APART"

// Apart runs the calling test once more, in a child with mounts of its own, for root
// and for everybody else. There it returns true; to the first run it returns false
// when the second has passed, and fails it otherwise. env is for the child's TestMain.
func Apart(t *testing.T, env ...string) (there bool) {
	t.Helper()
	if os.Getenv(apart) == t.Name() {
		return true
	}
	var refused error
	for _, rights := range []*syscall.SysProcAttr{mountsOfRoot(), mountsOfAnybody()} {
		var out bytes.Buffer
		cmd := repeated(t, &out, env)
		cmd.SysProcAttr = rights
		if err := deliver(cmd); err != nil {
			refused = errors.Join(refused, err)
			continue
		}
		if err := cmd.Wait(); err != nil || !bytes.Contains(out.Bytes(), []byte("--- PASS: "+t.Name()+" ")) {
			t.Fatalf("where it may mount, the test did not pass: %v\n%s", err, &out)
		}
		t.Logf("where it may mount:\n%s", &out)
		return false
	}
	t.Fatalf("%v\n%s", refused, allow)
	return false
}

const allow = "This test mounts a small file system. Any of these helps:" +
	"\n  sysctl kernel.unprivileged_userns_clone=1, where there is such a setting" +
	"\n  sysctl user.max_user_namespaces=10000, where it is 0" +
	"\n  sysctl kernel.apparmor_restrict_unprivileged_userns=0, on Ubuntu" +
	"\n  in a container: --cap-add SYS_ADMIN --security-opt apparmor=unconfined, or a seccomp profile that allows clone and unshare of namespaces" +
	"\n  run it as root with CAP_SYS_ADMIN"

// repeated is this test in another process, to be over before this one's time is.
func repeated(t *testing.T, out *bytes.Buffer, env []string) *exec.Cmd {
	t.Helper()
	args := []string{"-test.run=^" + regexp.QuoteMeta(t.Name()) + "$", "-test.v", "-test.count=1"}
	if deadline, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout="+max(time.Second, time.Until(deadline)-5*time.Second).String())
	}
	cmd := exec.Command(os.Args[0], args...) // #nosec G204 G702 -- this very program
	cmd.Env = append(append(os.Environ(), env...), apart+"="+t.Name())
	cmd.Stdout, cmd.Stderr = out, out
	return cmd
}

func mountsOfRoot() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Unshareflags: syscall.CLONE_NEWNS}
}

// mountsOfAnybody are those of a user namespace. Who we are stays the same in it, and
// the one right that mounting takes is kept.
func mountsOfAnybody() *syscall.SysProcAttr {
	same := func(id int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: id, HostID: id, Size: 1}}
	}
	return &syscall.SysProcAttr{
		Pdeathsig:    syscall.SIGKILL,
		Cloneflags:   syscall.CLONE_NEWUSER,
		Unshareflags: syscall.CLONE_NEWNS,
		UidMappings:  same(os.Getuid()),
		GidMappings:  same(os.Getgid()),
		AmbientCaps:  []uintptr{unix.CAP_SYS_ADMIN},
	}
}

// Narrow puts an empty file system of so many bytes at a folder, in a test that is
// Apart. It can be made wider.
func Narrow(t *testing.T, folder string, bytes int) (widen func(bytes int)) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o750); err != nil {
		t.Fatal(err)
	}
	mount := func(flags uintptr, bytes int) error {
		return syscall.Mount("tmpfs", folder, "tmpfs", flags, "size="+strconv.Itoa(bytes))
	}
	if err := mount(0, bytes); err != nil {
		t.Fatalf("a file system cannot be mounted: %v\n%s", err, allow)
	}
	t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
	return func(bytes int) {
		t.Helper()
		if err := mount(syscall.MS_REMOUNT, bytes); err != nil {
			t.Fatalf("the file system cannot be made wider: %v", err)
		}
	}
}
