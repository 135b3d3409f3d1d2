package engine

// #include "bridge.h"
import "C"

import (
	"math"
	"unsafe"

	"imgd/core/transform"
)

// brightness multiplies the lightness that is perceived. In the dark there is less
// colour, too: nothing is lit, and it is black.
func (s *steps) brightness(to shape) {
	b := to.paint.brightness
	s.modulate(b, min(b, 1), 0)
}

// contrast spreads the levels around the middle, or moves them there.
func (s *steps) contrast(to shape) {
	c := to.paint.contrast
	if c == 1 {
		return
	}
	const middle, rounding = 127.5, 0.5
	s.coloursAlone(func() {
		s.do("linear", "a=%.17g,b=%.17g,uchar=true", c, middle*(1-c)+rounding)
	})
}

// vividness turns and multiplies what of a colour is not lightness.
func (s *steps) vividness(to shape) {
	if s.err == nil && !s.grey() {
		s.modulate(1, to.paint.saturation, to.paint.hue)
	}
}

// modulate changes colours by what is perceived of them: lightness and chroma by a
// factor, hue by degrees.
func (s *steps) modulate(lightness, chroma, hue float64) {
	if s.err != nil || lightness == 1 && chroma == 1 && hue == 0 {
		return
	}
	space := "srgb"
	if s.grey() {
		space = "b-w"
	}
	s.coloursAlone(func() {
		s.do("colourspace", "space=lch")
		s.do("linear", "a=%.17g %.17g 1,b=0 0 %.17g", lightness, chroma, hue)
		s.do("colourspace", "space=%s", space)
	})
}

func (s *steps) gray(to shape) {
	if !to.paint.gray || s.err != nil || s.grey() {
		return
	}
	s.coloursAlone(func() { s.do("colourspace", "space=b-w") })
}

// tint keeps the lightness and takes hue and chroma of a colour, which black and
// white have none of.
func (s *steps) tint(to shape) {
	if to.paint.tint == "" {
		return
	}
	s.coloursAlone(func() {
		if s.err == nil && !s.grey() {
			s.do("colourspace", "space=b-w")
		}
		s.lookUp(tints(to.paint.tint))
	})
}

// lookUp replaces each grey level by a colour.
func (s *steps) lookUp(colours [256 * 3]byte) {
	if s.err != nil {
		return
	}
	var next picture
	if C.bridge_lookup(s.c, unsafe.Pointer(&colours[0]), &next.c) != 0 {
		s.err = failure()
		return
	}
	s.replace(next)
}

// coloursAlone puts alpha aside and gives it back unchanged.
func (s *steps) coloursAlone(change func()) {
	if s.err != nil {
		return
	}
	s.keep()
	if s.err != nil || !s.alpha() {
		change()
		s.keep()
		return
	}
	aside := from(s.picture)
	aside.do("extract_band", "band=%d", s.bands()-1)
	alpha, err := aside.end()
	if err != nil {
		s.err = err
		return
	}
	defer alpha.free()
	s.do("extract_band", "band=0,n=%d", s.bands()-1)
	change()
	s.join(alpha)
	s.keep()
}

// join adds the channels of another picture.
func (s *steps) join(other picture) {
	if s.err != nil {
		return
	}
	var next picture
	if C.bridge_bandjoin(s.c, other.c, &next.c) != 0 {
		s.err = failure()
		return
	}
	s.replace(next)
}

// tints are the colours of 256 levels of grey under a tint.
func tints(c transform.Color) (table [256 * 3]byte) {
	r, g, b, _, _ := c.RGBA()
	_, ta, tb := labOf(r, g, b)
	for i := range 256 {
		l, _, _ := labOf(byte(i), byte(i), byte(i))
		x := l/100 - 0.5
		weight := 1 - 4*x*x // most in the middle, nothing at the ends
		rgb := rgbOf(l, weight*ta, weight*tb)
		copy(table[3*i:], rgb[:])
	}
	return table
}

// The white of sRGB, D65.
const whiteX, whiteZ = 0.95047, 1.08883

// labOf is a colour of sRGB in CIE Lab.
func labOf(r, g, b byte) (l, a, bb float64) {
	light := func(v byte) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	root := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	lr, lg, lb := light(r), light(g), light(b)
	x := root((0.4124564*lr + 0.3575761*lg + 0.1804375*lb) / whiteX)
	y := root(0.2126729*lr + 0.7151522*lg + 0.0721750*lb)
	z := root((0.0193339*lr + 0.1191920*lg + 0.9503041*lb) / whiteZ)
	return 116*y - 16, 500 * (x - y), 200 * (y - z)
}

// rgbOf is the nearest that sRGB has to a colour of CIE Lab.
func rgbOf(l, a, b float64) [3]byte {
	cube := func(t float64) float64 {
		if t > 6.0/29 {
			return t * t * t
		}
		return (116*t - 16) * 27 / 24389
	}
	level := func(light float64) byte {
		v := light * 12.92
		if light > 0.0031308 {
			v = 1.055*math.Pow(light, 1/2.4) - 0.055
		}
		return byte(math.Round(255 * min(max(v, 0), 1)))
	}
	fy := (l + 16) / 116
	x, y, z := whiteX*cube(fy+a/500), cube(fy), whiteZ*cube(fy-b/200)
	return [3]byte{
		level(3.2404542*x - 1.5371385*y - 0.4985314*z),
		level(-0.9692660*x + 1.8760108*y + 0.0415560*z),
		level(0.0556434*x - 0.2040259*y + 1.0572252*z),
	}
}
