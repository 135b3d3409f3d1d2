package engine

// #include "bridge.h"
import "C"

import (
	"context"
	"math"

	"imgd/core"
	"imgd/core/transform"
)

// marks are the watermarks of a render, each opened once and drawn once for each
// size and strength that a rendition wants.
type marks struct {
	files  map[core.ID][]byte
	opened map[core.ID]*source
	drawn  map[drawnMark]picture
}

// drawnMark is what the pixels of a watermark depend on.
type drawnMark struct {
	image   core.ID
	w, h    int // of the box it is fitted to
	opacity float64
	space   space
}

// markOn is how the watermark of a shape is drawn for a result of w x h. In a file's
// own space it keeps its numbers.
func markOn(to shape, w, h int) drawnMark {
	m, in := to.wm, to.space
	if in == own {
		in = srgb
	}
	share := func(side int) int { return max(1, int(math.Round(m.Scale*float64(side)))) }
	return drawnMark{m.Image, share(w), share(h), m.Opacity, in}
}

// draw makes ready what the shape will lay over itself. Its error is that of the
// variant: the watermark is to blame, not the file.
func (m *marks) draw(ctx context.Context, to shape) error {
	if to.wm.Image == "" {
		return nil
	}
	w, h := to.size()
	want := markOn(to, w, h)
	if _, done := m.drawn[want]; done {
		return nil
	}
	src, err := m.open(want.image)
	if err != nil {
		return err
	}
	p, err := src.mark(ctx, want)
	if err != nil {
		return err
	}
	if m.drawn == nil {
		m.drawn = map[drawnMark]picture{}
	}
	m.drawn[want] = p
	return nil
}

func (m *marks) open(id core.ID) (*source, error) {
	if s := m.opened[id]; s != nil {
		return s, nil
	}
	data, there := m.files[id]
	if !there || len(data) == 0 {
		return nil, core.WatermarkGone.Errorf("the image %s, which wm names, is not there", id)
	}
	s, err := open(data, false)
	if err != nil {
		return nil, err
	}
	if m.opened == nil {
		m.opened = map[core.ID]*source{}
	}
	m.opened[id] = s
	return s, nil
}

func (m *marks) close() {
	for _, p := range m.drawn {
		p.free()
	}
	for _, s := range m.opened {
		s.close()
	}
}

// mark draws the picture as large as it fits into the box, with an alpha channel.
func (s *source) mark(ctx context.Context, want drawnMark) (picture, error) {
	spec := transform.Default()
	spec.W, spec.H, spec.Fit, spec.Up = want.w, want.h, transform.FitContain, true
	w, h := s.upright(s.width, s.height)
	a := (&hold{}).page(s, nil)
	defer a.close()
	r := a.add(shapeOf(spec, cut{space: want.space}, w, h))
	a.link()
	if err := a.ready(ctx, r); err != nil {
		return picture{}, err
	}
	st := from(r.frames[0])
	st.coloured()
	st.transparent()
	if want.opacity < 1 {
		st.do("linear", "a=1 1 1 %.17g,b=0 0 0 0.5,uchar=true", want.opacity)
	}
	st.keep()
	p, err := st.end()
	return p, ours("draw the watermark", err)
}

// watermark lays another picture over this one.
func (s *steps) watermark(to shape) {
	if s.err != nil || to.wm.Image == "" {
		return
	}
	mark := s.marks.drawn[markOn(to, s.width(), s.height())]
	s.coloured()
	x, y := transform.Align(to.wm.Pos.X, s.width()-mark.width()), transform.Align(to.wm.Pos.Y, s.height()-mark.height())
	if to.wm.Repeat {
		tiles := from(mark)
		tiles.do("replicate", "across=%d,down=%d", ceil(s.width(), mark.width()), ceil(s.height(), mark.height()))
		tiles.do("extract_area", "left=0,top=0,width=%d,height=%d", s.width(), s.height())
		tiled, err := tiles.end()
		if s.err = err; err != nil {
			return
		}
		defer tiled.free()
		mark, x, y = tiled, 0, 0
	}
	var next picture
	if s.err == nil && C.bridge_mark(s.c, mark.c, C.int(x), C.int(y), &next.c) != 0 {
		s.err = failure()
	}
	if s.err == nil {
		s.replace(next)
	}
}
