// Package transform is the language in which callers say what to make of an
// image: an order-free comma list of key=value such as
//
//	w=400,h=300,fit=cover,pos=top,fmt=avif
//
// The same words serve variants, presets and stored jobs. Everything is
// understood or the whole is refused; what is understood has one canonical form.
//
// The steps mean what they mean in the order of the table of keys, after the
// image was turned upright. That is not an order of execution: a renderer may
// schedule them as it likes when the pixels come out the same.
package transform

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Spec is one rendition with nothing left to decide. Its fields are called like
// the keys of the language. Specs are comparable with ==, and two that are equal
// ask for the same pixels. Make one with Parse or Default: the zero value is not
// a valid rendition.
type Spec struct {
	// Page is the first page to read. A page other than 0 is rendered alone.
	Page int
	// Anim keeps every frame of an animation; without it the first one is enough.
	Anim bool
	// DPR multiplies W, H, Pad, Border, Radius and Blur: see Scaled.
	DPR float64

	// Trim cuts away borders whose colour is within this distance of the
	// corner's; 0 leaves them.
	Trim int
	// Crop is cut out of the upright, trimmed image.
	Crop Crop
	// W and H are the box the image is fitted to; 0 leaves a side open.
	W, H int
	Fit  Fit
	// Up allows enlarging; nothing does without it.
	Up  bool
	Pos Position
	// Rot turns clockwise, in degrees from 0 to below 360.
	Rot  float64
	Flip Flip

	// Blur and Sharpen are the sigma of a Gaussian in pixels; 0 is off.
	Blur, Sharpen float64
	// Pixelate is the side of a block in pixels; 0 is off.
	Pixelate int
	// Brightness, Contrast and Saturation are factors; 1 changes nothing.
	Brightness, Contrast, Saturation float64
	// Hue turns the colours, in degrees from 0 to below 360.
	Hue  float64
	Gray bool
	Tint Color
	// Linear resizes in linear light.
	Linear bool

	// BG fills what is transparent. Without one it stays transparent, or
	// becomes white where the format has no alpha.
	BG Color
	// Pad adds pixels in BG at the top, right, bottom and left.
	Pad    [4]int
	Border Border
	// Radius rounds the corners, in pixels; RadiusMax makes a circle or a pill.
	Radius int
	WM     Watermark

	Fmt         Format
	Q           int
	Lossless    bool
	Effort      int
	Progressive bool
	Chroma      Chroma
	// Palette is how many colours an indexed image has; 0 means not indexed.
	Palette int
	// MaxBytes lowers the quality until the file is no larger; 0 is off.
	MaxBytes int
	Meta     Meta
	ICC      ICC
}

// Default returns the rendition of the empty transform.
func Default() Spec { return defaults }

var defaults = func() Spec {
	var s Spec
	for _, k := range table {
		if f := k.set(&s, strings.Split(k.def, ":")); f != nil {
			panic("transform: the default of " + k.name + " is not one of its values")
		}
	}
	return s
}()

// String returns the canonical form: every key in the order of the table, with
// every default explicit. Parse reads it back to an equal Spec.
func (s Spec) String() string {
	var b strings.Builder
	for i, k := range table {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(k.name)
		b.WriteByte('=')
		b.WriteString(k.get(&s))
	}
	return b.String()
}

// Digest names the rendition: the SHA-256, in hex, of its canonical form.
func (s Spec) Digest() string {
	sum := sha256.Sum256([]byte(s.String()))
	return hex.EncodeToString(sum[:])
}

// Ext returns the extension of its files without a dot, "" for fmt=auto, which is
// known once there is a file.
func (s Spec) Ext() string { return s.Fmt.Ext() }

// ContentType returns the media type of its files, "" for fmt=auto.
func (s Spec) ContentType() string { return s.Fmt.ContentType() }
