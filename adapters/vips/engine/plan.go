package engine

import (
	"cmp"
	"slices"
	"sync"

	"imgd/adapters/vips/structure"
	"imgd/core"
	"imgd/core/transform"
)

// shape is what the pixels of a rendition depend on. Variants of one shape differ
// in their encoding only and are drawn once.
type shape struct {
	frame
	transform.Plan
	bg   transform.Color
	rot  int // quarter turns clockwise
	flip transform.Flip
	// opaque says that the encoding has no alpha while the file may have.
	opaque bool
}

// size is that of the result.
func (s shape) size() (w, h int) {
	if s.rot%2 == 1 {
		return s.Height, s.Width
	}
	return s.Width, s.Height
}

func (s shape) area() int { return s.Width * s.Height }

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

	frames  []picture // drawn, as long as anybody waits for them
	waiting int       // variants to encode and renditions to draw from it
	orders  int       // variants to encode
}

// pass is one way through the decoder.
type pass struct {
	frame
	shrink int // of the format itself, while decoding
	roots  int // renditions drawn from it that are not drawn yet

	base []picture // decoded, if there is more than one root
}

// order is a variant on its way.
type order struct {
	name      string
	spec      transform.Spec // with the format it is really written in
	rendition *rendition
	warnings  core.Warnings
}

// arrangement is the plan of the drawing: what is a shape of its own, what is drawn from what,
// and in which passes the file is decoded.
type arrangement struct {
	src        *source
	renditions []*rendition // the largest first, once they are linked
	passes     []*pass
	mu         sync.Mutex // guards what renditions wait for, once encoding has begun
}

// add returns the rendition of a shape.
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
	slices.SortStableFunc(a.renditions, func(x, y *rendition) int { return cmp.Compare(y.area(), x.area()) })
	for _, r := range a.renditions {
		if r.from = a.parent(r); r.from != nil {
			r.from.waiting++
		}
	}
	for _, r := range a.renditions {
		if r.from == nil {
			r.pass = a.passFor(r.frame)
			r.pass.roots++
		}
	}
	for _, p := range a.passes {
		p.shrink = a.shrink(p)
	}
	a.hurry()
}

// parent returns the smallest rendition that r can be drawn from with no harm:
// the whole image, at least twice as large both ways, and not itself enlarged.
func (a *arrangement) parent(r *rendition) *rendition {
	w, h := a.src.upright(a.src.width, a.src.height)
	var best *rendition
	for _, p := range a.renditions { // the largest first, hence the last fits best
		if p != r && p.frame == r.frame && p.untouched() && p.Width <= w && p.Height <= h &&
			p.Width >= 2*r.ResizeW && p.Height >= 2*r.ResizeH {
			best = p
		}
	}
	return best
}

func (a *arrangement) passFor(f frame) *pass {
	for _, p := range a.passes {
		if p.frame == f {
			return p
		}
	}
	p := &pass{frame: f}
	a.passes = append(a.passes, p)
	return p
}

// shrink is how much smaller the pass may decode: so much that the largest of its
// renditions is still drawn from as many pixels as it has.
func (a *arrangement) shrink(p *pass) int {
	w, h := 1, 1
	for _, r := range a.renditions {
		if r.pass == p {
			w, h = max(w, r.ResizeW), max(h, r.ResizeH)
		}
	}
	return a.src.shrink(w, h, 1)
}

// shrink returns the largest factor that leaves room times w x h pixels.
func (s *source) shrink(w, h, room int) int {
	have, high := s.upright(s.width, s.height)
	most := min(have/(room*w), high/(room*h))
	switch s.format {
	case structure.JPEG:
		for _, f := range []int{8, 4, 2} {
			if f <= most {
				return f
			}
		}
	case structure.WebP:
		// Its scaler is a plain one, so that ours gets twice the pixels. Frames of an
		// animation are parts of a canvas and keep their size.
		if s.frames == 1 {
			return max(1, most/2)
		}
	}
	return 1
}

// hurry gives the smallest rendition of a large JPEG a pass of its own, since
// decoding at an eighth takes a fraction of the time: it is out before the whole
// is decoded. That pays where the whole is wanted anyway, and then costs little
// beside encoding it. A progressive JPEG has no such short cut.
func (a *arrangement) hurry() {
	const large = 2 << 20 // pixels
	s := a.src
	if s.format != structure.JPEG || s.outline.Progressive || s.width*s.height < large || len(a.passes) != 1 || a.passes[0].shrink > 1 {
		return
	}
	r := a.renditions[len(a.renditions)-1]
	for r.from != nil && r.from.from != nil && !r.encoded() {
		r = r.from
	}
	shrink := s.shrink(r.ResizeW, r.ResizeH, 2)
	if r.from == nil || shrink < 4 {
		return
	}
	r.from.waiting--
	r.from, r.pass = nil, &pass{frame: r.frame, shrink: shrink, roots: 1}
	a.passes = append(a.passes, r.pass)
}
