package main

import (
	"fmt"
	"sync/atomic"

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
