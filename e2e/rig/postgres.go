package rig

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

var postgres = &component{
	name:     "PostgreSQL",
	variable: "TEST_POSTGRES_URL",
	image:    image{"TEST_IMAGE_POSTGRES", "postgres:17-alpine"},
	given:    func() string { return os.Getenv("TEST_POSTGRES_URL") },
	url: func(addr string) string {
		return "postgres://imgd:" + secret() + "@" + addr + "/postgres?sslmode=disable"
	},
	answers: func(ctx context.Context, url string) error {
		return withPostgres(ctx, url, func(*pgx.Conn) error { return nil })
	},
	program: findPostgres,
	native:  planPostgres,
	boxed:   boxPostgres,
}

// secret is the password of all servers that this process starts. Other users of the
// machine shall not get in.
var secret = sync.OnceValue(func() string { return strings.ToLower(rand.Text()) })

// Postgres returns the URL of a fresh, empty database on a server that the tests of
// this process share. The database is dropped at the test's end, with its sessions.
// The server is fast rather than durable; NewPostgres starts one that is both itself.
func Postgres(t testing.TB) string { t.Helper(); return newDatabase(t, postgres.share(t), "template1") }

// Pattern is a database that tests get copies of: filled once, since that costs a
// multiple of a copy.
type Pattern struct {
	// Fill makes the tables; it has closed its connections when it returns.
	Fill func(url string) error

	once sync.Once
	name string
	err  error
}

// Postgres returns the URL of a copy, which is dropped at the test's end.
func (p *Pattern) Postgres(t testing.TB) string {
	t.Helper()
	server := postgres.share(t)
	p.once.Do(func() {
		p.name = "imgd_pattern_" + strings.ToLower(rand.Text()[:16])
		if p.err = onPostgres(server, "CREATE DATABASE "+p.name); p.err == nil {
			p.err = p.Fill(at(t, server, p.name))
		}
	})
	if p.err != nil {
		t.Fatalf("the pattern of databases cannot be made: %v", p.err)
	}
	return newDatabase(t, server, p.name)
}

func newDatabase(t testing.TB, server, template string) string {
	t.Helper()
	name := "imgd_test_" + strings.ToLower(rand.Text()[:16])
	if err := onPostgres(server, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatalf("a database cannot be created: %v", err)
	}
	t.Cleanup(func() {
		if err := onPostgres(server, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("the database cannot be dropped: %v", err)
		}
	})
	return at(t, server, name)
}

// at is the address of a database on a server.
func at(t testing.TB, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("TEST_POSTGRES_URL has to begin with postgres://: %v", err)
	}
	u.Path = "/" + name
	return u.String()
}

// NewPostgres starts a PostgreSQL of the test's own, as durable as it is by default.
func NewPostgres(t testing.TB) *Server { t.Helper(); return postgres.own(t) }

func onPostgres(url, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return withPostgres(ctx, url, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, sql)
		return err
	})
}

func withPostgres(ctx context.Context, url string, do func(*pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(ctx) //nolint:errcheck // nothing hangs on it
	return do(c)
}

// findPostgres looks where distributions put what is not meant for everybody's PATH.
func findPostgres() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		p, err = filepath.EvalSymlinks(p)
		return filepath.Dir(p), err
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	more, _ := filepath.Glob("/usr/pgsql-*/bin/initdb")
	found = append(found, more...)
	if len(found) == 0 {
		return "", errors.New("initdb is not installed")
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return versionIn(a) - versionIn(b) })
	return filepath.Dir(newest), nil
}

func versionIn(path string) int {
	number := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(number) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(number[0])
	return n
}

func planPostgres(bin, dir, addr string, own bool) (plan, error) {
	owner, err := unprivileged()
	if err != nil {
		return plan{}, err
	}
	if err := initdb(bin, dir, owner); err != nil {
		return plan{}, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return plan{}, err
	}
	argv := []string{
		filepath.Join(bin, "postgres"), "-D", filepath.Join(dir, "data"),
		"-h", host, "-p", port, "-c", "unix_socket_directories=",
	}
	return plan{argv: append(argv, settings(own)...), owner: owner, death: syscall.SIGQUIT}, nil
}

// settings trade durability for speed, but not on a server that a test will kill.
func settings(own bool) []string {
	if own {
		return nil
	}
	return []string{
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
		"-c", "max_connections=300",
	}
}

func initdb(bin, dir string, owner *syscall.Credential) error {
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(secret()+"\n"), 0o600); err != nil {
		return err
	}
	if err := errors.Join(giveTo(owner, dir), giveTo(owner, password)); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "imgd",
		"--auth=scram-sha-256", "--pwfile="+password, "-E", "UTF8", "--no-locale", "--no-sync")
	cmd.Dir, cmd.Env = dir, plainEnvironment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return os.Remove(password)
}

func boxPostgres(own bool) box {
	b := box{
		port: "5432/tcp",
		env:  map[string]string{"POSTGRES_USER": "imgd", "POSTGRES_PASSWORD": secret(), "POSTGRES_DB": "postgres"},
		argv: append([]string{"postgres"}, settings(own)...),
	}
	if !own {
		b.tmpfs = "/var/lib/postgresql/data"
	}
	return b
}
