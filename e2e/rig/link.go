package rig

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Link is a connection to a server that can be made bad. Faults add up, and concern
// connections that are open as well as those to come, until Clear.
type Link struct {
	Addr string // where to connect, instead of to the target

	t     testing.TB
	proxy *toxiproxy.Proxy
}

// Proxy puts a Link in front of a target, host:port.
func Proxy(t testing.TB, target string) *Link {
	t.Helper()
	l := &Link{t: t, proxy: newProxy(target)}
	if err := l.proxy.Start(); err != nil {
		t.Fatalf("no link to %s: %v", target, err)
	}
	l.Addr = l.proxy.Listen
	t.Cleanup(func() { l.Clear(); l.proxy.Stop() })
	return l
}

func newProxy(target string) *toxiproxy.Proxy {
	zerolog.SetGlobalLevel(zerolog.Disabled) // some faults do not ask the logger they are given
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	return toxiproxy.NewProxy(server, target, "127.0.0.1:0", target)
}

// Through is the same URL by way of the link: a postgres:// or redis:// URL, or the
// endpoint of a Bucket.
func (l *Link) Through(address string) string {
	l.t.Helper()
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		l.t.Fatalf("%q is not a URL with a host", address)
	}
	u.Host = l.Addr
	return u.String()
}

// Down refuses connections, and ends those that are open.
func (l *Link) Down() { l.proxy.Stop() }

// Up accepts connections again.
func (l *Link) Up() {
	l.t.Helper()
	if err := l.proxy.Start(); err != nil {
		l.t.Fatalf("the link does not come up: %v", err)
	}
}

// Latency lets every answer arrive late by d.
func (l *Link) Latency(d time.Duration) {
	l.t.Helper()
	l.add("latency", "downstream", fmt.Sprintf(`{"latency":%d}`, d.Milliseconds()))
}

// HalfOpen swallows all that is sent, both ways, while connections stay open. Those
// that were open end at Clear, since what they sent is lost.
func (l *Link) HalfOpen() {
	l.t.Helper()
	l.add("timeout", "upstream", `{"timeout":0}`)
	l.add("timeout", "downstream", `{"timeout":0}`)
}

// Reset resets every new connection as soon as anything is sent on it. One that was
// open ends then too, but in an orderly way.
func (l *Link) Reset() { l.t.Helper(); l.add("reset_peer", "upstream", `{"timeout":0}`) }

// Bandwidth lets so many kilobytes a second through, each way.
func (l *Link) Bandwidth(kbps int) {
	l.t.Helper()
	l.add("bandwidth", "upstream", fmt.Sprintf(`{"rate":%d}`, kbps))
	l.add("bandwidth", "downstream", fmt.Sprintf(`{"rate":%d}`, kbps))
}

// Slice hands on answers in pieces of some dozens of bytes, one after the other.
func (l *Link) Slice() {
	l.t.Helper()
	l.add("slicer", "downstream", `{"average_size":64,"size_variation":32,"delay":100}`)
}

// Clear ends all faults but Down.
func (l *Link) Clear() { l.proxy.Toxics.ResetToxics(context.Background()) }

func (l *Link) add(fault, stream, attributes string) {
	l.t.Helper()
	toxic := fmt.Sprintf(`{"type":%q,"stream":%q,"attributes":%s}`, fault, stream, attributes)
	if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		l.t.Fatalf("%s cannot be put on the link: %v", fault, err)
	}
}
