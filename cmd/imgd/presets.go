package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"imgd/adapters/presets"
	"imgd/adapters/vips/engine"
	"imgd/core/transform"
)

// presets reads the presets there are, and refuses a file with anything in it that
// this build cannot do.
func (s *Settings) presets() (transform.Presets, error) {
	if s.Presets == "" {
		return transform.BuiltIn(), nil
	}
	all, err := presets.Load(s.Presets, func(spec transform.Spec) error { return transform.Unsupported(spec, engine.Can) })
	if err != nil {
		return nil, fmt.Errorf("IMGD_PRESETS: %w", err)
	}
	return all, nil
}

// presetFile is the presets that are in force. Whoever has asked for them keeps what
// it got, whatever is read meanwhile.
type presetFile struct {
	current atomic.Pointer[transform.Presets]
}

// now returns the presets in force.
func (f *presetFile) now() transform.Presets {
	if all := f.current.Load(); all != nil {
		return *all
	}
	return transform.BuiltIn()
}

// load puts what the file says now in force, or leaves what is.
func (f *presetFile) load(s *Settings) error {
	all, err := s.presets()
	if err == nil {
		f.current.Store(&all)
	}
	return err
}

// rereading reads the presets again at each SIGHUP, until the returned function is
// called. A process without a file of presets ends at SIGHUP, as any would.
func (p *parts) rereading(ctx context.Context, api bool) (stop func()) {
	if p.settings.Presets == "" {
		return func() {}
	}
	hangups, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-hangups:
				p.reread(ctx, api)
			case <-done:
				return
			}
		}
	})
	return func() { signal.Stop(hangups); close(done); running.Wait() }
}

func (p *parts) reread(ctx context.Context, api bool) {
	if !api { // the deployment may be told as one
		p.log.InfoContext(ctx, "a worker has no presets to read again; its jobs carry theirs")
		return
	}
	if err := p.presets.load(p.settings); err != nil {
		p.log.ErrorContext(ctx, "the presets stay as they were", "err", err)
		return
	}
	p.log.InfoContext(ctx, "presets read again", "file", p.settings.Presets, "presets", p.presets.now().Names())
}
