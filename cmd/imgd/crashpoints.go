//go:build crashpoints

package main

import (
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"imgd/core"
	"imgd/ports"
)

// This build stops at a named point, so that tests see what is left behind.
// IMGD_CRASH_POINT=after-claim:2 means the second time that a process comes by;
// IMGD_CRASH_ACT says what happens then: kill and freeze do it to the process
// itself, error makes the call at the point Unavailable, and hold:3s keeps it
// waiting this time and every later one. A file named like the point in the working
// directory tells that it was reached.
func init() {
	name, nth, _ := strings.Cut(os.Getenv("IMGD_CRASH_POINT"), ":")
	act, span, _ := strings.Cut(os.Getenv("IMGD_CRASH_ACT"), ":")
	p := &point{name: name, act: act, nth: 1}
	if n, err := strconv.ParseInt(nth, 10, 64); err == nil {
		p.nth = n
	}
	p.hold, _ = time.ParseDuration(span)
	mutate = func(_ *parts, jobs ports.Jobs) ports.Jobs { return crashJobs{jobs, p} }
	mutateImages = func(images ports.Images) ports.Images { return crashImages{images, p} }
	mutateBlobs = func(blobs ports.Blobs) ports.Blobs { return crashBlobs{blobs, p} }
	mutateRender = func(r ports.Renderer) ports.Renderer { return crashRender{r, p} }
}

// point is where this process stops, and how.
type point struct {
	name   string
	nth    int64
	act    string
	hold   time.Duration
	passed atomic.Int64
}

// pass is called wherever there is a point.
func (p *point) pass(ctx context.Context, name string) error {
	if name == "" || name != p.name {
		return nil
	}
	n := p.passed.Add(1)
	if n < p.nth || n > p.nth && p.act != "hold" {
		return nil
	}
	_ = os.WriteFile(name, nil, 0o600) // without it the test says that the point was not reached
	switch p.act {
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "freeze":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(50 * time.Millisecond) // one thread may run on until all have stopped
	case "error":
		return core.Unavailable.Errorf("the test wants this to fail at %s", name).After(time.Second)
	case "hold":
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(p.hold):
		}
	}
	return nil
}

// crashImages stops around the transaction that records an upload.
type crashImages struct {
	ports.Images
	p *point
}

// Admit has before-admit and after-admit-before-hint.
func (c crashImages) Admit(ctx context.Context, a ports.Admission) error {
	if err := c.p.pass(ctx, "before-admit"); err != nil {
		return err
	}
	if err := c.Images.Admit(ctx, a); err != nil {
		return err
	}
	return c.p.pass(ctx, "after-admit-before-hint")
}

// crashBlobs stops while and after objects are written, and after one was deleted.
type crashBlobs struct {
	ports.Blobs
	p *point
}

// Create has mid-stream and after-blob-put for originals, and
// after-first-variant-put.
func (c crashBlobs) Create(ctx context.Context, key, contentType string, r io.Reader) (ports.Info, error) {
	after := ""
	switch {
	case strings.HasPrefix(key, "o/"):
		r, after = &crashReader{ctx: ctx, r: r, p: c.p}, "after-blob-put"
	case strings.HasPrefix(key, "v/"):
		after = "after-first-variant-put"
	}
	info, err := c.Blobs.Create(ctx, key, contentType, r)
	if err == nil {
		err = c.p.pass(ctx, after)
	}
	return info, err
}

// Delete has mid-sweep: the object is gone, and its row does not know.
func (c crashBlobs) Delete(ctx context.Context, key string) error {
	if err := c.Blobs.Delete(ctx, key); err != nil {
		return err
	}
	return c.p.pass(ctx, "mid-sweep")
}

// crashReader has mid-stream: some of the bytes have come.
type crashReader struct {
	ctx  context.Context //nolint:containedctx // it lives as long as one Create
	r    io.Reader
	p    *point
	some bool
}

// Read passes the point before every read but the first.
func (c *crashReader) Read(b []byte) (int, error) {
	if c.some {
		if err := c.p.pass(c.ctx, "mid-stream"); err != nil {
			return 0, err
		}
	}
	c.some = true
	return c.r.Read(b)
}

// crashRender stops around and within what decoders do.
type crashRender struct {
	ports.Renderer
	p *point
}

// Probe has after-probe.
func (c crashRender) Probe(ctx context.Context, f *os.File, bytes int64) (core.Probe, error) {
	found, err := c.Renderer.Probe(ctx, f, bytes)
	if err == nil {
		err = c.p.pass(ctx, "after-probe")
	}
	return found, err
}

// Render has mid-decode, when the first variant has come from the decoder and
// nobody has it yet, and after-render.
func (c crashRender) Render(ctx context.Context, t ports.Task, emit func(ports.Rendition) error) (ports.Report, error) {
	first := true
	report, err := c.Renderer.Render(ctx, t, func(r ports.Rendition) error {
		if first {
			first = false
			if err := c.p.pass(ctx, "mid-decode"); err != nil {
				return err
			}
		}
		return emit(r)
	})
	if err == nil {
		err = c.p.pass(ctx, "after-render")
	}
	return report, err
}

// crashJobs stops around what a worker records.
type crashJobs struct {
	ports.Jobs
	p *point
}

// Claim has after-claim.
func (c crashJobs) Claim(ctx context.Context, w ports.Want) (core.Job, core.Record, error) {
	j, rec, err := c.Jobs.Claim(ctx, w)
	if err == nil {
		err = c.p.pass(ctx, "after-claim")
	}
	return j, rec, err
}

// Finish has before-finish and after-finish-before-ack.
func (c crashJobs) Finish(ctx context.Context, j core.Job, r ports.Result) (core.Job, error) {
	if err := c.p.pass(ctx, "before-finish"); err != nil {
		return core.Job{}, err
	}
	done, err := c.Jobs.Finish(ctx, j, r)
	if err == nil {
		err = c.p.pass(ctx, "after-finish-before-ack")
	}
	return done, err
}
