// Package decode is what "imgd decode" runs: a decoder child with libvips as its
// engine. It is the only door to cgo in the tree.
package decode

import (
	"context"

	"imgd/adapters/vips/decode/child"
	"imgd/adapters/vips/decode/jail"
	"imgd/adapters/vips/engine"
	"imgd/adapters/vips/wire"
	"imgd/core"
)

// Engine is what decodes.
type Engine = child.Engine

// Main decodes for the pool that started this process, and returns when the pool
// is done with it. Tests build programs whose engine is another one around ours.
func Main(around func(Engine) Engine) error {
	return child.Run(func(s wire.Settings) (Engine, error) {
		return around(libvips{}), engine.Start(engine.Options{
			Limits: s.Limits, FailOn: s.FailOn, FirstFrame: s.FirstFrame, Formats: s.Formats, AutoFormats: s.Auto, KeepGPS: s.KeepGPS, Careful: s.Careful,
		})
	})
}

// libvips is the engine package as a child wants it.
type libvips struct{}

func (libvips) Capabilities() core.Capabilities { return engine.Capabilities() }

// Versions are those of the libraries behind it.
func (libvips) Versions() map[string]string { return engine.Versions() }

// Acts are the ways out through C.
func (libvips) Acts() []jail.Act {
	return []jail.Act{{Name: "read a file from a thread of C", Try: func() error { return engine.ReadFromThread("/etc/passwd") }}}
}

func (libvips) Probe(data []byte) (core.Probe, error) { return engine.Probe(data) }

func (libvips) Render(ctx context.Context, t child.Task, emit func(child.Output) error) (*core.Facts, error) {
	return engine.Render(ctx, engine.Task(t), func(o engine.Output) error { return emit(child.Output(o)) })
}
