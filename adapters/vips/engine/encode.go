package engine

import (
	"fmt"
	"strings"

	"imgd/core/transform"
)

// encode writes frames in the format of a spec: one as a still, several as an
// animation.
func encode(s transform.Spec, frames []picture, a animation) (encoded, error) {
	p := frames[0]
	if len(frames) > 1 {
		var err error
		if p, err = join(frames, a); err != nil {
			return encoded{}, err
		}
		defer p.free()
	}
	p, err := p.bare()
	if err != nil {
		return encoded{}, err
	}
	defer p.free()
	w := writers[s.Fmt]
	e, err := p.save(w.saver, "strip=true,"+strings.Join(w.options(s), ","))
	if err != nil {
		return encoded{}, err
	}
	e.frames = len(frames)
	if s.Fmt == transform.WebP {
		var left []byte
		left, e.frames = unmarked(e.bytes())
		e.n = len(left)
	}
	return e, nil
}

// writer is how a format is written. The effort of the language, 0 to 9, is
// spread over the encoder's own scale.
type writer struct {
	saver   string
	options func(transform.Spec) []string
}

var writers = map[transform.Format]writer{
	// libwebp: method 0 to 6.
	transform.WebP: {"webpsave_buffer", func(s transform.Spec) []string {
		return []string{quality(s), fmt.Sprintf("lossless=%t", s.Lossless), fmt.Sprintf("effort=%d", [10]int{0, 1, 2, 3, 4, 4, 5, 5, 6, 6}[s.Effort])}
	}},
	// aom: effort 0 to 9, which is 9 minus its speed.
	transform.AVIF: {"heifsave_buffer", func(s transform.Spec) []string {
		return []string{"compression=av1", "bitdepth=8", quality(s), fmt.Sprintf("lossless=%t", s.Lossless), fmt.Sprintf("effort=%d", s.Effort), "subsample-mode=" + subsample(s)}
	}},
	// libjpeg-turbo: optimised Huffman tables from effort 1 on.
	transform.JPEG: {"jpegsave_buffer", func(s transform.Spec) []string {
		return []string{quality(s), fmt.Sprintf("interlace=%t", s.Progressive), fmt.Sprintf("optimize-coding=%t", s.Effort > 0), "subsample-mode=" + subsample(s)}
	}},
	// zlib: level 1 to 9.
	transform.PNG: {"pngsave_buffer", func(s transform.Spec) []string {
		return []string{fmt.Sprintf("compression=%d", max(1, s.Effort)), fmt.Sprintf("interlace=%t", s.Progressive)}
	}},
	// cgif: effort 1 to 10.
	transform.GIF: {"gifsave_buffer", func(s transform.Spec) []string {
		return []string{fmt.Sprintf("effort=%d", s.Effort+1), fmt.Sprintf("interlace=%t", s.Progressive)}
	}},
	// libtiff: always lossless, which every reader takes, with or without alpha.
	transform.TIFF: {"tiffsave_buffer", func(transform.Spec) []string {
		return []string{"compression=deflate", "predictor=horizontal"}
	}},
}

func quality(s transform.Spec) string { return fmt.Sprintf("Q=%d", s.Q) }

func subsample(s transform.Spec) string {
	if s.Chroma == transform.Chroma444 || s.Lossless {
		return "off"
	}
	return "on"
}
