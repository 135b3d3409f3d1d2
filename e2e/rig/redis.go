package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

var redis = &component{
	name:     "Redis",
	variable: "TEST_REDIS_URL",
	image:    image{"TEST_IMAGE_REDIS", "redis:8-alpine"},
	given:    func() string { return os.Getenv("TEST_REDIS_URL") },
	url:      func(addr string) string { return "redis://:" + secret() + "@" + addr + "/0" },
	answers: func(ctx context.Context, url string) error {
		return onRedis(ctx, url, func(ctx context.Context, c *goredis.Client) error { return c.Ping(ctx).Err() })
	},
	program: func() (string, error) {
		p, err := exec.LookPath("redis-server")
		if err != nil {
			return "", errors.New("redis-server is not installed")
		}
		return p, nil
	},
	native: planRedis,
	boxed:  boxRedis,
}

// Redis returns the URL of a server that the tests of this process share, with the
// number of a database that is this test's alone, and empty.
func Redis(t testing.TB) string {
	t.Helper()
	server := redis.share(t)
	number, err := claim(server)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + strconv.Itoa(number)
	flush := func() error {
		return onRedis(context.Background(), u.String(), func(ctx context.Context, c *goredis.Client) error { return c.FlushDB(ctx).Err() })
	}
	if err := flush(); err != nil {
		t.Fatalf("database %d cannot be emptied: %v", number, err)
	}
	t.Cleanup(func() {
		if err := errors.Join(flush(), release(server, number)); err != nil {
			t.Errorf("database %d cannot be given back: %v", number, err)
		}
	})
	return u.String()
}

// NewRedis starts a Redis of the test's own. It has every write on disk before it
// answers, so that only Flush makes it forget.
func NewRedis(t testing.TB) *Server { t.Helper(); return redis.own(t) }

// Flush makes a Redis forget all it holds.
func (s *Server) Flush(t testing.TB) {
	t.Helper()
	err := onRedis(t.Context(), s.URL, func(ctx context.Context, c *goredis.Client) error { return c.FlushAll(ctx).Err() })
	if err != nil {
		t.Fatalf("Redis cannot be flushed: %v", err)
	}
}

// claim reserves a database number among all test processes that use a server. A
// claim whose process died is void after an hour.
func claim(server string) (number int, err error) {
	err = onRedis(context.Background(), server, func(ctx context.Context, c *goredis.Client) error {
		info, err := c.ConfigGet(ctx, "databases").Result()
		if err != nil {
			return fmt.Errorf("Redis does not tell how many databases it has: %w", err)
		}
		total, err := strconv.Atoi(info["databases"])
		if err != nil {
			return err
		}
		for {
			for number = 1; number < total; number++ {
				won, err := c.SetNX(ctx, claimKey(number), "taken", time.Hour).Result()
				if err != nil || won {
					return err
				}
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("all %d databases of Redis are taken by other tests; give it more (databases 1024)", total)
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return number, err
}

func release(server string, number int) error {
	return onRedis(context.Background(), server, func(ctx context.Context, c *goredis.Client) error {
		return c.Del(ctx, claimKey(number)).Err()
	})
}

func claimKey(number int) string { return "imgd-test-database-" + strconv.Itoa(number) }

func onRedis(ctx context.Context, url string, do func(context.Context, *goredis.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	o, err := goredis.ParseURL(url)
	if err != nil {
		return err
	}
	o.MaxRetries = -1
	c := goredis.NewClient(o)
	defer c.Close() //nolint:errcheck // nothing hangs on it
	return do(ctx, c)
}

func planRedis(program, dir, addr string, own bool) (plan, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return plan{}, err
	}
	config := fmt.Sprintf("bind %s\nport %s\ndir %s\nrequirepass %s\ndatabases 1024\nsave \"\"\n", host, port, dir, secret())
	if own {
		config += "appendonly yes\nappendfsync always\n"
	}
	file := filepath.Join(dir, "redis.conf")
	return plan{argv: []string{program, file}, death: syscall.SIGKILL}, os.WriteFile(file, []byte(config), 0o600)
}

func boxRedis(own bool) box {
	argv := []string{"redis-server", "--bind", "0.0.0.0", "--requirepass", secret(), "--databases", "1024", "--save", ""}
	if own {
		argv = append(argv, "--appendonly", "yes", "--appendfsync", "always")
	}
	return box{port: "6379/tcp", argv: argv}
}
