// Package engine is the half of the renderer that knows libvips. It decodes,
// draws and encodes in the process that calls it, hence only ever in a child
// that may die of a hostile file.
//
// A file is judged by its magic bytes and its structure before libvips sees it,
// and then read by the loader that is called by name: libvips never guesses.
package engine

import (
	"slices"
	"sync"

	"github.com/davidbyttow/govips/v2/vips"

	"imgd/adapters/vips/structure"
	"imgd/core"
	"imgd/core/transform"
)

// Renderer is the version that stands in the keys of variants. It changes when
// the same transform of the same file may come out with other pixels.
const Renderer = "3"

// Options say what the engine reads, and how strictly.
type Options struct {
	Limits core.Limits
	// FailOn is the damage at which a file is refused: truncated, warning or none.
	FailOn string
	// FirstFrame makes an animation beyond its budget a still with a warning,
	// instead of refusing it.
	FirstFrame bool
	// Formats are those that are read.
	Formats []string
	// AutoFormats are those of which fmt=auto takes the smallest.
	AutoFormats []string
	// Careful has every rendition drawn from the whole page, in one resize. It takes
	// longer, and the difference is hard to see.
	Careful bool
	// KeepGPS says that facts may tell where a picture was taken.
	KeepGPS bool
}

// readable are the formats that have a walker and a loader, usual those of them that
// are read unless others are named: libvips trusts their loaders.
var (
	readable = append(slices.Clip(usual), "jxl", "svg", "pdf")
	usual    = []string{"jpeg", "png", "webp", "gif", "avif", "heic", "tiff"}
)

// current are the options of Start.
var current Options

// Start makes libvips ready for the process. It is called once, before anything
// else, and may still read files and load modules.
func Start(o Options) error {
	if o.FailOn == "" {
		o.FailOn = "truncated"
	}
	if !slices.Contains([]string{"truncated", "warning", "none"}, o.FailOn) {
		return core.Invalid.Errorf("the engine cannot fail on %q; choose truncated, warning or none", o.FailOn)
	}
	if len(o.AutoFormats) == 0 {
		o.AutoFormats = []string{string(transform.AVIF), string(transform.WebP)}
	}
	if len(o.Formats) == 0 {
		o.Formats = usual
	}
	for _, f := range o.Formats {
		if !slices.Contains(readable, f) {
			return core.Invalid.Errorf("this build does not read %q; it reads %v", f, readable)
		}
	}
	// What libvips has to say comes back as errors; its log repeats it.
	vips.LoggingSettings(func(string, vips.LogLevel, string) {}, vips.LogLevelError)
	lean()
	vips.Startup(&vips.Config{ConcurrencyLevel: 1})
	loadModules(slices.Contains(o.Formats, "pdf"))
	blockUntrusted()
	trust("VipsForeignSaveJxl") // it reads nothing but our own pixels
	if slices.Contains(o.Formats, "jxl") {
		trust("VipsForeignLoadJxl")
	}
	if err := startVectors(o.Formats); err != nil {
		return err
	}
	current = o
	return nil
}

// Capabilities says what this build of libvips reads and writes.
func Capabilities() core.Capabilities {
	c := core.Capabilities{
		Library:  "libvips " + vips.Version,
		Renderer: Renderer,
		Write:    writable(),
		Limits:   current.Limits,
	}
	for _, f := range current.Formats {
		if knows(loader(structure.Format(f))) {
			c.Read = append(c.Read, f)
		}
	}
	return c
}

// writable are the formats that have a saver, and an encoder behind it. They are
// not tried out, since that would delay the start of every child.
var writable = sync.OnceValue(func() []string {
	var can []string
	for _, f := range []transform.Format{transform.WebP, transform.AVIF, transform.JPEG, transform.PNG, transform.GIF, transform.TIFF, transform.JXL} {
		if knows(writers[f].saver) && (f != transform.AVIF || writesAVIF()) {
			can = append(can, string(f))
		}
	}
	return can
})

func writes(f transform.Format) bool { return slices.Contains(writable(), string(f)) }

func loader(f structure.Format) string { return f.Loader() + "_buffer" }
