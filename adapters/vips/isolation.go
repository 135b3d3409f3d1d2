package vips

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"imgd/adapters/vips/wire"
)

// ErrNotIsolated says that a child could not lock itself up as it was told to.
var ErrNotIsolated = errors.New("decoders are not isolated")

// checkJail refuses a child that has not locked itself up where it has to.
func (c Config) checkJail(j wire.Jail) error {
	if c.Isolation != IsolationRequire || j.Tight() {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNotIsolated, leaks(j))
}

// leaks says what is missing from a jail.
func leaks(j wire.Jail) string {
	what := j.Missing
	if len(j.Allowed) > 0 {
		what = append(what[:len(what):len(what)], "a decoder can "+strings.Join(j.Allowed, ", "))
	}
	if len(what) == 0 {
		return "no layer is in force"
	}
	return wire.Text(strings.Join(what, "; "), lineBytes)
}

// isolation names what decoding is isolated by.
func isolation(j wire.Jail) string {
	return strings.Join(append([]string{"process"}, j.Layers...), ", ")
}

// introduce logs what the decoders are like, once. The caller holds the lock.
func (p *Pool) introduce(h wire.Hello) {
	p.cfg.Log.Info("decoders are ready", "library", h.Capabilities.Library, "isolation", isolation(h.Jail), "allocator", allocator(h.Versions),
		"decoders", p.cfg.Children, "render_memory", p.cfg.RenderBytes,
		"jail_ms", float64(h.Jail.Micros)/float64(time.Millisecond/time.Microsecond))
	if p.cfg.Isolation == IsolationAuto && !h.Jail.Tight() {
		p.cfg.Log.Warn("decoders are isolated less than they could be", slog.String("missing", leaks(h.Jail)))
	}
	if advice := Advise(h.Versions); len(advice) > 0 {
		p.cfg.Log.Warn("libraries of the decoders are old; look whether your distribution has mended them", slog.Any("advice", advice))
	}
}

func allocator(versions map[string]string) string {
	if v := versions["jemalloc"]; v != "" {
		return "jemalloc " + v
	}
	return "the C library's"
}

// Versions are the libraries the children work with.
func (p *Pool) Versions() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.hello.Versions)
}

// Leaks says what is missing from the isolation of the children, "" if nothing is or
// none is wanted.
func (p *Pool) Leaks() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cfg.Isolation == IsolationOff || p.hello.Jail.Tight() {
		return ""
	}
	return leaks(p.hello.Jail)
}
