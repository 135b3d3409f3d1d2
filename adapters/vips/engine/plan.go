package engine

import (
	"cmp"
	"slices"
	"sync"

	"imgd/adapters/vips/structure"
	"imgd/core/transform"
)

// shape is what the pixels of a rendition depend on. Variants of one shape differ
// in their encoding only and are drawn once.
type shape struct {
	// all says that every frame of the animation is drawn, not the first alone.
	all bool
	transform.Plan
	bg   transform.Color
	rot  int // quarter turns clockwise
	flip transform.Flip
	// opaque says that what is transparent has to be filled, since the encoding has
	// no alpha.
	opaque bool
}

// size is that of the result.
func (s shape) size() (w, h int) {
	if s.rot%2 == 1 {
		return s.Height, s.Width
	}
	return s.Width, s.Height
}

// drawing is how many pixels are drawn: a canvas may be large and the picture on
// it small.
func (s shape) drawing() int { return s.ResizeW * s.ResizeH }

// untouched reports whether the shape is the whole image at another size and
// nothing else, so that others can be made from it.
func (s shape) untouched() bool {
	return !s.Crops() && !s.Pads() && s.bg == "" && s.rot == 0 && s.flip == transform.FlipNone && !s.opaque
}

// rendition is a shape that is drawn, from the file or from a larger rendition.
type rendition struct {
	shape
	from *rendition // nil: from the file, in pass
	pass *pass

	ordered bool      // a variant wants it
	frames  []picture // drawn, as long as anybody waits for them
	waiting int       // variants to encode and renditions to draw from it
}

// pass is one way through the decoder.
type pass struct {
	all    bool
	shrink int // of the format itself, while decoding
	roots  int // renditions drawn from it that are not drawn yet

	base []picture // decoded, if there is more than one root
}

// arrangement is how the renditions of one page come about: which shapes there
// are, what is drawn from what, and in which passes the page is decoded.
type arrangement struct {
	src        *source
	renditions []*rendition // the largest first, once they are linked
	passes     []*pass

	letting sync.Mutex // renditions are let go of by several goroutines
}

// add returns the rendition of a shape, with one more who waits for it.
func (a *arrangement) add(s shape) *rendition {
	for _, r := range a.renditions {
		if r.shape == s {
			r.waiting++
			return r
		}
	}
	r := &rendition{shape: s, waiting: 1}
	a.renditions = append(a.renditions, r)
	return r
}

// link gives every rendition its origin.
func (a *arrangement) link() {
	slices.SortStableFunc(a.renditions, func(x, y *rendition) int { return cmp.Compare(y.drawing(), x.drawing()) })
	for _, r := range a.renditions {
		if r.from = a.parent(r); r.from != nil {
			r.from.waiting++
			continue
		}
		r.pass = a.passFor(r.all)
		r.pass.roots++
	}
	for _, p := range a.passes {
		w, h := a.largest(p)
		p.shrink = a.src.shrink(w, h, 1)
	}
	a.hurry()
}

// parent returns the smallest rendition that r can be drawn from with no harm:
// the whole image, at least twice as large both ways, and not itself enlarged.
func (a *arrangement) parent(r *rendition) *rendition {
	w, h := a.src.upright(a.src.width, a.src.height)
	var best *rendition
	for _, p := range a.renditions { // the largest first, hence the last fits best
		if p != r && p.all == r.all && p.untouched() && p.Width <= w && p.Height <= h &&
			p.Width >= 2*r.ResizeW && p.Height >= 2*r.ResizeH {
			best = p
		}
	}
	return best
}

func (a *arrangement) passFor(all bool) *pass {
	for _, p := range a.passes {
		if p.all == all {
			return p
		}
	}
	p := &pass{all: all}
	a.passes = append(a.passes, p)
	return p
}

// largest is what the renditions of a pass are resized to at most.
func (a *arrangement) largest(p *pass) (w, h int) {
	w, h = 1, 1
	for _, r := range a.renditions {
		if r.pass == p {
			w, h = max(w, r.ResizeW), max(h, r.ResizeH)
		}
	}
	return w, h
}

// spare is by how much a decoded frame may be reduced before several renditions
// are drawn from it: each of them finds twice its pixels both ways.
func (a *arrangement) spare(p *pass) int {
	if p.shrink > 1 {
		return 1
	}
	w, h := a.largest(p)
	return a.src.room(2*w, 2*h)
}

// room is how many times w x h fits into the file's pixels, both ways.
func (s *source) room(w, h int) int {
	width, height := s.upright(s.width, s.height)
	return max(1, min(width/w, height/h))
}

// shrink returns the largest factor that the format can decode by and that leaves
// times the pixels of w x h both ways.
func (s *source) shrink(w, h, times int) int {
	switch {
	case s.format == structure.JPEG:
		most := s.room(times*w, times*h)
		for _, f := range []int{8, 4, 2} {
			if f <= most {
				return f
			}
		}
	case s.format == structure.WebP && !s.probe.Animated: // frames are parts of a canvas
		return s.room(2*w, 2*h) // its own scaler is a plain one
	}
	return 1
}

// hurry gives the smallest rendition of a large JPEG a pass of its own, since
// decoding at an eighth takes a fraction of the time: it is out before the whole
// is decoded. That pays where the whole is wanted anyway, and then costs little
// beside encoding it. A progressive JPEG has no such short cut.
func (a *arrangement) hurry() {
	const large = 2 << 20 // pixels
	s, r := a.src, a.smallest()
	if s.format != structure.JPEG || s.outline.Progressive || s.width*s.height < large || r == nil || a.passes[0].shrink > 1 {
		return
	}
	shrink := s.shrink(r.ResizeW, r.ResizeH, 2)
	if shrink < 4 {
		return
	}
	if r.from != nil {
		r.from.waiting--
	} else {
		r.pass.roots--
	}
	r.from, r.pass = nil, &pass{shrink: shrink, roots: 1}
	a.passes = append(a.passes, r.pass)
}

// smallest returns the last rendition that a variant wants.
func (a *arrangement) smallest() *rendition {
	for _, r := range slices.Backward(a.renditions) {
		if r.ordered {
			return r
		}
	}
	return nil
}
