package transform

import (
	"encoding/hex"
	"strconv"

	"imgd/core"
)

// Fit says how the image meets the box of W and H.
type Fit string

// The fits. Contain is ScaleDown that may also enlarge with Up; Cover fills the
// box and crops the rest; Fill stretches; Pad contains and adds BG around.
const (
	FitScaleDown Fit = "scale-down"
	FitContain   Fit = "contain"
	FitCover     Fit = "cover"
	FitFill      Fit = "fill"
	FitPad       Fit = "pad"
)

// Flip mirrors the image.
type Flip string

// The flips: FlipH swaps left and right, FlipV top and bottom.
const (
	FlipNone Flip = "none"
	FlipH    Flip = "h"
	FlipV    Flip = "v"
	FlipHV   Flip = "hv"
)

// Chroma is how much colour resolution is kept.
type Chroma string

// The subsamplings.
const (
	Chroma420 Chroma = "420"
	Chroma444 Chroma = "444"
)

// Meta says which of the original's metadata is carried over.
type Meta string

// The kinds of metadata: MetaNoGPS keeps all but the place.
const (
	MetaNone      Meta = "none"
	MetaCopyright Meta = "copyright"
	MetaNoGPS     Meta = "no-gps"
	MetaKeep      Meta = "keep"
)

// ICC is the colour space of the result. A profile that is not sRGB is embedded
// whatever Meta says, since the colours would be wrong without it.
type ICC string

// The colour spaces: ICCKeep is the original's.
const (
	ICCSRGB ICC = "srgb"
	ICCP3   ICC = "p3"
	ICCKeep ICC = "keep"
)

// RadiusMax is the Radius of half the shorter side.
const RadiusMax = -1

// Color is lower-case hex rrggbb, or rrggbbaa when it is not opaque; "" is none.
type Color string

// RGBA returns the channels, not premultiplied; ok is false when c is none.
func (c Color) RGBA() (r, g, b, a uint8, ok bool) {
	v, err := hex.DecodeString(string(c))
	switch {
	case err == nil && len(v) == 3:
		return v[0], v[1], v[2], 255, true
	case err == nil && len(v) == 4:
		return v[0], v[1], v[2], v[3], true
	}
	return 0, 0, 0, 0, false
}

// Unit is what the numbers of a Crop count.
type Unit string

// The units. A crop written with a decimal point is in fractions.
const (
	Pixels   Unit = "px"
	Fraction Unit = "fraction"
)

// Crop is a rectangle of the image; the zero value is all of it.
type Crop struct {
	X, Y, W, H float64
	Unit       Unit
}

// Smart is a way to find the part of an image that matters by looking at it.
type Smart string

// The smart positions. The geometry treats them as Center: it sees no pixels.
const (
	Entropy   Smart = "entropy"
	Attention Smart = "attention"
)

// Position is a point of the image in fractions of its sides, from the top left,
// or a smart way to find one.
type Position struct {
	X, Y  float64
	Smart Smart
}

// Center is the middle of the image.
var Center = Position{X: 0.5, Y: 0.5}

var positions = []struct {
	name string
	at   Position
}{
	{"center", Center},
	{"top", Position{X: 0.5, Y: 0}},
	{"bottom", Position{X: 0.5, Y: 1}},
	{"left", Position{X: 0, Y: 0.5}},
	{"right", Position{X: 1, Y: 0.5}},
	{"top-left", Position{X: 0, Y: 0}},
	{"top-right", Position{X: 1, Y: 0}},
	{"bottom-left", Position{X: 0, Y: 1}},
	{"bottom-right", Position{X: 1, Y: 1}},
	{"entropy", Position{X: 0.5, Y: 0.5, Smart: Entropy}},
	{"attention", Position{X: 0.5, Y: 0.5, Smart: Attention}},
}

// String returns the position as the language writes it.
func (p Position) String() string {
	for _, known := range positions {
		if known.at == p {
			return known.name
		}
	}
	return number(p.X) + "x" + number(p.Y)
}

// Border is a frame around the image; the zero value is none.
type Border struct {
	Width int
	Color Color
}

// Watermark is another image laid over this one; the zero value is none.
type Watermark struct {
	// Image is the id of an image of the same tenant.
	Image core.ID
	Pos   Position
	// Scale is the largest share of the result's width and height it takes.
	Scale   float64
	Opacity float64
	// Repeat tiles it over the whole result.
	Repeat bool
	// SHA256 is the digest of the image's bytes, in lower-case hex, once it is known
	// which they are: a transform without it does not say yet what it looks like.
	SHA256 string
}

// number writes the shortest decimal that reads back as f.
func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
