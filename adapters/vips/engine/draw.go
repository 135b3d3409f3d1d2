package engine

import (
	"context"
	"fmt"
	"image/color"

	"imgd/core/transform"
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
	o, err := a.origins(r)
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
	s.small = a.src.small()
	if r.from == nil {
		a.fromFile(s, r.shape, settled)
	} else {
		s.resize(r.ResizeW, r.ResizeH)
	}
	s.compose(r.shape)
	s.keep()
	f, err := s.end()
	if r.from == nil {
		return f, explain(a.src.format, err)
	}
	return f, ours("draw", err)
}

// origins are the frames a rendition is drawn from.
type origins struct {
	frames  []picture
	settled bool   // their colours are
	free    func() // lets go of them
}

func (a *arrangement) origins(r *rendition) (origins, error) {
	if r.from != nil {
		return origins{r.from.frames, true, func() { a.let(r.from) }}, nil
	}
	p := r.pass
	p.roots--
	if p.base == nil {
		frames, err := a.decode(p)
		if err != nil {
			return origins{}, err
		}
		if p.roots == 0 {
			return origins{frames, false, func() { freeAll(frames) }}, nil
		}
		if p.base, err = a.base(frames, p); err != nil {
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
// when they are asked for, from the first row to the last.
func (a *arrangement) decode(p *pass) ([]picture, error) {
	whole, err := a.src.load(p.all, p.shrink)
	if err != nil {
		return nil, err
	}
	defer whole.free()
	n := 1
	if p.all {
		n = a.src.frames
	}
	height := whole.height() / n
	var frames []picture
	for i := range n {
		s := from(whole)
		if n > 1 {
			s.do("extract_area", "left=0,top=%d,width=%d,height=%d", i*height, whole.width(), height)
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

// base computes decoded frames for several renditions to be drawn from: no larger
// than it takes to draw the largest of them well.
func (a *arrangement) base(frames []picture, p *pass) (base []picture, err error) {
	defer freeAll(frames)
	for _, f := range frames {
		s := from(f)
		s.small = a.src.small()
		s.settle(a.src.colours)
		if n := a.spare(p); n > 1 {
			s.resize(ceil(f.width(), n), ceil(f.height(), n))
		}
		s.keep()
		b, err := s.end()
		if err != nil {
			freeAll(base)
			return nil, explain(a.src.format, err)
		}
		base = append(base, b)
	}
	return base, nil
}

func ceil(n, unit int) int { return (n + unit - 1) / unit }

// fromFile brings a decoded frame to its size, its colours to sRGB, and turns it
// upright. Turning comes after the resize, when there is less to turn.
func (a *arrangement) fromFile(s *steps, to shape, settled bool) {
	src := a.src
	if !settled {
		s.settle(src.colours)
	}
	s.resize(src.upright(to.ResizeW, to.ResizeH))
	if s.err == nil && src.converts(s.picture) {
		s.profileToSRGB()
	}
	s.turn(src.orientation)
}

// resize brings the picture to exactly w x h; where it is transparent, colours
// count as much as they are seen.
func (s *steps) resize(w, h int) {
	if s.err != nil || s.width() == w && s.height() == h {
		return
	}
	alpha := s.alpha()
	if alpha {
		s.do("premultiply", "")
	}
	s.do("resize", "scale=%.17g,vscale=%.17g", scale(w, s.width()), scale(h, s.height()))
	if alpha {
		s.do("unpremultiply", "")
		s.round()
	}
	s.bytes()
	if s.err == nil && (s.width() != w || s.height() != h) {
		s.err = fmt.Errorf("resizing came out at %d x %d instead of %d x %d", s.width(), s.height(), w, h)
	}
}

// round brings fractions to the nearest of 256 levels; casting would cut them off.
func (s *steps) round() { s.do("linear", "a=1,b=0.5,uchar=true") }

// scale is the factor by which libvips, which rounds, comes to the size wanted.
func scale(want, have int) float64 { return float64(want) / float64(have) }

// turn undoes an EXIF orientation: a quarter turn, then perhaps a mirror.
func (s *steps) turn(orientation int) {
	angle := [9]int{0, 0, 0, 180, 180, 90, 90, 270, 270}[orientation]
	mirror := orientation == 2 || orientation == 4 || orientation == 5 || orientation == 7
	s.rotate(angle)
	if mirror {
		s.mirror("horizontal")
	}
}

// rotate turns clockwise. What is read row by row has to be there as a whole.
func (s *steps) rotate(angle int) {
	if angle == 0 {
		return
	}
	s.keep()
	s.do("rot", "angle=d%d", angle)
}

func (s *steps) mirror(direction string) {
	s.keep()
	s.do("flip", "direction=%s", direction)
}

// compose does what comes after the resize: crop, turn, ground, canvas.
func (s *steps) compose(to shape) {
	if to.Crops() {
		s.do("extract_area", "left=%d,top=%d,width=%d,height=%d", to.CropX, to.CropY, to.CropW, to.CropH)
	}
	s.ground(to)
	if to.Pads() {
		s.canvas(to)
	}
	s.rotate(to.rot * 90)
	if to.flip == transform.FlipH || to.flip == transform.FlipHV {
		s.mirror("horizontal")
	}
	if to.flip == transform.FlipV || to.flip == transform.FlipHV {
		s.mirror("vertical")
	}
}

// backdrop is what shows where the picture is transparent: the colour that was
// asked for, and under it white where the encoding cannot be transparent.
func (s shape) backdrop() (c [4]uint8, asked bool) {
	r, g, b, alpha, asked := s.bg.RGBA()
	if !s.opaque {
		return [4]uint8{r, g, b, alpha}, asked
	}
	onWhite := on(color.NRGBA{r, g, b, alpha}, color.NRGBA{255, 255, 255, 255})
	return [4]uint8{onWhite.R, onWhite.G, onWhite.B, 255}, true
}

// ground fills what is transparent.
func (s *steps) ground(to shape) {
	c, asked := to.backdrop()
	if s.err != nil || !asked || !s.alpha() {
		return
	}
	s.coloured()
	if c[3] == 255 {
		s.do("flatten", "background=%d %d %d", c[0], c[1], c[2])
		return
	}
	s.over(c)
	s.round()
}

// coloured makes three channels of one.
func (s *steps) coloured() {
	if s.err == nil && s.grey() {
		s.do("colourspace", "space=srgb")
	}
}

// canvas lays the picture on a larger one.
func (s *steps) canvas(to shape) {
	s.coloured()
	c, _ := to.backdrop()
	if s.err == nil && c[3] < 255 && !s.alpha() {
		s.do("bandjoin_const", "c=255")
	}
	ground := fmt.Sprintf("%d %d %d", c[0], c[1], c[2])
	if s.err == nil && s.alpha() {
		ground += fmt.Sprintf(" %d", c[3])
	}
	s.do("embed", "x=%d,y=%d,width=%d,height=%d,extend=background,background=%s", to.OffsetX, to.OffsetY, to.Width, to.Height, ground)
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
}

func freeAll(list []picture) {
	for _, p := range list {
		p.free()
	}
}
