package vips_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"imgd/adapters/vips"
	"imgd/core"
	"imgd/core/transform"
	"imgd/ports"
)

var _ ports.Renderer = (*vips.Pool)(nil)

func TestAProbeReturnsWhatTheChildFound(t *testing.T) {
	p := open(t, nil)
	for _, size := range []int{0, 1, 1<<20 - 1, 1 << 20, 5 << 20} {
		f := file(t, "", 0)
		if err := f.Truncate(int64(size)); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(7, 0); err != nil { // the position must not matter
			t.Fatal(err)
		}
		found, err := p.Probe(t.Context(), f, int64(size))
		want := core.Probe{Format: "png", ContentType: "image/png", Width: 40, Height: 30, Pages: 1, MemoryBytes: int64(size)}
		if err != nil || fmt.Sprint(found) != fmt.Sprint(want) {
			t.Errorf("Probe of %d bytes: got %+v, %v, want %+v", size, found, err, want)
		}
	}
}

func TestARefusalComesWithItsFactsAndCostsNoChild(t *testing.T) {
	p := open(t, nil)
	_, err := p.Probe(t.Context(), file(t, "refuse", 100), 100)
	e, ok := errors.AsType[*core.Error](err)
	if !ok || e.Slug != core.ImageTooLarge || e.Kind != core.Undecodable {
		t.Fatalf("got %v, want image-too-large", err)
	}
	if e.Facts["limit"] != int64(5) || e.Facts["actual"] != int64(7) {
		t.Errorf("facts: got %v, want limit 5 and actual 7", e.Facts)
	}
	if r := p.Stats().Restarts; r != (vips.Restarts{}) {
		t.Errorf("restarts: got %+v, want none", r)
	}
}

func TestWhatNobodyClassifiedIsInternalWithTheTextAsCause(t *testing.T) {
	p := open(t, nil)
	_, err := p.Probe(t.Context(), file(t, "puzzled", 100), 100)
	e, ok := errors.AsType[*core.Error](err)
	if !ok || e.Kind != core.Internal || strings.Contains(e.Detail, "secret") || !strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want an internal error with the secret in its cause only", err)
	}
	mustWork(t, p)
	eventually(t, "the puzzled child is replaced", func() bool { return p.Stats().Restarts.Failed == 1 })
}

func TestRenderEmitsEveryVariantAndReports(t *testing.T) {
	p := open(t, nil)
	for word, size := range map[string]int{"ok": 100, "big": 3 << 20} {
		job := task(t, word, "a", "b", "c")
		job.Facts = true
		all, report, err := render(t.Context(), p, job)
		if err != nil || len(all) != 3 {
			t.Fatalf("%s: got %d outputs and %v, want 3", word, len(all), err)
		}
		for i, name := range []string{"a", "b", "c"} {
			r := all[i]
			if r.Name != name || r.ContentType != "image/png" || r.Ext != "png" || r.Width != 10 || r.Height != 8 || r.Pages != 1 || r.Bytes != int64(size) {
				t.Errorf("%s: got %+v", word, r.Rendition)
			}
			if !bytes.Equal(r.body, picture(name, size)) {
				t.Errorf("%s: the %d bytes of %s are not those that were rendered", word, len(r.body), name)
			}
			if len(r.Warnings) != 1 || r.Warnings[0].Detail != "not real" {
				t.Errorf("%s: got the warnings %v, want one, on one line", word, r.Warnings)
			}
		}
		if report.Facts == nil || report.Facts.DominantColor != "#102030" {
			t.Errorf("%s: got the facts %v, want those of the child", word, report.Facts)
		}
	}
	if r := p.Stats().Restarts; r != (vips.Restarts{}) {
		t.Errorf("restarts: got %+v, want none", r)
	}
}

func TestOneFailedVariantLeavesTheOthers(t *testing.T) {
	p := open(t, nil)
	all, _, err := render(t.Context(), p, task(t, "half", "a", "b", "c"))
	if err != nil || len(all) != 3 {
		t.Fatalf("got %d outputs and %v, want 3", len(all), err)
	}
	if core.SlugOf(all[1].Err) != core.ImageUndecodable || all[0].Err != nil || all[2].Err != nil {
		t.Errorf("got %v, %v, %v, want an error in the middle only", all[0].Err, all[1].Err, all[2].Err)
	}
	mustWork(t, p)
	eventually(t, "the child that failed is replaced", func() bool { return p.Stats().Restarts.Failed == 1 })
}

func TestWhatWasEmittedBeforeAFailureIsGood(t *testing.T) {
	p := open(t, nil)
	all, _, err := render(t.Context(), p, task(t, "late", "a", "b"))
	if core.SlugOf(err) != core.ImageTruncated || len(all) != 1 || !bytes.Equal(all[0].body, picture("a", 100)) {
		t.Errorf("got %d outputs and %v, want one and image-truncated", len(all), err)
	}
	mustWork(t, p)
}

func TestAChildThatDiesCostsOneCall(t *testing.T) {
	p := open(t, nil)
	for i, c := range []struct{ word, status string }{
		{"segv", "exit status 2"}, {"kill", "signal: killed"}, {"leave", "without a word"}, {"segv", "SIGSEGV"},
		{"abort", "SIGABRT"}, {"bus", "SIGBUS"}, {"ill", "SIGILL"},
	} {
		_, err := p.Probe(t.Context(), file(t, c.word, 100), 100)
		if core.SlugOf(err) != core.DecoderCrashed || !strings.Contains(err.Error(), c.status) {
			t.Errorf("Probe of %s: got %v, want decoder-crashed because of %s", c.word, err, c.status)
		}
		_, _, err = render(t.Context(), p, task(t, c.word, "a"))
		if core.SlugOf(err) != core.DecoderCrashed || !strings.Contains(err.Error(), c.status) {
			t.Errorf("Render of %s: got %v, want decoder-crashed because of %s", c.word, err, c.status)
		}
		mustWork(t, p)
		eventually(t, "the crashes are counted", func() bool { return p.Stats().Restarts.Crashed == int64(2*i+2) })
	}
	eventually(t, "the pool is at full strength", func() bool { return len(p.Pids()) == 2 })
}

func TestAChildKilledFromOutsideCostsOneCall(t *testing.T) {
	p := open(t, nil)
	result, begun := make(chan error, 1), make(chan struct{})
	go func() {
		_, err := p.Render(t.Context(), task(t, "hang", "a"), func(ports.Rendition) error {
			close(begun)
			return nil
		})
		result <- err
	}()
	<-begun
	eventually(t, "the spare is there", func() bool { return p.Stats().Idle == 1 })
	for _, pid := range p.Pids() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err := <-result; core.SlugOf(err) != core.DecoderCrashed {
		t.Errorf("got %v, want decoder-crashed", err)
	}
	mustWork(t, p) // though its first choice may have been killed this moment
}

func TestAFileIsNotBlamedForAChildThatDiedIdle(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.Children = 3 })
	for range 8 {
		eventually(t, "one is idle", func() bool { return p.Stats().Idle > 0 })
		for _, pid := range p.Pids() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		mustWork(t, p)
	}
}

func TestAChildThatOverrunsIsStoppedAtItsDeadline(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.ProbeTimeout, c.RenderTimeout = 200*time.Millisecond, 300*time.Millisecond })
	began := time.Now()
	_, err := p.Probe(t.Context(), file(t, "hang", 100), 100)
	if took := time.Since(began); core.SlugOf(err) != core.DecoderOverran || took > 450*time.Millisecond {
		t.Errorf("Probe: got %v after %v, want decoder-overran after 200 ms", err, took)
	}
	mustWork(t, p)
	began = time.Now()
	_, _, err = render(t.Context(), p, task(t, "hang", "a"))
	if took := time.Since(began); core.SlugOf(err) != core.DecoderOverran || took > 550*time.Millisecond {
		t.Errorf("Render: got %v after %v, want decoder-overran after 300 ms", err, took)
	}
	mustWork(t, p)
	eventually(t, "both are counted", func() bool { return p.Stats().Restarts.Overran == 2 })
}

func TestAnSVGHasItsOwnDeadlineForEachVariant(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.RenderTimeout, c.SVGTimeout = 20*time.Second, 300*time.Millisecond })
	for _, names := range [][]string{{"a"}, {"a", "b", "c"}} {
		job := task(t, "hang", names...)
		job.Probe.ContentType = "image/svg+xml"
		least := time.Duration(len(names)) * 300 * time.Millisecond
		began := time.Now()
		_, _, err := render(t.Context(), p, job)
		if took := time.Since(began); core.SlugOf(err) != core.DecoderOverran || took < least || took > 10*time.Second {
			t.Errorf("%d variants: got %v after %v, want decoder-overran after %v", len(names), err, took, least)
		}
	}
}

func TestASlowReaderDoesNotStopTheClock(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.RenderTimeout = 200 * time.Millisecond })
	_, err := p.Render(t.Context(), task(t, "ok", "a", "b"), func(ports.Rendition) error {
		time.Sleep(300 * time.Millisecond)
		return nil
	})
	if core.SlugOf(err) != core.DecoderOverran {
		t.Errorf("got %v, want decoder-overran", err)
	}
}

func TestACancelledCallReturnsItsCauseAndFreesItsSlot(t *testing.T) {
	p := open(t, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the caller has gone")
	time.AfterFunc(100*time.Millisecond, func() { cancel(gone) })
	if _, _, err := render(ctx, p, task(t, "hang", "a")); !errors.Is(err, gone) {
		t.Errorf("got %v, want %v", err, gone)
	}
	mustWork(t, p)
	if _, err := p.Probe(ctx, file(t, "ok", 100), 100); !errors.Is(err, gone) {
		t.Errorf("a call that begins cancelled: got %v, want %v", err, gone)
	}
	eventually(t, "it is counted", func() bool { return p.Stats().Restarts.Cancelled == 1 })
}

func TestAnErrorOfEmitComesBackUnchanged(t *testing.T) {
	p := open(t, nil)
	full := core.Full.Errorf("no room")
	if _, err := p.Render(t.Context(), task(t, "ok", "a", "b"), func(ports.Rendition) error { return full }); !errors.Is(err, error(full)) {
		t.Errorf("got %v, want %v", err, full)
	}
	mustWork(t, p)
}

func TestManyCallsShareFewChildren(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.Children = 2 })
	var wg sync.WaitGroup
	failed := make(chan error, 100)
	for i := range 50 {
		wg.Go(func() {
			name := fmt.Sprintf("v%d", i)
			all, _, err := render(t.Context(), p, task(t, "nap", name, "x"))
			if err != nil || len(all) != 2 || !bytes.Equal(all[0].body, picture(name, 100)) {
				failed <- fmt.Errorf("render %d: %d outputs, %w", i, len(all), err)
			}
		})
		wg.Go(func() {
			if _, err := p.Probe(t.Context(), file(t, "ok", 2<<20), 2<<20); err != nil {
				failed <- err
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	if s := p.Stats(); s.Idle != 3 || s.Busy != 0 || s.Waiting != 0 || s.Restarts != (vips.Restarts{}) {
		t.Errorf("afterwards: got %+v, want 3 idle children and nothing else", s)
	}
}

func TestProbesDoNotWaitForRenders(t *testing.T) {
	p := open(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { _, _, _ = render(ctx, p, task(t, "hang", "a")) })
	}
	eventually(t, "the render is under way", func() bool { return p.Stats().Busy == 1 })
	eventually(t, "the spare is there", func() bool { return p.Stats().Idle == 1 })
	within, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	if _, err := p.Probe(within, file(t, "ok", 100), 100); err != nil {
		t.Errorf("a probe beside one running and two waiting renders: %v", err)
	}
	cancel()
	wg.Wait()
}

func TestAChildIsReplacedWhenItHasServedLongEnough(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.RecycleAfter = 2 })
	for range 6 {
		mustWork(t, p)
	}
	eventually(t, "three or more were replaced", func() bool { return p.Stats().Restarts.Recycled >= 2 })
	if r := p.Stats().Restarts; r.Crashed+r.Lied+r.Failed+r.Unfit != 0 {
		t.Errorf("got %+v, want recycled ones only", r)
	}
}

func TestAnUploadsProbeIsNoJobOfItsOwn(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.RecycleAfter = 3 })
	eventually(t, "both are there", func() bool { return p.Stats().Idle == 2 })
	probe := func() {
		t.Helper()
		if _, err := p.Probe(t.Context(), file(t, "ok", 100), 100); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the last one given back is the next to go: the same child
		probe()
		mustWork(t, p)
	}
	for range 27 {
		probe()
	}
	if n := p.Stats().Restarts.Recycled; n != 0 {
		t.Fatalf("after 2 renders and 29 probes %d children were replaced, want none", n)
	}
	probe()
	eventually(t, "ten probes for each render have worn it down", func() bool { return p.Stats().Restarts.Recycled == 1 })
	eventually(t, "both are there", func() bool { return p.Stats().Idle == 2 })
	for range 3 {
		probe()
		mustWork(t, p)
	}
	eventually(t, "so have three renders", func() bool { return p.Stats().Restarts.Recycled == 2 })
}

func TestAnIdleChildIsReplacedIfItHasWorked(t *testing.T) {
	for name, change := range map[string]func(*vips.Config){
		"for its age":    func(c *vips.Config) { c.MaxIdle = time.Nanosecond },
		"for its memory": func(c *vips.Config) { c.IdleBytes = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, func(c *vips.Config) { change(c); c.Children = 2 })
			eventually(t, "all are there", func() bool { return p.Stats().Idle == 3 })
			mustWork(t, p)
			eventually(t, "one is replaced", func() bool {
				p.Sweep()
				return p.Stats().Restarts.Recycled == 1 && p.Stats().Idle == 3
			})
		})
	}
}

func TestAnIdleChildThatDiesIsReplaced(t *testing.T) {
	p := open(t, nil)
	eventually(t, "both are there", func() bool { return p.Stats().Idle == 2 })
	before := p.Pids()
	for _, pid := range before {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	eventually(t, "two others are there", func() bool {
		now := p.Pids()
		return len(now) == 2 && now[0] != before[0] && now[1] != before[1] && p.Stats().Idle == 2
	})
	mustWork(t, p)
	if err := p.Healthy(); err != nil {
		t.Errorf("Healthy: got %v, want nil", err)
	}
}

func TestOpenFailsWithWhatTheChildHadToSay(t *testing.T) {
	c := config()
	c.Args = []string{"dud"}
	if _, err := vips.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "the library is missing") {
		t.Errorf("got %v, want the child's last words", err)
	}
	c.Executable = "/nowhere/imgd"
	if _, err := vips.Open(t.Context(), c); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the file does not exist", err)
	}
}

func TestCallsAreToldWhenNoChildComesUpAnyMore(t *testing.T) {
	name := t.TempDir() + "/imgd"
	if err := os.Symlink("/proc/self/exe", name); err != nil {
		t.Fatal(err)
	}
	p := open(t, func(c *vips.Config) { c.Executable = name })
	eventually(t, "both are there", func() bool { return p.Stats().Idle == 2 })
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	for _, pid := range p.Pids() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	eventually(t, "both are gone", func() bool { return len(p.Pids()) == 0 })
	if _, _, err := render(t.Context(), p, task(t, "ok", "a")); core.KindOf(err) != core.Unavailable || core.RetryAfter(err) == 0 {
		t.Errorf("got %v, want unavailable with the time to wait", err)
	}
	if err := p.Healthy(); err == nil {
		t.Error("Healthy: got nil, want why no child comes up")
	}
}

func TestCloseEndsCallsAndChildren(t *testing.T) {
	p := open(t, nil)
	eventually(t, "both are there", func() bool { return p.Stats().Idle == 2 })
	pids := p.Pids()
	results := make(chan error, 2)
	for range 2 { // one runs, one waits
		go func() {
			_, _, err := render(t.Context(), p, task(t, "hang", "a"))
			results <- err
		}()
	}
	eventually(t, "one runs", func() bool { return p.Stats().Busy == 1 })
	p.Close()
	for range 2 {
		if err := <-results; core.SlugOf(err) != core.ShuttingDown {
			t.Errorf("a call: got %v, want shutting-down", err)
		}
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
			t.Errorf("child %d: got %v, want that there is no such process", pid, err)
		}
	}
	if _, err := p.Probe(t.Context(), file(t, "ok", 100), 100); core.SlugOf(err) != core.ShuttingDown {
		t.Errorf("a later call: got %v, want shutting-down", err)
	}
	p.Close()
}

func TestCheckRefusesWhatTheEngineCannot(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.Can = func(key, _ string) bool { return key != "blur" } })
	spec := transform.Default()
	if err := p.Check(spec); err != nil {
		t.Errorf("the default: got %v, want nil", err)
	}
	spec.Blur = 3
	err := p.Check(spec)
	if e, ok := errors.AsType[*core.Error](err); !ok || e.Slug != core.TransformUnsupported || e.Facts["key"] != "blur" {
		t.Errorf("blur=3: got %v, want transform-unsupported with the key", err)
	}
}

func TestCapabilitiesAreTheChildrens(t *testing.T) {
	c := open(t, func(c *vips.Config) { c.Can = func(key, _ string) bool { return key != "blur" } }).Capabilities()
	if c.Library != "actor 1" || c.Renderer != "a1" || !strings.HasPrefix(c.Isolation, "process") || len(c.Read) != 1 {
		t.Errorf("got %+v, want the actor's, isolated by process and what there is", c)
	}
	off := open(t, func(c *vips.Config) { c.Isolation = vips.IsolationOff })
	if got := off.Capabilities().Isolation; got != "process" {
		t.Errorf("without isolation: got %q, want process", got)
	}
	if _, blurs := c.Transform["blur"]; blurs || len(c.Transform["fmt"]) != 1 || c.Transform["fmt"][0] != "png" {
		t.Errorf("of the language it does %v, want no blur, and of the formats the one that is written", c.Transform)
	}
}
