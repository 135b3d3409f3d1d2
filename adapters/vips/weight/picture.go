// Package weight predicts what work on an image takes, in memory and in time, from
// what its header tells and what is asked for. The decoders refuse by it what they
// could not do, and the pool admits by it what may go on at once.
package weight

import (
	"math"
	"time"

	"imgd/adapters/vips/structure"
)

// Picture is what decoding depends on.
type Picture struct {
	Format        structure.Format
	Width, Height int64
	Channels      int64
	SampleBytes   int64
	Whole         bool  // progressive or interlaced: no row is ready before the last
	Frames        int64 // that are read at once
	Layers        int64 // surfaces that an SVG is drawn on beside the picture
	Embedded      int64 // pixels of the pictures in it
}

// canvas is how many bytes a pixel has at most once it is decoded.
const canvas = 4

// Bytes is the memory that decoding takes at most.
//
// Every decode may end with all its pixels in memory: width x height x channels x
// bytes of a sample, for each frame that is read. To this come, while the decoder
// works,
//
//   - a progressive JPEG: all its coefficients, two bytes for each sample;
//   - an interlaced PNG: the picture once more, since its rows come last;
//   - a WebP: the picture once more, and half of it in YUV;
//   - an AVIF or HEIC: the picture three times more, as planes, as reference
//     planes and as interleaved pixels;
//   - a JPEG XL: all its samples as floats, three times;
//   - an SVG: a canvas to draw on, another one for each layer it is drawn on at
//     once, and its embedded pictures, twice each;
//   - a PDF: two such canvases, of which parts are drawn at a time;
//   - an animation: two more canvases, each of four bytes a pixel, to draw on and
//     to dispose to.
//
// Formats that come row by row add nothing. The numbers are upper bounds: what is
// decoded at a smaller scale, or streamed into a smaller rendition, takes less.
func (p Picture) Bytes() int64 {
	pixels := product(p.Width, p.Height)
	frame := product(pixels, p.Channels, p.SampleBytes)
	if p.Frames > 1 {
		return product(p.Frames+2, pixels, canvas)
	}
	switch p.Format {
	case structure.JPEG:
		if p.Whole {
			return sum(frame, product(2, pixels, p.Channels))
		}
	case structure.PNG:
		if p.Whole {
			return product(2, frame)
		}
	case structure.WebP:
		return sum(product(2, frame), frame/2)
	case structure.AVIF, structure.HEIC:
		return product(4, frame)
	case structure.JXL:
		return sum(frame, product(3*4, pixels, p.Channels))
	case structure.SVG:
		return sum(frame, product(1+p.Layers, pixels, canvas), product(2, canvas, p.Embedded))
	case structure.PDF:
		return sum(frame, product(2, pixels, canvas))
	}
	return frame
}

// Time is what decoding takes at the very least, on a core that is faster than those
// we have seen and has nothing else to do. What is refused by it could never be
// rendered; what passes may still prove too slow.
func (p Picture) Time() time.Duration {
	pixels := product(p.Width, p.Height, max(p.Frames, 1))
	return time.Duration(min(float64(pixels)*p.perPixel(), math.MaxInt64/2))
}

// perPixel is in nanoseconds. A JPEG takes three times as long on a core of a shared
// server with libvips 8.14 (3 baseline, 15 progressive); the other numbers are
// estimates that err to the low side. A baseline JPEG is decoded at a fraction of its
// size where that will do, and then costs a fraction.
func (p Picture) perPixel() float64 {
	switch p.Format {
	case structure.JPEG:
		if p.Whole {
			return 5
		}
		return 1
	case structure.PNG:
		return 3
	case structure.WebP, structure.GIF:
		return 3
	case structure.AVIF, structure.HEIC, structure.JXL:
		return 10
	}
	return 0.5
}

// Fits is the largest size of the same shape that is share of the picture: what is
// predicted grows with the pixels.
func (p Picture) Fits(share float64) (w, h int64) {
	side := math.Sqrt(min(max(share, 0), 1))
	return max(1, int64(float64(p.Width)*side)), max(1, int64(float64(p.Height)*side))
}

// product and sum stop at a number that is beyond every budget and still can be
// added to.
func product(factors ...int64) int64 {
	all := 1.0
	for _, f := range factors {
		all *= float64(max(f, 0))
	}
	return int64(min(all, most))
}

func sum(parts ...int64) int64 {
	var all float64
	for _, p := range parts {
		all += float64(max(p, 0))
	}
	return int64(min(all, most))
}

const most = 1 << 60
