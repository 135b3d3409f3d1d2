package rig

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// PgBouncer puts a PgBouncer in front of a PostgreSQL, in transaction mode: a session
// is the client's for no longer than a transaction. It returns the URL by way of it.
func PgBouncer(t testing.TB, postgresURL string) string {
	t.Helper()
	behind, err := url.Parse(postgresURL)
	if err != nil {
		t.Fatal(err)
	}
	through := *behind
	bouncer := &component{
		name:    "PgBouncer",
		url:     func(addr string) string { through.Host = addr; return through.String() },
		answers: postgres.answers,
		program: findPgBouncer,
		native: func(program, dir, addr string, _ bool) (plan, error) {
			return planPgBouncer(program, dir, addr, behind)
		},
	}
	if _, err := findPgBouncer(); err != nil {
		t.Fatalf("there is no PgBouncer for this test: %v; type `make servers`, which installs it", err)
	}
	m, _, err := bouncer.launchBy(native, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.remove)
	return bouncer.url(m.address())
}

func findPgBouncer() (string, error) {
	if p, err := exec.LookPath("pgbouncer"); err == nil {
		return p, nil
	}
	if isFile("/usr/sbin/pgbouncer") {
		return "/usr/sbin/pgbouncer", nil
	}
	return "", errors.New("pgbouncer is not installed")
}

const bouncerSettings = `[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = %s
listen_port = %s
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s
pool_mode = transaction
default_pool_size = 10
max_client_conn = 500
`

func planPgBouncer(program, dir, addr string, behind *url.URL) (plan, error) {
	owner, err := unprivileged()
	if err != nil {
		return plan{}, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return plan{}, err
	}
	users, config := filepath.Join(dir, "users"), filepath.Join(dir, "pgbouncer.ini")
	password, _ := behind.User.Password()
	err = errors.Join(
		os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", behind.User.Username(), password), 0o600),
		os.WriteFile(config, fmt.Appendf(nil, bouncerSettings, behind.Hostname(), behind.Port(), host, port, users), 0o600),
		giveTo(owner, dir), giveTo(owner, users), giveTo(owner, config),
	)
	return plan{argv: []string{program, config}, owner: owner, death: syscall.SIGKILL}, err
}
