package engine

// #include <vips/vips.h>
import "C"

// colours is how the numbers of a file become 8 bit sRGB, or grey.
type colours struct {
	before conversion // of everything, since it cannot be resized as it is
	// after says that the embedded profile is gone through after the resize: fewer
	// pixels are cheaper, and the spaces of displays can be resized in.
	after bool
	// profiled says that there is a profile that can be kept, inks and grey that the
	// numbers it is about are not those of a display.
	profiled, inks, grey bool
}

type conversion int

const (
	none    conversion = iota
	profile            // through the embedded profile
	cmyk               // through a usual profile for CMYK
	numbers            // by what the numbers say they mean: 16 bit, Lab
)

// Profiles beyond these sizes are not opened. Those of presses are the largest.
const (
	maxProfile     = 1 << 20
	maxProfileCMYK = 4 << 20
)

// coloursOf decides by the header. dropped says that there is a profile and that
// it is of no use.
func coloursOf(header picture) (c colours, dropped bool) {
	space := header.space()
	inks := space == C.VIPS_INTERPRETATION_CMYK
	most := maxProfile
	if inks {
		most = maxProfileCMYK
	}
	n := header.profileLength()
	usable := n > 0 && n <= most
	dropped = n != 0 && !usable
	c = colours{inks: inks, grey: header.grey(), profiled: usable && displayed(space)}
	switch {
	case inks && usable:
		c.before = profile
	case inks:
		c.before = cmyk
	case header.eightBit() && (space == C.VIPS_INTERPRETATION_sRGB || space == C.VIPS_INTERPRETATION_B_W):
		c.after = usable
	case usable && header.alpha():
		// icc_transform would cut alpha off at 255 instead of scaling it.
		c.before, c.after = numbers, true
	case usable:
		c.before = profile
	default:
		c.before = numbers
	}
	return c, dropped
}

// displayed reports whether numbers stay what they are when they become 8 bit, so
// that their profile still fits them.
func displayed(space C.VipsInterpretation) bool {
	switch space {
	case C.VIPS_INTERPRETATION_sRGB, C.VIPS_INTERPRETATION_RGB16, C.VIPS_INTERPRETATION_B_W, C.VIPS_INTERPRETATION_GREY16, C.VIPS_INTERPRETATION_CMYK:
		return true
	}
	return false
}

// converts reports whether the profile of a decoded picture of the file has to be
// gone through. It is found out once, and not by a probe: it takes milliseconds.
func (s *source) converts(decoded picture) bool {
	if s.colours.after && !s.asked {
		s.asked, s.colours.after = true, !isSRGB(decoded)
	}
	return s.colours.after
}

// isSRGB reports whether the embedded profile changes nothing to speak of. It is
// asked with colours from all over the cube rather than by its name: most files
// say sRGB in one of many ways, and converting them is in vain.
func isSRGB(p picture) bool {
	if p.grey() {
		return false
	}
	const levels, tolerance = 6, 2
	var cube []byte
	for i := range levels * levels * levels {
		for _, l := range []int{i % levels, i / levels % levels, i / levels / levels} {
			cube = append(cube, byte(l*255/(levels-1)))
		}
	}
	row, err := swatch(p, cube)
	if err != nil {
		return false
	}
	defer row.free()
	s := from(row)
	s.convert(srgb, fromEmbedded)
	converted, err := s.end()
	if err != nil {
		return false
	}
	defer converted.free()
	seen, err := converted.samples()
	if err != nil || len(seen) != len(cube) {
		return false
	}
	for i := range cube {
		if d := int(cube[i]) - int(seen[i]); d > tolerance || d < -tolerance {
			return false
		}
	}
	return true
}

// settle does what comes before the resize.
func (s *steps) settle(c colours, to space) {
	switch {
	case s.err != nil || c.before == none:
	case c.before == cmyk:
		s.convert(to, "input-profile=cmyk")
	case c.before == profile && to != own:
		s.convert(to, fromEmbedded)
	default:
		space := "srgb"
		if s.grey() {
			space = "b-w"
		}
		s.do("colourspace", "space=%s", space)
		s.bytes()
	}
}

// convey does what comes after the resize.
func (s *source) convey(p *steps, to space) {
	c := s.colours
	switch {
	case p.err != nil || to == own || c.before == profile || c.before == cmyk:
	case to == srgb:
		if s.converts(p.picture) {
			p.convert(to, fromEmbedded)
		}
	case c.profiled:
		p.convert(to, fromEmbedded)
	default:
		p.coloured()
		p.convert(to, "input-profile=srgb")
	}
}

// bytes makes the samples 8 bit.
func (s *steps) bytes() {
	if s.err == nil && !s.eightBit() {
		s.do("cast", "format=uchar")
	}
}

// grey reports whether there is no colour channel.
func (p picture) grey() bool { return p.bands() < 3 }
