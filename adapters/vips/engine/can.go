package engine

import (
	"slices"

	"imgd/core/transform"
)

// Can reports whether the engine does a key of the language with a value, both in
// the canonical form. It needs no libvips and no Start.
func Can(key, value string) bool {
	values, known := does[key]
	return known && (values == nil || slices.Contains(values, value))
}

// does are the keys the engine does, with their values where not all of them.
var does = map[string][]string{
	"page": nil, "anim": nil, "dpr": nil,
	"trim": nil, "crop": nil,
	"w": nil, "h": nil, "fit": nil, "up": nil, "pos": nil, "rot": nil, "flip": nil,
	"blur": nil, "sharpen": nil, "pixelate": nil,
	"brightness": nil, "contrast": nil, "saturation": nil, "hue": nil, "gray": nil, "tint": nil, "linear": nil,
	"bg": nil, "wm": nil, "pad": nil, "border": nil, "radius": nil,
	"fmt": {string(transform.WebP), string(transform.AVIF), string(transform.JPEG), string(transform.PNG), string(transform.GIF), string(transform.TIFF), string(transform.JXL), string(transform.Auto)},
	"q":   nil, "lossless": nil, "effort": nil, "progressive": nil, "chroma": nil,
	"palette": nil, "maxbytes": nil, "meta": nil, "icc": nil,
}
