package engine

import (
	"image"
	"math"

	"imgd/core/transform"
)

// shape is what the pixels of a rendition depend on. Variants of one shape differ
// in their encoding only and are drawn once. What a shape does not do is at its
// zero value or, of the paint, at that of plain.
type shape struct {
	// all says that every frame of the animation is drawn, not the first alone.
	all bool
	cut
	transform.Plan
	smart transform.Smart // how to find what the crop of the plan keeps
	rot   float64         // degrees clockwise
	flip  transform.Flip
	paint
	bg     transform.Color
	pad    [4]int // top, right, bottom, left
	border transform.Border
	radius int
	wm     transform.Watermark
	// opaque says that what is transparent has to be filled, since the encoding has
	// no alpha.
	opaque bool
}

// cut is what of a page is drawn from, and in which light. A rendition is drawn
// from another only if they have it in common.
type cut struct {
	area   image.Rectangle // of the upright page in its full size; empty: all of it
	linear bool
	space  space
}

// page is what of a page is kept in its full size: one frame or all of them, their
// colours on the way to a space.
type page struct {
	all   bool
	space space
}

// size is that of what is left of an upright page of w x h.
func (c cut) size(w, h int) (int, int) {
	if c.area.Empty() {
		return w, h
	}
	return c.area.Dx(), c.area.Dy()
}

// paint is what happens to the pixels themselves.
type paint struct {
	blur, sharpen                    float64
	pixelate                         int
	brightness, contrast, saturation float64
	hue                              float64
	gray                             bool
	tint                             transform.Color
}

// plain is the paint that changes nothing.
var plain = paintOf(transform.Default())

func paintOf(s transform.Spec) paint {
	return paint{
		blur: s.Blur, sharpen: s.Sharpen, pixelate: s.Pixelate,
		brightness: s.Brightness, contrast: s.Contrast, saturation: s.Saturation,
		hue: s.Hue, gray: s.Gray, tint: s.Tint,
	}
}

// shapeOf is the shape that a transform has of what was cut out of an upright page
// of w x h.
func shapeOf(spec transform.Spec, c cut, w, h int) shape {
	spec = spec.Scaled()
	w, h = c.size(w, h)
	to := shape{
		cut: c, Plan: spec.Target(w, h),
		rot: spec.Rot, flip: spec.Flip, paint: paintOf(spec),
		bg: spec.BG, pad: spec.Pad, border: spec.Border, radius: spec.Radius, wm: spec.WM,
	}
	if to.Crops() {
		to.smart = spec.Pos.Smart
	}
	if to.ResizeW == w && to.ResizeH == h {
		to.linear = false // nothing is resized
	}
	return to
}

// size is that of the result.
func (s shape) size() (w, h int) {
	w, h = s.turned()
	return w + s.pad[1] + s.pad[3] + 2*s.border.Width, h + s.pad[0] + s.pad[2] + 2*s.border.Width
}

// turned is the size after the turn: that of the box around the turned picture.
func (s shape) turned() (w, h int) { return transform.Turned(s.Width, s.Height, s.rot) }

// square reports whether the turn is one of whole quarters, which moves pixels and
// leaves no corners.
func (s shape) square() bool { return math.Mod(s.rot, 90) == 0 }

// drawing is how many pixels are drawn: a canvas may be large and the picture on
// it small.
func (s shape) drawing() int { return s.ResizeW * s.ResizeH }

// untouched reports whether the shape is all that was cut out, at another size and
// nothing else, so that others can be made from it.
func (s shape) untouched() bool {
	bare := shape{all: s.all, cut: s.cut, Plan: s.Plan, flip: transform.FlipNone, paint: plain}
	return s == bare && !s.Crops() && !s.Pads()
}

// paints reports whether pixels are changed before the ground is laid. What the
// picture does not cover has to be transparent until then.
func (s shape) paints() bool { return s.paint != plain || !s.square() }

// copies is how many times its pixels are in memory at once: a step that has to see
// the whole picture makes another.
func (s shape) copies() int64 {
	if !s.all && (s.paints() || s.radius != 0) {
		return 2
	}
	return 1
}

// opens reports whether there is more to the result than the picture covers.
func (s shape) opens() bool {
	return s.Pads() || !s.square() || s.pad != [4]int{} || s.radius != 0
}
