package engine

import (
	"context"
	"fmt"

	"imgd/core/transform"
)

// draw makes a rendition's frames, from the file or from the rendition it is
// linked to, and lets go of what nobody waits for any more.
func (a *arrangement) draw(ctx context.Context, r *rendition) error {
	origins, err := a.origins(r)
	if err != nil {
		return err
	}
	defer origins.free()
	for _, p := range origins.frames {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		s := from(p)
		if r.from == nil {
			a.fromFile(s, r.shape, origins.ready)
		} else {
			s.resize(r.ResizeW, r.ResizeH)
		}
		s.compose(r.shape)
		s.keep()
		frame, err := s.end()
		if err != nil {
			return explain(a.src.format, err)
		}
		r.frames = append(r.frames, frame)
	}
	return nil
}

// origins are the frames a rendition is drawn from.
type origins struct {
	frames []picture
	ready  bool   // their colours are settled
	free   func() // lets go of them
}

func (a *arrangement) origins(r *rendition) (origins, error) {
	if r.from != nil {
		return origins{r.from.frames, true, func() { a.release(r.from) }}, nil
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
		if p.base, err = settled(frames, a.src); err != nil {
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
	whole, err := a.src.load(p.frame, p.shrink)
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

// settled computes decoded frames for several renditions to be drawn from.
func settled(frames []picture, src *source) (base []picture, err error) {
	defer freeAll(frames)
	for _, f := range frames {
		s := from(f)
		s.settle(src.colours)
		s.keep()
		p, err := s.end()
		if err != nil {
			freeAll(base)
			return nil, explain(src.format, err)
		}
		base = append(base, p)
	}
	return base, nil
}

// fromFile brings a decoded frame to its size, its colours to sRGB, and turns it
// upright. Turning comes after the resize, when there is less to turn.
func (a *arrangement) fromFile(s *steps, to shape, ready bool) {
	src := a.src
	if !ready {
		s.settle(src.colours)
	}
	s.resize(src.upright(to.ResizeW, to.ResizeH))
	if src.colours == afterResize {
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

// ground fills what is transparent: with the colour that was asked for, or with
// white where the encoding cannot be transparent.
func (s *steps) ground(to shape) {
	if s.err != nil || !s.alpha() {
		return
	}
	r, g, b, alpha, asked := to.bg.RGBA()
	switch {
	case !asked && !to.opaque:
		return
	case !asked:
		r, g, b, alpha = 255, 255, 255, 255
	case to.opaque:
		alpha = 255
	}
	s.coloured()
	if alpha == 255 {
		s.do("flatten", `background="%d %d %d"`, r, g, b)
		return
	}
	s.over([4]uint8{r, g, b, alpha})
	s.round()
}

// coloured makes three channels of one.
func (s *steps) coloured() {
	if s.err == nil && s.grey() {
		s.do("colourspace", "space=srgb")
	}
}

// canvas lays the picture on a larger one, whose ground is what the picture's is.
func (s *steps) canvas(to shape) {
	s.coloured()
	r, g, b, alpha, asked := to.bg.RGBA()
	if to.opaque {
		alpha = 255
	}
	if to.opaque && !asked {
		r, g, b = 255, 255, 255
	}
	if s.err == nil && alpha < 255 && !s.alpha() {
		s.do("bandjoin_const", "c=255")
	}
	ground := fmt.Sprintf("%d %d %d", r, g, b)
	if s.err == nil && s.alpha() {
		ground += fmt.Sprintf(" %d", alpha)
	}
	s.do("embed", `x=%d,y=%d,width=%d,height=%d,extend=background,background="%s"`, to.OffsetX, to.OffsetY, to.Width, to.Height, ground)
}

// release says that one of those who waited for a rendition has what it wanted.
func (r *rendition) release() {
	if r.waiting--; r.waiting == 0 {
		freeAll(r.frames)
		r.frames = nil
	}
}

func freeAll(list []picture) {
	for _, p := range list {
		p.free()
	}
}
