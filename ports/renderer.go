package ports

import (
	"context"
	"io"
	"os"

	"imgd/core"
	"imgd/core/transform"
)

// Task is one decode that feeds any number of variants.
type Task struct {
	Source   *os.File // read from its start by offset; its position does not matter
	Bytes    int64
	Probe    core.Probe // what the look at the file has told; without it the worst is assumed
	Variants []transform.Variant
	Facts    bool // whether facts are wanted too
	// Marks are the watermarks that variants name, each once.
	Marks []Mark
}

// Mark is an image that variants of a task have as their watermark.
type Mark struct {
	Image  core.ID
	Source *os.File // as that of a Task
	Bytes  int64
	Probe  core.Probe
}

// Rendition is one rendered variant, or the reason why there is none.
type Rendition struct {
	Name        string
	ContentType string
	Ext         string
	Width       int64
	Height      int64
	Pages       int64
	Bytes       int64
	Body        io.ReadSeeker // at its start; valid until emit returns
	Warnings    core.Warnings
	Err         error // this variant's own; the others go on
}

// Report is what a Render saw and used.
type Report struct {
	Facts *core.Facts
	CPUMS int64
}

// Renderer turns an original into variants, in a process that may die of it.
//
// A file that is at fault is Undecodable or Unsupported. A decoder that died is
// DecoderCrashed, one that passed its deadline DecoderOverran; the next call
// finds a fresh one. When all are busy a call waits for its turn until the
// context ends. So does a render while those that go on leave too little memory for
// what it is predicted to take: in the order in which they came, and for no longer
// than those before it may take.
type Renderer interface {
	// Check refuses a transform that this renderer does not do with
	// TransformUnsupported and the fact key.
	Check(spec transform.Spec) error

	// Fits refuses variants of an image that no decoder here has the memory for, with
	// ImageTooComplex, what it would take, and the size at which it would not.
	Fits(of core.Probe, list []transform.Variant) error

	// Probe judges a file by its first bytes, its structure and its header, within
	// the limits, without decoding it.
	Probe(ctx context.Context, f *os.File, bytes int64) (core.Probe, error)

	// Render decodes once and emits each variant as soon as it is encoded, in
	// general the smallest first. An error of emit stops it and comes back
	// unchanged. What was emitted before an error is good. A watermark that is not
	// among the marks, or cannot be decoded, fails the variants that want it.
	Render(ctx context.Context, t Task, emit func(Rendition) error) (Report, error)

	// Capabilities says what this build can do.
	Capabilities() core.Capabilities
}
