package engine

import (
	"fmt"
	"math"

	"imgd/core/transform"
)

// space is what the numbers of a rendition mean.
type space string

const (
	srgb space = ""
	p3   space = "p3"
	own  space = "own" // that of the file's own profile
)

// inSpace decides what the numbers of a variant mean, and says where that is not
// what was asked for.
func (s *source) inSpace(o *order) space {
	switch {
	case o.spec.ICC == transform.ICCSRGB:
		return srgb
	case o.spec.ICC == transform.ICCKeep && !s.colours.profiled:
		return srgb
	case o.spec.Fmt == transform.GIF:
		o.warn("profile-converted", "a GIF has no place for a colour profile; it is sRGB")
		return srgb
	case o.spec.ICC == transform.ICCP3:
		return p3
	case s.colours.inks:
		o.warn("profile-converted", "the original is made of printing inks, which are not kept; it is sRGB")
		return srgb
	case s.colours.grey:
		o.warn("profile-converted", "a profile of grey tones is not kept; it is sRGB")
		return srgb
	}
	return own
}

// convert goes through the embedded profile to the space: relative colorimetric,
// with black point compensation.
func (s *steps) convert(to space, from string) {
	s.do("icc_transform", "output-profile=%s,%s,intent=relative,black-point-compensation=true,depth=8", to.profile(), from)
}

const fromEmbedded = "embedded=true"

// profile is what libvips calls it.
func (s space) profile() string {
	if s == p3 {
		return "p3"
	}
	return "srgb"
}

// paint is a colour of the language, which is sRGB, in the space. In the file's own
// it keeps its numbers.
func (s space) paint(c transform.Color) transform.Color {
	r, g, b, a, ok := c.RGBA()
	if !ok || s != p3 {
		return c
	}
	light := linear()
	in := [3]float64{light[r], light[g], light[b]}
	// From the primaries of sRGB to those of Display P3; both have one white.
	matrix := [3][3]float64{{0.822462, 0.177538, 0}, {0.033194, 0.966806, 0}, {0.017083, 0.072397, 0.910520}}
	var out [3]uint8
	for i, row := range matrix {
		out[i] = curved(row[0]*in[0] + row[1]*in[1] + row[2]*in[2])
	}
	if a == 255 {
		return transform.Color(fmt.Sprintf("%02x%02x%02x", out[0], out[1], out[2]))
	}
	return transform.Color(fmt.Sprintf("%02x%02x%02x%02x", out[0], out[1], out[2], a))
}

func curved(f float64) uint8 {
	if f <= 0.0031308 {
		f *= 12.92
	} else {
		f = 1.055*math.Pow(f, 1/2.4) - 0.055
	}
	return uint8(math.Round(255 * min(max(f, 0), 1)))
}
