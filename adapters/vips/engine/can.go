package engine

import (
	"slices"

	"imgd/core/transform"
)

// Can reports whether the engine does a key of the language with a value, both in
// the canonical form. It needs no libvips and no Start.
func Can(key, value string) bool {
	values, known := does[key]
	switch {
	case !known:
		return false
	case values == nil:
		return true
	case key == "pos": // a point is written 0.5x0.33
		return value != "" && value[0] >= '0' && value[0] <= '9' || slices.Contains(values, value)
	}
	return slices.Contains(values, value)
}

// does are the keys the engine does, with their values where not all of them.
var does = map[string][]string{
	"page": nil, "anim": nil, "dpr": nil,
	"w": nil, "h": nil, "fit": nil, "up": nil,
	"pos": {"center", "top", "bottom", "left", "right", "top-left", "top-right", "bottom-left", "bottom-right"},
	"rot": {"0", "90", "180", "270"}, "flip": nil,
	"bg":  nil,
	"fmt": {string(transform.WebP), string(transform.AVIF), string(transform.JPEG), string(transform.PNG), string(transform.GIF), string(transform.TIFF)},
	"q":   nil, "lossless": nil, "effort": nil, "progressive": nil, "chroma": nil,
	"meta": {string(transform.MetaNone)},
	"icc":  {string(transform.ICCSRGB)},
}
