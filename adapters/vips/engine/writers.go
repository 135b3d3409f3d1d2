package engine

import (
	"fmt"

	"imgd/core/transform"
)

// writer is how a format is written. The effort of the language, 0 to 9, is
// spread over the encoder's own scale.
type writer struct {
	saver   string
	options func(transform.Spec) []string
	palette func(colours int) string
	// carries says that the saver embeds the profile and the packets that are on the
	// picture better than metadata.Embed could.
	carries bool
}

var writers = map[transform.Format]writer{
	// libwebp: method 0 to 6.
	transform.WebP: {saver: "webpsave_buffer", options: func(s transform.Spec) []string {
		return []string{quality(s), fmt.Sprintf("lossless=%t", s.Lossless), fmt.Sprintf("effort=%d", [10]int{0, 1, 2, 3, 4, 4, 5, 5, 6, 6}[s.Effort])}
	}},
	// aom, by way of libheif: 9 minus its speed. Beyond 3 files get no smaller, and
	// take five times as long and more: docs/benchmarks.md has the figures.
	transform.AVIF: {saver: "heifsave_buffer", carries: true, options: func(s transform.Spec) []string {
		return []string{"compression=av1", "bitdepth=8", quality(s), fmt.Sprintf("lossless=%t", s.Lossless), fmt.Sprintf("effort=%d", [10]int{0, 0, 1, 1, 2, 3, 4, 4, 5, 6}[s.Effort]), "subsample-mode=" + subsample(s)}
	}},
	// libjpeg-turbo: optimised Huffman tables from effort 1 on.
	transform.JPEG: {saver: "jpegsave_buffer", options: func(s transform.Spec) []string {
		return []string{quality(s), fmt.Sprintf("interlace=%t", s.Progressive), fmt.Sprintf("optimize-coding=%t", s.Effort > 0), "subsample-mode=" + subsample(s)}
	}},
	// zlib: level 1 to 9.
	transform.PNG: {saver: "pngsave_buffer", palette: depthOfPNG, options: func(s transform.Spec) []string {
		return []string{fmt.Sprintf("compression=%d", max(1, s.Effort)), fmt.Sprintf("interlace=%t", s.Progressive)}
	}},
	// cgif: effort 1 to 10.
	transform.GIF: {saver: "gifsave_buffer", palette: depthOfGIF, options: func(s transform.Spec) []string {
		return []string{fmt.Sprintf("effort=%d", s.Effort+1), fmt.Sprintf("interlace=%t", s.Progressive)}
	}},
	// libtiff: always lossless, which every reader takes, with or without alpha.
	transform.TIFF: {saver: "tiffsave_buffer", carries: true, options: func(transform.Spec) []string {
		return []string{"compression=deflate", "predictor=horizontal"}
	}},
	// libjxl: effort 3 to 9, and a distance from the original instead of a quality:
	// libvips 8.14 translates one below 30 wrongly.
	transform.JXL: {saver: "jxlsave_buffer", carries: true, options: func(s transform.Spec) []string {
		return []string{fmt.Sprintf("distance=%g", distant(s.Q)), fmt.Sprintf("lossless=%t", s.Lossless), fmt.Sprintf("effort=%d", [10]int{3, 3, 3, 3, 4, 5, 6, 7, 8, 9}[s.Effort])}
	}},
}

// distant is the distance of a quality: as libjxl's own tools have it from 30 on, and
// up to the most that libvips allows below.
func distant(q int) float64 {
	if q >= 30 {
		return 0.1 + 0.09*float64(100-q)
	}
	return 6.4 + 8.6*float64(30-q)/29
}

func quality(s transform.Spec) string { return fmt.Sprintf("Q=%d", s.Q) }

func subsample(s transform.Spec) string {
	if s.Chroma == transform.Chroma444 || s.Lossless {
		return "off"
	}
	return "on"
}

// depthOfPNG has a PNG indexed with as many bits as so many colours take.
func depthOfPNG(colours int) string {
	bits := 8
	for _, n := range []int{4, 2, 1} {
		if colours <= 1<<n {
			bits = n
		}
	}
	return fmt.Sprintf("palette=true,Q=100,bitdepth=%d", bits)
}

// depthOfGIF is the same for a GIF, which keeps an index to be transparent with.
func depthOfGIF(colours int) string {
	bits := 1
	for 1<<bits < colours {
		bits++
	}
	return fmt.Sprintf("bitdepth=%d", bits)
}
