package engine

import (
	"bytes"
	"fmt"
	"image"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"imgd/adapters/vips/embedded"
	"imgd/adapters/vips/metadata"
	"imgd/adapters/vips/structure"
	"imgd/adapters/vips/weight"
	"imgd/core"
)

// source is a file that was judged and may be decoded.
type source struct {
	data   []byte
	pinned runtime.Pinner
	page   int
	facts  bool // whether facts are wanted too

	format  structure.Format
	outline structure.Outline
	probe   core.Probe

	width, height int // of a frame as it is decoded, before it is turned upright
	orientation   int // of EXIF, 1 to 8
	colours       colours
	asked         bool // whether colours.after is needed at all
	// frames is how many an animated rendition has; 1 when the file is a still, or
	// more of an animation than there is a budget for.
	frames    int
	animation animation
	embedded  embedded.Blocks // of a file whose facts are wanted

	carried *metadata.Carried // once it is asked for
}

// animation is how frames follow each other.
type animation struct {
	delays []int // in milliseconds
	loop   int   // times, 0 for ever
}

// open judges a file: first by its bytes, then by the header that its loader
// reads. Whoever opens it closes it.
func open(data []byte, facts bool) (*source, error) {
	forget()
	s := &source{data: data, facts: facts}
	if err := s.gate(); err != nil {
		return nil, err
	}
	if err := s.walk(); err != nil {
		return nil, err
	}
	if err := s.precede(); err != nil {
		return nil, err
	}
	s.pinned.Pin(&data[0])
	if err := s.readHeader(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *source) close() { s.pinned.Unpin() }

// at returns the source of another page, which may look quite different. It is
// good as long as s is open.
func (s *source) at(page int) (*source, error) {
	if page >= int(s.probe.Pages) {
		return nil, core.InvalidTransform.Errorf("there is no page %d: the %s has %d, counted from 0", page, s.format, s.probe.Pages).
			With("key", "page")
	}
	p := &source{data: s.data, page: page, format: s.format, outline: s.outline}
	return p, p.readHeader()
}

func (s *source) readHeader() error {
	header, err := s.load(false, sizing{shrink: 1})
	if err != nil {
		return err
	}
	defer header.free()
	if s.facts {
		s.embedded = s.blocks(header)
	}
	s.look(header)
	return s.weigh(header)
}

// gate lets known formats pass, and of those the ones that are switched on.
func (s *source) gate() error {
	f, known := structure.Sniff(s.data[:min(len(s.data), structure.SniffBytes)])
	allowed := current.Formats
	switch {
	case !known:
		return core.UnsupportedMediaType.Errorf("the file is of no known format; send one of %s", strings.Join(allowed, ", ")).
			With("allowed", allowed)
	case !slices.Contains(allowed, string(f)):
		return core.UnsupportedMediaType.Errorf("%s files are not read here; send one of %s", f, strings.Join(allowed, ", ")).
			With("allowed", allowed)
	}
	s.format = f
	return nil
}

func (s *source) walk() error {
	l := current.Limits
	o, err := structure.Walk(s.format, bytes.NewReader(s.data), int64(len(s.data)), structure.Limits{
		MaxSide:   int(orNone(l.Side, math.MaxInt32)),
		MaxPixels: orNone(l.Pixels, math.MaxInt64),
	})
	if core.SlugOf(err) == core.ImageTruncated && current.FailOn == "none" {
		err = nil
	}
	s.outline = o
	return err
}

// orNone is the limit, or a number that none reaches.
func orNone(limit, none int64) int64 {
	if limit > 0 {
		return limit
	}
	return none
}

// sizing is how large a format is asked to be decoded: by a fraction of its size,
// or what has no pixels of its own at a size.
type sizing struct {
	shrink int
	drawn  image.Point // zero: as large as it says it is
}

// own reports whether that is the full size.
func (z sizing) own() bool { return z.shrink == 1 && z.drawn == image.Point{} }

// load reads by the named loader, at another scale where the format can. The
// rows may be asked for once and in order only.
func (s *source) load(all bool, z sizing) (picture, error) {
	options := []string{"access=sequential", "fail-on=" + current.FailOn}
	switch {
	case all:
		options = append(options, "n=-1")
	case s.page > 0: // without a page HEIF gives its primary picture
		options = append(options, fmt.Sprintf("page=%d", s.page))
	}
	if z.shrink > 1 && s.format == structure.JPEG {
		options = append(options, fmt.Sprintf("shrink=%d", z.shrink))
	}
	if z.shrink > 1 && s.format == structure.WebP {
		options = append(options, fmt.Sprintf("scale=%v", 1/float64(z.shrink)))
	}
	switch s.format {
	case structure.SVG:
		return s.drawSVG(z.drawn, options)
	case structure.PDF:
		return s.drawPDF(z.drawn, options)
	}
	p, err := load(loader(s.format), s.data, strings.Join(options, ","))
	return p, explain(s.format, err)
}

// look takes what the header tells.
func (s *source) look(header picture) {
	s.width, s.height = header.width(), header.height()
	s.orientation = header.field("orientation", 1)
	if s.orientation < 1 || s.orientation > 8 {
		s.orientation = 1
	}
	pages := max(header.field("n-pages", 1), 1)
	s.frames = 1
	if moving := s.format == structure.GIF || s.format == structure.WebP; moving && pages > 1 && s.page == 0 {
		s.frames = pages
		s.animation = animation{delays: shown(header.delays(), pages), loop: header.field("loop", 0)}
	}
	w, h := s.upright(s.width, s.height)
	s.probe = core.Probe{
		Format:      string(s.format),
		ContentType: s.format.ContentType(),
		Width:       int64(w),
		Height:      int64(h),
		Pages:       int64(pages),
		Animated:    s.frames > 1,
		HasAlpha:    header.alpha(),
	}
	var dropped bool
	s.colours, dropped = coloursOf(header)
	if dropped {
		s.probe.Warnings = append(s.probe.Warnings, core.Warning{
			Slug:   "profile-dropped",
			Detail: "the embedded colour profile is unusable; the colours are taken as sRGB, or as ordinary CMYK",
		})
	}
	if s.outline.Text {
		s.probe.Warnings = append(s.probe.Warnings, core.Warning{
			Slug:   "text-not-drawn",
			Detail: "the text in the SVG is not drawn, since decoders have no fonts; convert it to paths",
		})
	}
}

// turned reports whether upright means on its side.
func (s *source) turned() bool { return s.orientation >= 5 }

func (s *source) upright(w, h int) (int, int) {
	if s.turned() {
		return h, w
	}
	return w, h
}

// small reports whether all frames together are few pixels.
func (s *source) small() bool { return s.width*s.height*s.frames <= few }

// shown completes the delays to n, and slows down those below two hundredths of a
// second as browsers do: they are artefacts of old encoders.
func shown(delays []int, n int) []int {
	const tooFast, usual = 20, 100
	list := make([]int, n)
	for i := range list {
		list[i] = usual
		if i < len(delays) && delays[i] >= tooFast {
			list[i] = delays[i]
		}
	}
	return list
}

// weigh holds the file against the limits.
func (s *source) weigh(header picture) error {
	l, w, h := current.Limits, s.probe.Width, s.probe.Height
	if side := max(w, h); over(side, l.Side) {
		return core.ImageTooLarge.Errorf("the %s is %d x %d pixels large, of which a side may have %d; scale it down before sending it",
			s.format, w, h, l.Side).With("limit", l.Side).With("actual", side)
	}
	if over(w*h, l.Pixels) {
		return core.ImageTooLarge.Errorf("the %s is %d x %d pixels large, which is more than %d pixels; scale it down before sending it",
			s.format, w, h, l.Pixels).With("limit", l.Pixels).With("actual", w*h)
	}
	p := weight.Picture{
		Format: s.format, Width: w, Height: h,
		Channels: int64(header.bands()), SampleBytes: int64(header.sampleBytes()),
		Whole:  s.outline.Progressive || s.outline.Interlaced || s.outline.Scans > 1,
		Frames: int64(s.frames),
		Layers: int64(s.outline.Layers), Embedded: s.outline.EmbeddedPixels,
	}
	if err := s.weighFrames(p); err != nil {
		if !current.FirstFrame {
			return err
		}
		s.frames, p.Frames = 1, 1
		s.probe.Warnings = append(s.probe.Warnings, core.Warning{
			Slug:   "animation-first-frame",
			Detail: err.Detail + "; only its first frame is used",
		})
	}
	s.probe.MemoryBytes = p.Bytes()
	return s.feasible(p)
}

// precede weighs a WebP by what was walked through: its loader makes a canvas as soon as
// it reads the header.
func (s *source) precede() error {
	if s.format != structure.WebP {
		return nil
	}
	return s.feasible(weight.Picture{
		Format: s.format, Width: int64(s.outline.Width), Height: int64(s.outline.Height), Channels: int64(s.outline.Bands), SampleBytes: 1, Frames: 1,
	})
}

// feasible refuses what could not be decoded: a decoder would run out of memory, or
// would be stopped at its deadline.
func (s *source) feasible(p weight.Picture) error {
	l := current.Limits
	excess := func(limit, actual int64, setting, format string, args ...any) error {
		fit, fitH := p.Fits(float64(limit) / float64(actual))
		return core.ImageTooComplex.Errorf("decoding the %s of %d x %d pixels %s (%s); at %d x %d pixels it would fit",
			s.format, p.Width, p.Height, fmt.Sprintf(format, args...), setting, fit, fitH).
			With("limit", limit).With("actual", actual).With("setting", setting).With("fits_width", fit).With("fits_height", fitH)
	}
	if need := p.Bytes(); over(need, l.MemoryBytes) {
		return excess(l.MemoryBytes, need, "IMGD_DECODER_MEMORY", "is predicted to take %d bytes of memory, of which it may take %d", need, l.MemoryBytes)
	}
	if need := p.Time(); over(int64(need), int64(l.Time)) {
		return excess(l.Time.Milliseconds(), need.Milliseconds(), "IMGD_RENDER_TIME", "is predicted to take %v at least, and is stopped after %v", need.Round(time.Millisecond), l.Time)
	}
	return nil
}

// weighFrames holds an animation against its budget: of frames, of pixels in all
// of them, and of memory.
func (s *source) weighFrames(p weight.Picture) *core.Error {
	l := current.Limits
	if p.Frames <= 1 {
		return nil
	}
	excess := func(what string, limit, actual int64) *core.Error {
		return core.TooManyFrames.Errorf("the animation has %d %s, of which there may be %d", actual, what, limit).
			With("limit", limit).With("actual", actual)
	}
	switch pixels := p.Frames * p.Width * p.Height; {
	case over(p.Frames, l.Frames):
		return excess("frames", l.Frames, p.Frames)
	case over(pixels, l.Pixels):
		return excess("pixels in all its frames", l.Pixels, pixels)
	case over(p.Bytes(), l.MemoryBytes):
		return excess("bytes in memory", l.MemoryBytes, p.Bytes())
	}
	return nil
}

func over(n, limit int64) bool { return limit > 0 && n > limit }

// Probe judges a file by its first bytes, its structure and its header, within
// the limits, without decoding it.
func Probe(data []byte) (core.Probe, error) {
	s, err := open(data, false)
	if err != nil {
		return core.Probe{}, err
	}
	defer s.close()
	return s.probe, nil
}
