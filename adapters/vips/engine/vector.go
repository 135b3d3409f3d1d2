package engine

import (
	"fmt"
	"image"
	"math"
	"slices"
	"strings"

	"imgd/adapters/vips/structure"
	"imgd/adapters/vips/weight"
	"imgd/core"
)

// vectors are the formats that have no pixels of their own, with the class of their
// loader. Nothing else of libvips that reads them is trusted.
var vectors = map[structure.Format]string{
	structure.SVG: "VipsForeignLoadSvgBuffer",
	structure.PDF: "VipsForeignLoadPdfBuffer",
}

// startVectors switches on those that are wanted. Their libraries read files when
// they are first used, which only works now: each draws something.
func startVectors(formats []string) error {
	for f, class := range vectors {
		if !slices.Contains(formats, string(f)) {
			continue
		}
		if !knows(loader(f)) {
			return core.Invalid.Errorf("this build of libvips cannot read %s; install what it reads it with, or take %s out of the formats", f, f)
		}
		trust(class)
		if err := warmUp(f); err != nil {
			return fmt.Errorf("a trial %s cannot be drawn: %w", f, err)
		}
	}
	return nil
}

// vector reports whether the file can be drawn at any size.
func (s *source) vector() bool { _, is := vectors[s.format]; return is }

// drawing is the size a vector is drawn at, so that a cut of it has at least w x h
// pixels: exactly those where all of the page is wanted, and else the nearest
// multiple of its own size, since a cut has whole pixels. Zero is its own size.
func (s *source) drawing(c cut, w, h int) image.Point {
	switch {
	case !s.vector():
		return image.Point{}
	case c.area.Empty() && (w != s.width || h != s.height):
		return image.Pt(w, h)
	case c.area.Empty():
		return image.Point{}
	}
	times := min(max(ceil(w, c.area.Dx()), ceil(h, c.area.Dy())), s.most())
	if times <= 1 {
		return image.Point{}
	}
	return image.Pt(s.width*times, s.height*times)
}

// most is by how much the page may be enlarged as a whole.
func (s *source) most() int {
	side := orNone(current.Limits.Side, math.MaxInt32) / int64(max(s.width, s.height))
	area := math.Sqrt(float64(s.drawable()) / float64(s.width*s.height))
	return int(max(1, min(side, int64(area))))
}

// drawable is how many pixels of the file may be drawn at once.
func (s *source) drawable() int64 {
	most, memory := orNone(current.Limits.Pixels, math.MaxInt64), orNone(current.Limits.MemoryBytes, math.MaxInt64)
	return min(most, memory/s.perPixel())
}

// perPixel is the memory that a pixel takes.
func (s *source) perPixel() int64 {
	return weight.Picture{Format: s.format, Width: 1, Height: 1, Channels: 4, SampleBytes: 1, Frames: 1, Layers: int64(s.outline.Layers)}.Bytes()
}

// drawSVG draws the document at a size, or its own.
func (s *source) drawSVG(at image.Point, options []string) (picture, error) {
	if at == (image.Point{}) {
		at = image.Pt(s.outline.Width, s.outline.Height)
	}
	data, err := structure.DrawnAt(s.data, at.X, at.Y)
	if err != nil {
		return picture{}, err
	}
	s.pinned.Pin(&data[0]) // libvips reads it when pixels are asked for
	p, err := load(loader(s.format), data, strings.Join(options, ","))
	return p, explain(s.format, err)
}

// drawPDF draws the page at a size, or its own at 72 dots to the inch. It is opaque.
// Where no scale gives both sides exactly, one of them is off by a pixel.
func (s *source) drawPDF(at image.Point, options []string) (picture, error) {
	if at != (image.Point{}) {
		scale, err := s.scaleTo(at, options)
		if err != nil {
			return picture{}, err
		}
		options = append(options, fmt.Sprintf("scale=%.17g", scale))
	}
	p, err := load(loader(s.format), s.data, strings.Join(options, ","))
	if err != nil {
		return p, explain(s.format, err)
	}
	opaque := from(p)
	p.free()
	opaque.do("extract_band", "band=0,n=3")
	p, err = opaque.end()
	return p, explain(s.format, err)
}

// scaleTo is the scale at which the page has a size. Its own is known in points and
// fractions of them, of which a header at a larger scale tells two digits more.
func (s *source) scaleTo(at image.Point, options []string) (float64, error) {
	const times = 100
	large, err := load(loader(s.format), s.data, strings.Join(append(slices.Clone(options), fmt.Sprintf("scale=%d", times)), ","))
	if err != nil {
		return 0, explain(s.format, err)
	}
	defer large.free()
	return scaleBetween(float64(large.width())/times, float64(large.height())/times, at), nil
}

// scaleBetween is in the middle of the scales at which both sides come out as
// wanted, or what suits the wider side if there are none.
func scaleBetween(w, h float64, at image.Point) float64 {
	x, y := float64(at.X), float64(at.Y)
	low, high := max((x-0.5)/w, (y-0.5)/h), min((x+0.5)/w, (y+0.5)/h)
	if low < high {
		return (low + high) / 2
	}
	return max(x/w, y/h)
}
