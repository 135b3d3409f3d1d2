package engine

// #include <vips/vips.h>
import "C"

// colours is how the numbers of a file become sRGB.
type colours int

const (
	// asTheyAre: 8 bit, and sRGB or grey already.
	asTheyAre colours = iota
	// afterResize: 8 bit with a profile. Fewer pixels are cheaper to convert, and
	// such spaces are close enough to sRGB to be resized in.
	afterResize
	// beforeResize: CMYK, 16 bit and the like, through the embedded profile.
	beforeResize
	// cmykBeforeResize: CMYK without a profile, through a usual one.
	cmykBeforeResize
	// numbersBeforeResize: 16 bit, Lab and other numbers that say what they mean.
	numbersBeforeResize
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
	cmyk := space == C.VIPS_INTERPRETATION_CMYK
	most := maxProfile
	if cmyk {
		most = maxProfileCMYK
	}
	n := header.profileLength()
	usable := n > 0 && n <= most
	dropped = n != 0 && !usable
	display := space == C.VIPS_INTERPRETATION_sRGB || space == C.VIPS_INTERPRETATION_RGB || space == C.VIPS_INTERPRETATION_B_W
	switch {
	case display && header.eightBit() && !usable, display && header.eightBit() && isSRGB(header):
		return asTheyAre, dropped
	case display && header.eightBit():
		return afterResize, dropped
	case usable:
		return beforeResize, dropped
	case cmyk:
		return cmykBeforeResize, dropped
	}
	return numbersBeforeResize, dropped
}

// isSRGB reports whether the embedded profile changes nothing to speak of. It is
// asked with colours from all over the cube rather than by its name: most files
// say sRGB in one of many ways, and converting them is in vain.
func isSRGB(header picture) bool {
	if header.bands() < 3 {
		return false
	}
	const levels, tolerance = 6, 2
	var cube []byte
	for i := range levels * levels * levels {
		for _, l := range []int{i % levels, i / levels % levels, i / levels / levels} {
			cube = append(cube, byte(l*255/(levels-1)))
		}
	}
	row, err := swatch(header, cube)
	if err != nil {
		return false
	}
	defer row.free()
	s := from(row)
	s.profileToSRGB()
	converted, err := s.end()
	if err != nil {
		return false
	}
	defer converted.free()
	seen, err := converted.pixels()
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

// profileToSRGB goes through the embedded profile: relative colorimetric, with
// black point compensation.
func (s *steps) profileToSRGB() {
	s.do("icc_transform", "output-profile=srgb,embedded=true,intent=relative,black-point-compensation=true,depth=8")
}

// settle brings to 8 bit sRGB or grey what cannot be resized as it is.
func (s *steps) settle(c colours) {
	if s.err != nil {
		return
	}
	switch c {
	case beforeResize:
		s.profileToSRGB()
	case cmykBeforeResize:
		s.do("icc_transform", "output-profile=srgb,input-profile=cmyk,intent=relative,black-point-compensation=true,depth=8")
	case numbersBeforeResize:
		space := "srgb"
		if s.grey() {
			space = "b-w"
		}
		s.do("colourspace", "space=%s", space)
		s.bytes()
	}
}

// bytes makes the samples 8 bit.
func (s *steps) bytes() {
	if s.err == nil && !s.eightBit() {
		s.do("cast", "format=uchar")
	}
}

// grey reports whether there is no colour channel.
func (s *steps) grey() bool { return s.bands() < 3 }
