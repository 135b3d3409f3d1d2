package transform

import (
	"image"
	"math"

	"imgd/core"
)

// Plan is the resize step in pixels: scale the image to ResizeW x ResizeH, cut
// CropW x CropH out of that at CropX, CropY, and lay it at OffsetX, OffsetY on a
// canvas of Width x Height. Steps that change nothing have trivial numbers: the
// crop is all of it, the canvas is no larger than the crop.
type Plan struct {
	ResizeW, ResizeH           int
	CropX, CropY, CropW, CropH int
	OffsetX, OffsetY           int
	Width, Height              int
}

// Crops reports whether the plan cuts anything away.
func (p Plan) Crops() bool { return p.CropW != p.ResizeW || p.CropH != p.ResizeH }

// Pads reports whether the canvas is larger than the image on it.
func (p Plan) Pads() bool { return p.Width != p.CropW || p.Height != p.CropH }

// Scaled returns s with DPR multiplied into the lengths it concerns and set to 1.
// Products round half up; what is not zero stays at least 1. The lengths may leave
// the ranges that Parse allows.
func (s Spec) Scaled() Spec {
	if s.DPR == 1 {
		return s
	}
	s.W, s.H = times(s.W, s.DPR), times(s.H, s.DPR)
	for i := range s.Pad {
		s.Pad[i] = times(s.Pad[i], s.DPR)
	}
	s.Border.Width = times(s.Border.Width, s.DPR)
	s.Radius = times(s.Radius, s.DPR)
	s.Blur *= s.DPR
	s.DPR = 1
	return s
}

// times leaves alone what is not a length: 0 and RadiusMax.
func times(n int, factor float64) int {
	if n <= 0 {
		return n
	}
	return max(1, round(float64(n)*factor))
}

// Target plans the resize of an upright image of width x height, as it is after
// Trim and Crop and before Rot, Pad and Border.
//
// The side that decides the scale gets exactly the size that was asked for; the
// other is the exact product rounded half up, at least 1. Without Up no side
// becomes longer than it was: FitScaleDown and FitContain leave a small image as
// it is, FitCover and FitFill shrink their box in its own aspect ratio until the
// image fills it, FitPad puts the image as it is on a canvas of the full box.
//
// With Up and one open side the open one can come out very long: compare the
// plan with your limits before you render it. A smart position is planned as the
// center; a renderer that can see moves the crop within the resized image.
func (s Spec) Target(width, height int) Plan {
	s = s.Scaled()
	width, height = max(width, 1), max(height, 1)
	if s.W == 0 || s.H == 0 {
		return plain(inside(width, height, s.W, s.H, s.enlarges()))
	}
	switch s.Fit {
	case FitCover:
		return s.cover(width, height)
	case FitFill:
		return plain(shrink(s.W, s.H, width, height, s.Up))
	case FitPad:
		p := plain(inside(width, height, s.W, s.H, s.Up))
		p.OffsetX, p.OffsetY = Align(s.Pos.X, s.W-p.CropW), Align(s.Pos.Y, s.H-p.CropH)
		p.Width, p.Height = s.W, s.H
		return p
	}
	return plain(inside(width, height, s.W, s.H, s.enlarges()))
}

func (s Spec) enlarges() bool { return s.Up && s.Fit != FitScaleDown }

// plain is the plan that scales and does nothing else.
func plain(w, h int) Plan {
	return Plan{ResizeW: w, ResizeH: h, CropW: w, CropH: h, Width: w, Height: h}
}

// cover scales to the larger of the two ratios, so that both sides reach the box.
func (s Spec) cover(width, height int) Plan {
	w, h := shrink(s.W, s.H, width, height, s.Up)
	scale := ratio{w, width}
	if r := (ratio{h, height}); scale.less(r) {
		scale = r
	}
	p := plain(w, h)
	p.ResizeW, p.ResizeH = scale.of(width), scale.of(height)
	p.CropX, p.CropY = focus(s.Pos.X, p.ResizeW, w), focus(s.Pos.Y, p.ResizeH, h)
	return p
}

// inside fits width x height into the box, of which a side of 0 is open.
func inside(width, height, w, h int, up bool) (int, int) {
	var scale ratio
	switch byW, byH := (ratio{w, width}), (ratio{h, height}); {
	case w == 0 && h == 0:
		return width, height
	case h == 0 || w != 0 && byW.less(byH):
		scale = byW
	default:
		scale = byH
	}
	if !up && (ratio{1, 1}).less(scale) {
		return width, height
	}
	return scale.of(width), scale.of(height)
}

// shrink fits the box into the image, unless the image may grow instead.
func shrink(w, h, width, height int, up bool) (int, int) {
	if up {
		return w, h
	}
	return inside(w, h, width, height, false)
}

// ratio is an exact scale: floats would put a side next to where it belongs.
type ratio struct{ num, den int }

func (r ratio) less(o ratio) bool { return int64(r.num)*int64(o.den) < int64(o.num)*int64(r.den) }

// of returns n scaled, rounded half up, at least 1.
func (r ratio) of(n int) int {
	num, den := int64(r.num), int64(r.den)
	return int(max(1, (2*int64(n)*num+den)/(2*den)))
}

// focus places a crop of size along a side so that the point is in its middle, as
// far as the side reaches.
func focus(point float64, side, size int) int {
	return min(max(round(point*float64(side)-float64(size)/2), 0), side-size)
}

// Align shares out the room that is left: 0 puts all of it after the image.
func Align(point float64, room int) int { return round(point * float64(room)) }

func round(f float64) int { return int(math.Floor(f + 0.5)) }

// Turned is the size of the box around a picture that was turned by the degrees.
func Turned(width, height int, degrees float64) (w, h int) {
	if math.Mod(degrees, 90) == 0 {
		if math.Mod(degrees, 180) != 0 {
			return height, width
		}
		return width, height
	}
	const unseen = 0.01 // of a pixel, which needs no room of its own
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	sin, cos = math.Abs(sin), math.Abs(cos)
	fw, fh := float64(width), float64(height)
	return int(math.Ceil(fw*cos + fh*sin - unseen)), int(math.Ceil(fw*sin + fh*cos - unseen))
}

// Within returns the pixels of an upright image of width x height that c keeps:
// at least one, and none outside. A crop that begins outside is an
// InvalidTransform.
func (c Crop) Within(width, height int) (image.Rectangle, error) {
	all := image.Rect(0, 0, width, height)
	if c == (Crop{}) {
		return all, nil
	}
	fw, fh := 1.0, 1.0
	if c.Unit == Fraction {
		fw, fh = float64(width), float64(height)
	}
	x, y := round(c.X*fw), round(c.Y*fh)
	if c.Unit == Fraction {
		x, y = min(x, width-1), min(y, height-1) // a sliver at the edge keeps its pixel
	}
	if x >= width || y >= height {
		return image.Rectangle{}, core.InvalidTransform.Errorf(
			"crop begins at %d:%d, outside of an image of %dx%d pixels", x, y, width, height).With("key", "crop")
	}
	right, bottom := max(round((c.X+c.W)*fw), x+1), max(round((c.Y+c.H)*fh), y+1)
	return image.Rect(x, y, right, bottom).Intersect(all), nil
}
