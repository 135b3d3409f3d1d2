package engine

import "imgd/adapters/vips/structure"

// need is what decoding is predicted to take, from the header alone.
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
//   - an animation: two more canvases, each of four bytes a pixel, to draw on and
//     to dispose to.
//
// Formats that come row by row add nothing. The numbers are upper bounds: what is
// decoded at a smaller scale, or streamed into a smaller rendition, takes less.
type need struct {
	format        structure.Format
	width, height int64
	channels      int64
	sampleBytes   int64
	whole         bool  // progressive or interlaced: no row is ready before the last
	frames        int64 // that are read at once
}

func (n need) bytes() int64 {
	pixels := n.width * n.height
	frame := pixels * n.channels * n.sampleBytes
	if n.frames > 1 {
		const canvas = 4
		return (n.frames + 2) * pixels * canvas
	}
	switch n.format {
	case structure.JPEG:
		if n.whole {
			return frame + 2*pixels*n.channels
		}
	case structure.PNG:
		if n.whole {
			return 2 * frame
		}
	case structure.WebP:
		return 2*frame + frame/2
	case structure.AVIF, structure.HEIC:
		return 4 * frame
	case structure.JXL:
		return frame + 3*4*pixels*n.channels
	}
	return frame
}
