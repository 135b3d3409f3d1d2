package rig

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain can play the test process that is killed; see TestNothingIsLeft.
func TestMain(m *testing.M) {
	if os.Getenv("RIG_PLAYS") == "a process with a server" {
		playDoomed()
	}
	os.Exit(m.Run())
}

// again runs a test of this binary in a process of its own, in another environment.
func again(t *testing.T, test string, env ...string) (output string, passed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.v", "-test.count=1", "-test.run", test)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

const (
	usesPostgres = "^TestSharedServers$/PostgreSQL"
	usesRedis    = "^TestSharedServers$/each_test_has_an_empty_Redis"
	usesS3       = "^TestSharedServers$/bucket_of_its_own"
	usesOIDC     = "^TestSharedServers$/tokens_of_an_OpenID_provider"
)

func TestWhereServersComeFrom(t *testing.T) {
	t.Run("a variable that names a server that is not there fails the test", func(t *testing.T) {
		for variable, try := range map[string]struct{ test, address string }{
			"TEST_POSTGRES_URL": {usesPostgres, "postgres://nobody@127.0.0.1:1/none?sslmode=disable"},
			"TEST_REDIS_URL":    {usesRedis, "redis://127.0.0.1:1/0"},
			"TEST_S3_ENDPOINT":  {usesS3, "http://127.0.0.1:1"},
			"TEST_OIDC_ISSUER":  {usesOIDC, "http://127.0.0.1:1"},
		} {
			out, passed := again(t, try.test, variable+"="+try.address)
			if passed || !strings.Contains(out, variable+" is set, but that server does not answer") {
				t.Errorf("%s=%s: passed is %v, want a failure that names the variable; got\n%s", variable, try.address, passed, out)
			}
		}
	})

	t.Run("a variable that names a server has that one used", func(t *testing.T) {
		objectStore := NewS3(t).Bucket
		_, provider := NewOIDC(t)
		for variable, try := range map[string]struct {
			test string
			env  []string
		}{
			"TEST_POSTGRES_URL": {usesPostgres, []string{"TEST_POSTGRES_URL=" + NewPostgres(t).URL}},
			"TEST_REDIS_URL":    {usesRedis, []string{"TEST_REDIS_URL=" + NewRedis(t).URL}},
			"TEST_S3_ENDPOINT": {usesS3, []string{
				"TEST_S3_ENDPOINT=" + objectStore.Endpoint,
				"TEST_S3_ACCESS_KEY=" + objectStore.AccessKey, "TEST_S3_SECRET_KEY=" + objectStore.SecretKey,
			}},
			"TEST_OIDC_ISSUER": {usesOIDC, []string{
				"TEST_OIDC_ISSUER=" + provider.Issuer, "TEST_OIDC_AUDIENCE=" + provider.Audience,
				"TEST_OIDC_CLIENT_ID=" + provider.client, "TEST_OIDC_CLIENT_SECRET=" + provider.secret,
			}},
		} {
			out, passed := again(t, try.test, try.env...)
			if !passed || !strings.Contains(out, "comes from "+variable) {
				t.Errorf("%s: passed is %v, want a pass with that server; got\n%s", variable, passed, out)
			}
		}
	})

	t.Run("a driver that is forced and cannot do it fails the test, and says what helps", func(t *testing.T) {
		for _, env := range [][]string{
			{"TEST_DRIVER=native", "TEST_VERSITYGW=/nowhere/versitygw"},
			{"TEST_DRIVER=containers", "TEST_IMAGE_S3=localhost:1/imgd-test/none"},
		} {
			out, passed := again(t, usesS3, append(env, "TEST_S3_ENDPOINT=")...)
			for _, want := range []string{"there is no S3 for this test", "set TEST_S3_ENDPOINT", "start Docker", "make servers"} {
				if passed || !strings.Contains(out, want) {
					t.Errorf("%v: passed is %v, want a failure that says %q; got\n%s", env, passed, want, out)
				}
			}
		}
	})

	t.Run("a driver that does not exist is refused", func(t *testing.T) {
		if _, err := choose(redis, "magic"); err == nil || !strings.Contains(err.Error(), "TEST_DRIVER") {
			t.Errorf("got %v, want an error that names TEST_DRIVER", err)
		}
	})
}

// playDoomed has a server with two processes, one of them frozen, and waits for its end.
func playDoomed() {
	c, err := newChild(&component{
		program: func() (string, error) { return "/bin/sh", nil },
		native: func(program, _, _ string, _ bool) (plan, error) {
			return plan{argv: []string{program, "-c", "sleep 100 & sleep 100; true"}, death: syscall.SIGKILL}, nil
		},
	}, true)
	if err == nil {
		err = c.start(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	time.Sleep(200 * time.Millisecond)
	signalAll(childrenOf(c.cmd.Process.Pid), syscall.SIGSTOP)
	fmt.Println(c.dir)
	select {}
}

func TestNothingIsLeft(t *testing.T) {
	t.Run("a test process that is killed takes its servers and their folders with it", func(t *testing.T) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "RIG_PLAYS=a process with a server")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		dir, err := bufio.NewReader(out).ReadString('\n')
		dir = strings.TrimSpace(dir)
		if _, err := os.Stat(dir); err != nil || !strings.HasPrefix(dir, "/tmp/imgd-rig-") {
			t.Fatalf("got %q, want the folder of a server that runs: %v", dir, err)
		}
		if n := len(living(dir)); n != 3 {
			t.Errorf("got %d processes, want a shell and two sleepers", n)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			if _, err = os.Stat(dir); os.IsNotExist(err) {
				break
			}
		}
		if !os.IsNotExist(err) {
			t.Errorf("%s is still there 20 s after its process was killed", dir)
		}
		if left := living(dir); len(left) > 0 {
			t.Errorf("the processes %v are still there", left)
		}
	})
}

// living are the processes whose working directory is or was dir.
func living(dir string) (processes []string) {
	all, _ := os.ReadDir("/proc")
	for _, p := range all {
		if cwd, err := os.Readlink("/proc/" + p.Name() + "/cwd"); err == nil && strings.HasPrefix(cwd, dir) {
			processes = append(processes, p.Name())
		}
	}
	return processes
}
