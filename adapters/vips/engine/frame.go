package engine

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"imgd/core/transform"
)

// backdrop is what shows where the picture is transparent: the colour that was
// asked for, and under it white where the encoding cannot be transparent.
func (s shape) backdrop() (c [4]uint8, asked bool) {
	r, g, b, alpha, asked := s.bg.RGBA()
	if !s.opaque {
		return [4]uint8{r, g, b, alpha}, asked
	}
	onWhite := on(color.NRGBA{r, g, b, alpha}, color.NRGBA{255, 255, 255, 255})
	return [4]uint8{onWhite.R, onWhite.G, onWhite.B, 255}, true
}

// sooner lays the ground at once where nothing is painted before it: what is
// opaque is drawn faster, and comes out the same.
func (s *steps) sooner(to shape) {
	if !to.paints() {
		s.fill(to)
	}
}

// canvas lays the picture on a larger one, the box of fit=pad.
func (s *steps) canvas(to shape) {
	if !to.Pads() {
		return
	}
	var c [4]uint8
	if !to.paints() {
		c, _ = to.backdrop()
	}
	s.embed(to.OffsetX, to.OffsetY, to.Width, to.Height, c)
}

// ground fills what is transparent, unless that was done sooner.
func (s *steps) ground(to shape) {
	if to.paints() {
		s.fill(to)
	}
}

func (s *steps) fill(to shape) {
	c, asked := to.backdrop()
	if s.err != nil || !asked || !s.alpha() {
		return
	}
	s.coloured()
	if c[3] == 255 {
		s.do("flatten", "background=%d %d %d", c[0], c[1], c[2])
		return
	}
	s.over(c)
	s.round()
}

// pad adds to the sides.
func (s *steps) pad(to shape) {
	if to.pad == [4]int{} || s.err != nil {
		return
	}
	c, _ := to.backdrop()
	s.embed(to.pad[3], to.pad[0], s.width()+to.pad[1]+to.pad[3], s.height()+to.pad[0]+to.pad[2], c)
}

// border lays a frame around. Where the corners are rounded it follows them, and
// is as wide there as elsewhere.
func (s *steps) border(to shape) {
	wide := to.border.Width
	if wide == 0 || s.err != nil {
		return
	}
	r, g, b, _, _ := to.border.Color.RGBA()
	c := [4]uint8{r, g, b, 255}
	inner := image.Rect(0, 0, s.width(), s.height()).Add(image.Pt(wide, wide))
	s.embed(wide, wide, s.width()+2*wide, s.height()+2*wide, c)
	if s.err != nil {
		return
	}
	round := to.rounding(s.width(), s.height()) - float64(wide)
	if round <= 0 {
		return
	}
	s.edit(func(px raster) {
		px.corners(inner, round, func(p []byte, covered float64) { px.mix(p, c, 1-covered) })
	})
}

// corners cuts the corners off, or fills them where nothing may be transparent.
func (s *steps) corners(to shape) {
	if to.radius == 0 || s.err != nil {
		return
	}
	c, _ := to.backdrop()
	if to.opaque {
		s.coloured()
	} else {
		s.transparent()
	}
	s.edit(func(px raster) {
		all := image.Rect(0, 0, px.w, px.h)
		px.corners(all, to.rounding(px.w, px.h), func(p []byte, covered float64) {
			if to.opaque {
				px.mix(p, c, 1-covered)
				return
			}
			alpha := &p[px.colours()]
			*alpha = byte(math.Round(float64(*alpha) * covered))
		})
	})
}

// rounding is the radius of the corners of a result of w x h: at most half the
// shorter side.
func (s shape) rounding(w, h int) float64 {
	most := float64(min(w, h)) / 2
	if s.radius == transform.RadiusMax {
		return most
	}
	return min(float64(s.radius), most)
}

// corners visits the pixels of a rectangle that its rounded form does not, or not
// wholly cover.
func (r raster) corners(rect image.Rectangle, radius float64, visit func(px []byte, covered float64)) {
	far := int(math.Ceil(radius))
	for y := range far {
		for x := range far {
			// From the middle of the pixel to that of the circle.
			away := math.Hypot(radius-float64(x)-0.5, radius-float64(y)-0.5)
			covered := min(max(radius-away+0.5, 0), 1)
			if covered == 1 {
				break // so is what is further in
			}
			left, right := rect.Min.X+x, rect.Max.X-1-x
			top, bottom := rect.Min.Y+y, rect.Max.Y-1-y
			visit(r.at(left, top), covered)
			if right != left {
				visit(r.at(right, top), covered)
			}
			if bottom != top {
				visit(r.at(left, bottom), covered)
				if right != left {
					visit(r.at(right, bottom), covered)
				}
			}
		}
	}
}

// mix moves a pixel by a share towards an opaque colour.
func (r raster) mix(p []byte, c [4]uint8, share float64) {
	n, alpha := r.colours(), 1.0
	if r.alpha {
		alpha = float64(p[n]) / 255
	}
	kept := (1 - share) * alpha
	for i := range n {
		p[i] = byte(math.Round((float64(p[i])*kept + float64(c[i])*share) / (kept + share)))
	}
	if r.alpha {
		p[n] = byte(math.Round(255 * (kept + share)))
	}
}

// embed lays the picture on a canvas of a colour that may be transparent.
func (s *steps) embed(x, y, w, h int, c [4]uint8) {
	s.coloured()
	if c[3] < 255 {
		s.transparent()
	}
	ground := fmt.Sprintf("%d %d %d", c[0], c[1], c[2])
	if s.err == nil && s.alpha() {
		ground += fmt.Sprintf(" %d", c[3])
	}
	s.do("embed", "x=%d,y=%d,width=%d,height=%d,extend=background,background=%s", x, y, w, h, ground)
}

// transparent adds alpha where there is none.
func (s *steps) transparent() {
	if s.err == nil && !s.alpha() {
		s.do("bandjoin_const", "c=255")
	}
}

// coloured makes three channels of one.
func (s *steps) coloured() {
	if s.err == nil && s.grey() {
		s.do("colourspace", "space=srgb")
	}
}
