package weight

import (
	"slices"

	"imgd/adapters/vips/structure"
	"imgd/core"
	"imgd/core/transform"
)

const (
	// started is the memory that a decoder has written to, or could, before it has seen
	// a picture.
	started = 160 << 20
	// encoders is how many renditions are encoded at once.
	encoders = 2
)

// Hold is the memory that a decoder has to have for all it does, at its worst moment:
// while it decodes and draws the largest rendition, or while it encodes that; what the
// decoders of WebP, AVIF and the like have used is not there for the encoders. Render
// is the most that it could come to; this is what was measured.
func Hold(of core.Probe, list []transform.Variant) int64 {
	var drawn int64
	var work []int64
	for _, v := range list {
		pixels := area(v.Spec, int(of.Width), int(of.Height))
		if moves(of, v.Spec) {
			pixels = product(pixels, of.Pages)
		}
		bytes := product(pixels, canvas)
		drawn, work = max(drawn, bytes), append(work, coding(of, v.Spec, pixels))
	}
	slices.Sort(work)
	encode := sum(drawn, sum(work[max(0, len(work)-encoders):]...))
	switch of.ContentType {
	case structure.WebP.ContentType():
		encode = sum(encode, decoding(of), product(of.Width, of.Height, canvas))
	case structure.AVIF.ContentType(), structure.HEIC.ContentType(), structure.JXL.ContentType():
		encode = sum(encode, decoding(of))
	}
	return sum(started, max(sum(decoding(of), drawn), encode))
}

// coding is what an encoder of WebP works in: transparency is packed without loss,
// with tables for every pixel and more of them for the first few. What others take is
// not counted.
func coding(of core.Probe, s transform.Spec, pixels int64) int64 {
	switch {
	case s.Fmt != transform.WebP || moves(of, s):
		return 0
	case of.HasAlpha || s.Lossless:
		return min(product(66, pixels), sum(72<<20, product(34, pixels)))
	}
	return product(10, pixels)
}

// Fitting is the largest size of the same shape at which all of it fits into so many
// bytes, or zero if none does.
func Fitting(of core.Probe, list []transform.Variant, limit int64) (w, h int64) {
	at := func(side float64) core.Probe {
		small := of
		small.Width, small.Height = max(1, int64(float64(of.Width)*side)), max(1, int64(float64(of.Height)*side))
		small.MemoryBytes = max(1, int64(float64(of.MemoryBytes)*side*side))
		return small
	}
	low, high := 0.0, 1.0
	for high-low > 1/float64(max(2, of.Width, of.Height)) {
		if middle := (low + high) / 2; Hold(at(middle), list) <= limit {
			low = middle
		} else {
			high = middle
		}
	}
	if low == 0 {
		return 0, 0
	}
	fits := at(low)
	return fits.Width, fits.Height
}
