package postgres_test

import (
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/records"
	"imgd/core"
	"imgd/ports"
)

// turns forwards connections to the server of a database's address and counts how
// often somebody speaks after having been answered: the round trips.
func turns(t *testing.T, address string) (through string, n *atomic.Int64) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	n = &atomic.Int64{}
	server := u.Host
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go relay(client, server, n)
		}
	}()
	u.Host = listener.Addr().String()
	return u.String(), n
}

func relay(client net.Conn, address string, n *atomic.Int64) {
	defer client.Close() //nolint:errcheck // the test's own
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // the test's own
	var answered atomic.Bool
	answered.Store(true)
	go func() { _, _ = io.Copy(client, noted{server, func() { answered.Store(true) }}) }()
	_, _ = io.Copy(server, noted{client, func() {
		if answered.CompareAndSwap(true, false) {
			n.Add(1)
		}
	}})
}

type noted struct {
	io.Reader
	note func()
}

func (r noted) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.note()
	return n, err
}

// TestATransactionTakesFewRoundTrips holds what a job asks of a database that is
// far away.
func TestATransactionTakesFewRoundTrips(t *testing.T) {
	through, n := turns(t, newDatabase(t))
	db := open(t, through)
	cost := func(what string, most int64, do func() error) {
		t.Helper()
		before := n.Load()
		if err := do(); err != nil {
			t.Fatalf("%s = %v", what, err)
		}
		if took := n.Load() - before; took > most {
			t.Errorf("%s took %d round trips, want at most %d", what, took, most)
		}
	}
	var j core.Job
	life := func(begin, claim, end int64) {
		a := admission()
		cost("an admission", begin, func() error { return records.Images{DB: db}.Admit(t.Context(), a) })
		cost("a claim", claim, func() (err error) {
			j, _, err = records.Jobs{DB: db}.Claim(t.Context(), ports.Want{Worker: "w", Lease: time.Minute, SpecVersion: core.SpecVersion})
			return err
		})
		made := []core.Variant{}
		for _, name := range []string{"a", "b", "c", "d"} {
			made = append(made, core.Variant{Name: name, State: core.VariantIsReady, Transform: "w=1", BlobKey: "v/" + name, ContentType: "image/webp"})
		}
		facts := &core.Facts{DominantColor: "#000000", AverageColor: "#000000", Blurhash: "x"}
		cost("an end", end, func() error {
			_, err := records.Jobs{DB: db}.Finish(t.Context(), j, ports.Result{Outcome: core.Succeeded, Variants: made, Facts: facts})
			return err
		})
	}
	life(100, 100, 100) // statements are prepared once
	life(2, 5, 6)
}
