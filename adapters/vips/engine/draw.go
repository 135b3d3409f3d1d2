package engine

import (
	"context"
	"fmt"
	"image"
	"math"

	"imgd/adapters/vips/structure"
)

// ready sees to it that a rendition is drawn, and before it what it is drawn from.
func (a *arrangement) ready(ctx context.Context, r *rendition) error {
	if r.frames != nil {
		return nil
	}
	if r.from != nil {
		if err := a.ready(ctx, r.from); err != nil {
			return err
		}
	}
	return a.draw(ctx, r)
}

// draw makes a rendition's frames, and lets go of what nobody waits for any more.
func (a *arrangement) draw(ctx context.Context, r *rendition) error {
	o, err := a.origins(ctx, r)
	if err != nil {
		return err
	}
	defer o.free()
	var frames []picture
	for _, p := range o.frames {
		f, err := a.frame(ctx, r, p, o.settled)
		if err != nil {
			freeAll(frames)
			return err
		}
		frames = append(frames, f)
	}
	r.frames = frames
	return nil
}

func (a *arrangement) frame(ctx context.Context, r *rendition, p picture, settled bool) (picture, error) {
	if err := context.Cause(ctx); err != nil {
		return picture{}, err
	}
	s := from(p)
	s.small, s.marks = a.src.small(), a.marks
	explained := func(err error) error { return ours("draw", err) }
	if r.from == nil {
		explained = func(err error) error { return explain(a.src.format, err) }
		a.fromFile(s, r, settled)
	} else {
		s.resize(r.ResizeW, r.ResizeH, r.linear)
	}
	s.focus(r)
	if r.paints() {
		s.keep()
		if s.err == nil { // from here on the file is not to blame
			explained = func(err error) error { return ours("draw", err) }
		}
	}
	s.compose(ctx, r.shape)
	s.keep()
	f, err := s.end()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return f, cause
	}
	return f, explained(err)
}

// origins are the frames a rendition is drawn from.
type origins struct {
	frames  []picture
	settled bool   // their colours are
	free    func() // lets go of them
}

func (a *arrangement) origins(ctx context.Context, r *rendition) (origins, error) {
	if r.from != nil {
		return origins{r.from.frames, true, func() { a.let(r.from) }}, nil
	}
	p := r.pass
	p.roots--
	if p.base == nil {
		frames, settled, err := a.decode(ctx, p)
		if err != nil {
			return origins{}, err
		}
		if p.roots == 0 {
			return origins{frames, settled, func() { freeAll(frames) }}, nil
		}
		if p.base, err = a.base(ctx, frames, settled, p); err != nil {
			return origins{}, err
		}
	}
	return origins{p.base, true, func() {
		if p.roots == 0 {
			freeAll(p.base)
			p.base = nil
		}
	}}, nil
}

// decode opens the file for a pass. Its frames are recipes still: the pixels come
// when they are asked for, from the first row to the last. Only where they are
// shared they are there already, and their colours settled.
func (a *arrangement) decode(ctx context.Context, p *pass) (frames []picture, settled bool, err error) {
	if full := p.page(); a.full[full] != nil && !a.src.vector() || p.own() && (a.full[full] != nil || a.shared[full]) {
		settled, p.sizing = true, sizing{shrink: 1}
		frames, err = a.whole(ctx, full)
	} else {
		frames, err = a.open(p.all, p.sizing)
		defer freeAll(frames)
	}
	if err != nil {
		return nil, false, err
	}
	var cut []picture
	for _, f := range frames {
		s := from(f)
		s.extract(a.src, p.area, p.sizing)
		c, err := s.end()
		if err != nil {
			freeAll(cut)
			return nil, false, explain(a.src.format, err)
		}
		cut = append(cut, c)
	}
	return cut, settled, nil
}

// open reads the frames of the page, or the first of them.
func (a *arrangement) open(all bool, z sizing) ([]picture, error) {
	whole, err := a.src.load(all, z)
	if err != nil {
		return nil, err
	}
	defer whole.free()
	n := 1
	if all {
		n = a.src.frames
	}
	height := whole.height() / n
	var frames []picture
	for i := range n {
		s := from(whole)
		if n > 1 {
			s.crop(image.Rect(0, i*height, whole.width(), (i+1)*height))
		}
		f, err := s.end()
		if err != nil {
			freeAll(frames)
			return nil, explain(a.src.format, err)
		}
		frames = append(frames, f)
	}
	return frames, nil
}

// whole computes the page in its full size, as the file has it, and keeps it for
// all that is drawn or judged by it.
func (a *arrangement) whole(ctx context.Context, p page) ([]picture, error) {
	if a.full[p] != nil || a.broken != nil {
		return a.full[p], a.broken
	}
	if !a.shared[p] { // those are counted
		a.hold.keep(a.weight(p))
	}
	frames, err := a.open(p.all, sizing{shrink: 1})
	if err == nil {
		defer freeAll(frames)
		frames, err = a.kept(ctx, frames, func(s *steps) { s.settle(a.src.colours, p.space) })
	}
	if err != nil {
		a.broken = err
		return nil, err
	}
	if a.full == nil {
		a.full = map[page][]picture{}
	}
	a.full[p] = frames
	return frames, nil
}

// base computes decoded frames for several renditions to be drawn from: no larger
// than it takes to draw the largest of them well.
func (a *arrangement) base(ctx context.Context, frames []picture, settled bool, p *pass) ([]picture, error) {
	defer freeAll(frames)
	return a.kept(ctx, frames, func(s *steps) {
		if !settled {
			s.settle(a.src.colours, p.space)
		}
		if n := a.spare(p); n > 1 && s.err == nil {
			s.resize(ceil(s.width(), n), ceil(s.height(), n), false)
		}
	})
}

// kept computes what becomes of decoded frames.
func (a *arrangement) kept(ctx context.Context, frames []picture, change func(*steps)) (list []picture, err error) {
	for _, f := range frames {
		if err := context.Cause(ctx); err != nil {
			freeAll(list)
			return nil, err
		}
		s := from(f)
		s.small = a.src.small()
		change(s)
		s.keep()
		k, err := s.end()
		if err != nil {
			freeAll(list)
			return nil, explain(a.src.format, err)
		}
		list = append(list, k)
	}
	return list, nil
}

func ceil(n, unit int) int { return (n + unit - 1) / unit }

// fromFile brings a decoded frame to its size, its colours to their space, and turns
// it upright. Turning comes after the resize, when there is less to turn, and so do
// the colours unless it is their light that is resized.
func (a *arrangement) fromFile(s *steps, r *rendition, settled bool) {
	src, to := a.src, r.shape
	if !settled {
		s.settle(src.colours, to.space)
	}
	if to.linear {
		src.convey(s, to.space)
	}
	w, h := src.upright(to.ResizeW, to.ResizeH)
	if src.format == structure.JPEG && r.pass.shrink > 1 {
		have := src.sensor(to.within(src))
		s.complete(have.Dx(), have.Dy(), r.pass.shrink, w, h)
	} else {
		s.resize(w, h, to.linear)
	}
	if !to.linear {
		src.convey(s, to.space)
	}
	s.turn(src.orientation)
}

// resize brings the picture to exactly w x h.
func (s *steps) resize(w, h int, linear bool) {
	if s.err != nil || s.width() == w && s.height() == h {
		return
	}
	resample := func() {
		s.do("resize", "scale=%.17g,vscale=%.17g", scale(w, s.width()), scale(h, s.height()))
	}
	if linear {
		s.linearly(func() { s.weighted(resample) })
	} else {
		s.premultiplied(resample)
	}
	s.bytes()
	if s.err == nil && (s.width() != w || s.height() != h) {
		s.err = fmt.Errorf("resizing came out at %d x %d instead of %d x %d", s.width(), s.height(), w, h)
	}
}

// complete brings what was decoded at a fraction of w0 x h0 to exactly w x h. Where
// that is no whole number of pixels, the last of a row or column stands for less than
// the others: taken for a whole one it would move all of them by up to a pixel. Hence
// the sides are scaled as they should be and what comes out beyond w x h is cut off.
func (s *steps) complete(w0, h0, shrink, w, h int) {
	if s.err != nil || w0%shrink == 0 && h0%shrink == 0 {
		s.resize(w, h, false)
		return
	}
	width, _ := evenly(w0, shrink, w)
	height, _ := evenly(h0, shrink, h)
	s.do("embed", "x=0,y=0,width=%d,height=%d,extend=copy", width, height)
	s.premultiplied(func() {
		s.do("resize", "scale=%.17g,vscale=%.17g", scale(w*shrink, w0), scale(h*shrink, h0))
	})
	s.crop(image.Rect(0, 0, w, h))
}

// evenly is how long to make a side that was decoded at a fraction, for it to be scaled
// to whole pixels, and by how much of a pixel the result is off then: libvips shares
// out between both ends of a side what it rounds.
func evenly(side, shrink, to int) (longer int, off float64) {
	const most = 64
	factor := scale(to*shrink, side)
	off = 1
	for n := ceil(side, shrink); n < ceil(side, shrink)+most; n++ {
		if d := math.Abs(float64(n)*factor-math.Round(float64(n)*factor)) / 2; d < off {
			longer, off = n, d
		}
	}
	return longer, off
}

// linearly does something to the light instead of its numbers.
func (s *steps) linearly(change func()) {
	space := "srgb"
	if s.grey() {
		space = "b-w"
	}
	s.do("colourspace", "space=scrgb")
	change()
	s.do("colourspace", "space=%s", space)
}

// premultiplied does something to 8 bit in which colours count as much as they are
// seen.
func (s *steps) premultiplied(change func()) {
	alpha := s.err == nil && s.alpha()
	s.weighted(change)
	if alpha {
		s.round()
	}
	s.bytes()
}

func (s *steps) weighted(change func()) {
	alpha := s.err == nil && s.alpha()
	if alpha {
		s.do("premultiply", "")
	}
	change()
	if alpha {
		s.do("unpremultiply", "")
	}
}

// round brings fractions to the nearest of 256 levels; casting would cut them off.
func (s *steps) round() { s.do("linear", "a=1,b=0.5,uchar=true") }

// scale is the factor by which libvips, which rounds, comes to the size wanted.
func scale(want, have int) float64 { return float64(want) / float64(have) }

// composition is what comes after the resize and its crop, in the order in which
// it means something. A step that is not asked for does nothing.
var composition = []func(*steps, shape){
	(*steps).sooner,
	(*steps).canvas,
	(*steps).rotate,
	(*steps).reflect,
	(*steps).blur,
	(*steps).sharpen,
	(*steps).pixelate,
	(*steps).brightness,
	(*steps).contrast,
	(*steps).vividness,
	(*steps).gray,
	(*steps).tint,
	(*steps).ground,
	(*steps).pad,
	(*steps).border,
	(*steps).corners,
	(*steps).watermark,
}

func (s *steps) compose(ctx context.Context, to shape) {
	for _, step := range composition {
		if s.err == nil {
			s.err = context.Cause(ctx)
		}
		step(s, to)
	}
}

// let says that one of those who waited for a rendition has what it wanted.
func (a *arrangement) let(r *rendition) {
	a.letting.Lock()
	defer a.letting.Unlock()
	if r.waiting--; r.waiting == 0 {
		freeAll(r.frames)
		r.frames = nil
	}
}

// close frees what is left when the work ended early.
func (a *arrangement) close() {
	for _, r := range a.renditions {
		freeAll(r.frames)
		r.frames = nil
	}
	for _, p := range a.passes {
		freeAll(p.base)
		p.base = nil
	}
	for _, frames := range a.full {
		freeAll(frames)
	}
}

func freeAll(list []picture) {
	for _, p := range list {
		p.free()
	}
}
