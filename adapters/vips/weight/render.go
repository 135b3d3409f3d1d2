package weight

import (
	"imgd/adapters/vips/structure"
	"imgd/core"
	"imgd/core/transform"
)

// Besides is what a decoder needs beside the picture it decodes: the runtimes of Go
// and libvips, the renditions it draws, and what its encoders work in. Without it a
// file that is predicted to just fit would be refused halfway.
const Besides = 256 << 20

// own is what a decoder holds when it has nothing to do.
const own = 64 << 20

// Whole is all that one decoder can use, given what it may for a picture.
func Whole(picture int64) int64 { return sum(picture, Besides) }

// Render is the memory that making all variants of an image takes at most: decoding
// it, pages that are kept whole, and every rendition, since the large ones wait for
// the small ones that are drawn from them, and for the encoders. It is not held
// against what a decoder can use.
func Render(of core.Probe, list []transform.Variant) int64 {
	all := []int64{own}
	whole := map[page]bool{}
	times := 1.0 // a vector is drawn at the size that is wanted, once for each
	for _, v := range list {
		s := v.Spec
		all = append(all, rendition(of, s))
		if vector(of) {
			times = max(times, float64(area(s, int(of.Width), int(of.Height)))/float64(max(1, of.Width*of.Height)))
		}
		if s.Trim > 0 || s.Crop != (transform.Crop{}) || s.Linear {
			whole[page{s.Page, moves(of, s), s.ICC}] = true
		}
	}
	// The first is what decoding is predicted to end with anyway.
	kept := product(int64(max(0, len(whole)-1)), of.Width, of.Height, canvas)
	return sum(append(all, kept, int64(min(times*float64(decoding(of)), most)))...)
}

// vector reports whether the file has no pixels of its own.
func vector(of core.Probe) bool {
	return of.ContentType == structure.SVG.ContentType() || of.ContentType == structure.PDF.ContentType()
}

// Mark is the memory that a watermark takes at most: it is decoded for itself, and
// drawn no larger than what it is laid over.
func Mark(of core.Probe) int64 { return decoding(of) }

// page is what is kept whole of an image, once for all variants that cut it.
type page struct {
	number int
	moving bool
	icc    transform.ICC
}

// decoding is what the look at the file has predicted. Where nobody has said, as of
// images that came before it was asked, it is the most of what the rest allows.
func decoding(of core.Probe) int64 {
	if of.MemoryBytes > 0 {
		return of.MemoryBytes
	}
	p := Picture{Width: of.Width, Height: of.Height, Channels: 4, SampleBytes: 2, Whole: true, Frames: 1}
	for _, f := range []structure.Format{structure.JPEG, structure.PNG, structure.WebP, structure.GIF, structure.AVIF, structure.HEIC, structure.TIFF, structure.JXL, structure.SVG, structure.PDF} {
		if f.ContentType() == of.ContentType {
			p.Format = f
		}
	}
	switch p.Format {
	case structure.JPEG:
		p.SampleBytes = 1
	case structure.GIF, structure.WebP:
		p.SampleBytes, p.Frames = 1, of.Pages
	case structure.SVG, structure.PDF:
		p.SampleBytes = 1
	case structure.PNG, structure.AVIF, structure.HEIC, structure.JXL:
	default:
		return most // samples of a TIFF can have any size
	}
	return p.Bytes()
}

// moves reports whether a rendition has all frames.
func moves(of core.Probe, s transform.Spec) bool {
	moving := of.ContentType == structure.GIF.ContentType() || of.ContentType == structure.WebP.ContentType()
	writes := s.Fmt == transform.WebP || s.Fmt == transform.GIF || s.Fmt == transform.Auto
	return of.Pages > 1 && moving && writes && s.Anim && s.Page == 0
}

// rendition is a result, or what it is on its way there, with what its encoder works
// in.
func rendition(of core.Probe, s transform.Spec) int64 {
	pixels := area(s, int(of.Width), int(of.Height))
	if moves(of, s) {
		return product(pixels, of.Pages, canvas)
	}
	return sum(product(2, pixels, canvas), encoder(s.Fmt, pixels))
}

// area is how many pixels a rendition of an upright image has at most, at the end or on
// the way.
func area(s transform.Spec, w, h int) int64 {
	s = s.Scaled()
	if part, err := s.Crop.Within(max(w, 1), max(h, 1)); err == nil && s.Trim == 0 {
		w, h = part.Dx(), part.Dy()
	}
	plan := s.Target(w, h)
	w, h = transform.Turned(plan.Width, plan.Height, s.Rot)
	w += s.Pad[1] + s.Pad[3] + 2*s.Border.Width
	h += s.Pad[0] + s.Pad[2] + 2*s.Border.Width
	return max(product(int64(plan.ResizeW), int64(plan.ResizeH)), product(int64(w), int64(h)))
}

// encoder is the memory that encoding so many pixels works in: upper bounds of what was
// measured. The encoder of AV1 keeps a hundred bytes a pixel, but cuts a large picture
// into parts.
func encoder(f transform.Format, pixels int64) int64 {
	switch f {
	case transform.AVIF, transform.Auto, transform.JXL:
		const large = 3_000_000
		return sum(product(96, min(pixels, large)), product(16, max(0, pixels-large)))
	case transform.WebP:
		return product(8, pixels)
	}
	return 0
}
