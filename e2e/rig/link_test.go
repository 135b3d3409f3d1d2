package rig_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"imgd/e2e/rig"
)

// echo answers with what it is told.
func echo(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); io.Copy(c, c) }()
		}
	}()
	return l.Addr().String()
}

func dial(t testing.TB, addr string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// told sends n bytes and waits for them to come back, no longer than patience.
func told(c net.Conn, n int, patience time.Duration) (time.Duration, error) {
	began := time.Now()
	_ = c.SetDeadline(began.Add(patience))
	if _, err := c.Write(make([]byte, n)); err != nil {
		return time.Since(began), err
	}
	_, err := io.ReadFull(c, make([]byte, n))
	return time.Since(began), err
}

func works(t testing.TB, addr string) {
	t.Helper()
	if _, err := told(dial(t, addr), 100, 5*time.Second); err != nil {
		t.Errorf("the link does not work: %v", err)
	}
}

func TestLinks(t *testing.T) {
	t.Run("a link without faults hands everything on", func(t *testing.T) {
		works(t, rig.Proxy(t, echo(t)).Addr)
	})

	t.Run("one that is down refuses, and ends what is open, until it is up", func(t *testing.T) {
		l := rig.Proxy(t, echo(t))
		open := dial(t, l.Addr)
		if _, err := told(open, 1, 5*time.Second); err != nil {
			t.Fatal(err)
		}
		l.Down()
		if _, err := net.DialTimeout("tcp", l.Addr, time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, want a refused connection", err)
		}
		if _, err := told(open, 1, 5*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v from a connection that was open, want its end", err)
		}
		l.Up()
		works(t, l.Addr)
	})

	t.Run("latency lets answers arrive late, until it is cleared", func(t *testing.T) {
		l := rig.Proxy(t, echo(t))
		c := dial(t, l.Addr)
		l.Latency(300 * time.Millisecond)
		if took, err := told(c, 1, 5*time.Second); err != nil || took < 300*time.Millisecond {
			t.Errorf("the answer took %v (%v), want at least 300 ms", took, err)
		}
		l.Clear()
		if took, err := told(c, 1, 5*time.Second); err != nil || took >= 300*time.Millisecond {
			t.Errorf("after it was cleared the answer took %v (%v), want less than 300 ms", took, err)
		}
	})

	t.Run("a half-open link swallows all, and says nothing", func(t *testing.T) {
		l := rig.Proxy(t, echo(t))
		open := dial(t, l.Addr)
		l.HalfOpen()
		for name, c := range map[string]net.Conn{"open": open, "new": dial(t, l.Addr)} {
			if _, err := told(c, 1, 300*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v on a connection that is %s, want silence", err, name)
			}
		}
		l.Clear()
		works(t, l.Addr)
	})

	t.Run("a resetting link resets new connections, and ends open ones", func(t *testing.T) {
		l := rig.Proxy(t, echo(t))
		open := dial(t, l.Addr)
		l.Reset()
		if _, err := told(open, 1, 5*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v on a connection that was open, want its end", err)
		}
		if _, err := told(dial(t, l.Addr), 1, 5*time.Second); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v on a new connection, want a reset", err)
		}
		l.Clear()
		works(t, l.Addr)
	})

	t.Run("bandwidth is in kilobytes a second", func(t *testing.T) {
		l := rig.Proxy(t, echo(t))
		l.Bandwidth(100)
		if took, err := told(dial(t, l.Addr), 50_000, 20*time.Second); err != nil || took < 400*time.Millisecond {
			t.Errorf("50 kB took %v (%v), want about half a second or more", took, err)
		}
	})

	t.Run("a slicing link hands on all, in small pieces", func(t *testing.T) {
		l := rig.Proxy(t, echo(t))
		l.Slice()
		c := dial(t, l.Addr)
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		const sent = 20_000
		if _, err := c.Write(make([]byte, sent)); err != nil {
			t.Fatal(err)
		}
		pieces, got := 0, 0
		for b := make([]byte, sent); got < sent; pieces++ {
			n, err := c.Read(b)
			if err != nil {
				t.Fatalf("got %d of %d bytes: %v", got, sent, err)
			}
			got += n
		}
		if pieces < 20 {
			t.Errorf("%d bytes came in %d pieces, want many", sent, pieces)
		}
	})

	t.Run("a URL leads through the link", func(t *testing.T) {
		l := rig.Proxy(t, "127.0.0.1:1")
		if got, want := l.Through("postgres://u:p@db:5432/x?sslmode=disable"), "postgres://u:p@"+l.Addr+"/x?sslmode=disable"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestPgBouncer(t *testing.T) {
	t.Run("sessions are shared: what one transaction sets is not kept for the client", func(t *testing.T) {
		direct := rig.Postgres(t)
		through := rig.PgBouncer(t, direct)
		if through == direct {
			t.Fatal("the URL does not lead through PgBouncer")
		}
		do(t, direct, "CREATE TABLE marks (n bigint)")
		one, two := session(t, through), session(t, through)
		if a, b := backend(t, one), backend(t, two); a != b {
			t.Errorf("two idle clients have the backends %d and %d, want one for both", a, b)
		}
		if _, err := one.Exec(t.Context(), "INSERT INTO marks VALUES (7)"); err != nil {
			t.Fatal(err)
		}
		if n, err := asked(t, direct, "SELECT n FROM marks"); err != nil || n != 7 {
			t.Errorf("got %d and the error %v, want the 7 written through PgBouncer", n, err)
		}
	})
}
