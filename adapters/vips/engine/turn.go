package engine

import (
	"math"

	"imgd/core/transform"
)

// turn undoes an EXIF orientation: a quarter turn, then perhaps a mirror.
func (s *steps) turn(orientation int) {
	angle := [9]int{0, 0, 0, 180, 180, 90, 90, 270, 270}[orientation]
	mirror := orientation == 2 || orientation == 4 || orientation == 5 || orientation == 7
	s.quarters(angle)
	if mirror {
		s.mirror("horizontal")
	}
}

// quarters turns clockwise. What is read row by row has to be there as a whole.
func (s *steps) quarters(angle int) {
	if angle == 0 {
		return
	}
	s.keep()
	s.do("rot", "angle=d%d", angle)
}

func (s *steps) mirror(direction string) {
	s.keep()
	s.do("flip", "direction=%s", direction)
}

// rotate turns clockwise by any angle, about the middle. The corners that come
// about are transparent.
func (s *steps) rotate(to shape) {
	if to.square() {
		s.quarters(int(to.rot))
		return
	}
	s.transparent()
	s.keep()
	w, h := to.turned()
	sin, cos := math.Sincos(to.rot * math.Pi / 180)
	s.premultiplied(func() {
		s.do("affine", "matrix=%.17g %.17g %.17g %.17g,oarea=0 0 %d %d,idx=%.17g,idy=%.17g,odx=%.17g,ody=%.17g,"+
			"interpolate=bicubic,extend=background,background=0,premultiplied=true",
			cos, -sin, sin, cos, w, h,
			middle(-s.width()), middle(-s.height()), middle(w), middle(h))
	})
	s.keep()
}

// middle is where the middle of a side is, counted from the middle of its first
// pixel; of a negative side it is the way back.
func middle(side int) float64 {
	if side < 0 {
		return float64(side+1) / 2
	}
	return float64(side-1) / 2
}

func (s *steps) reflect(to shape) {
	if to.flip == transform.FlipH || to.flip == transform.FlipHV {
		s.mirror("horizontal")
	}
	if to.flip == transform.FlipV || to.flip == transform.FlipHV {
		s.mirror("vertical")
	}
}
