package core

import "time"

// Probe is what a file's header and structure tell, before any pixel is decoded.
type Probe struct {
	Format      string // jpeg, png, webp, gif, avif, heic, tiff, jxl, svg, pdf
	ContentType string
	Width       int64 // after orientation
	Height      int64
	Pages       int64 // frames of an animation, pages of a document; 1 for a still
	Animated    bool
	HasAlpha    bool
	// MemoryBytes is what decoding it whole is predicted to need at most.
	MemoryBytes int64
	Warnings    Warnings
}

// Probe is what is kept of the look at the file.
func (m Image) Probe() Probe {
	return Probe{ContentType: m.ContentType, Width: m.Width, Height: m.Height, Pages: m.Pages, HasAlpha: m.HasAlpha, MemoryBytes: m.MemoryBytes}
}

// Limits are what one image may cost. The zero value of a field means no limit.
type Limits struct {
	UploadBytes int64 // of the file
	Pixels      int64 // width times height
	Side        int64 // of either
	Frames      int64
	MemoryBytes int64         // of one decoder
	Time        time.Duration // of one render
}

// Capabilities is what this build reads, writes and keeps to.
type Capabilities struct {
	Read      []string // formats
	Write     []string
	Isolation string // what decoding is isolated by: "process", or "process, landlock, seccomp"
	Library   string // the imaging library and its version
	Renderer  string // the version that stands in variants' keys; a new one may draw other pixels
	Limits    Limits
	// Transform are the keys of the language that are done, each with the words among
	// its values.
	Transform map[string][]string
}

// Cost is what an attempt used.
type Cost struct {
	CPUMS      int64
	ReadBytes  int64
	WriteBytes int64
}
