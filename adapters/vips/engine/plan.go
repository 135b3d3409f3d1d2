package engine

import (
	"cmp"
	"image"
	"slices"
	"sync"

	"imgd/adapters/vips/structure"
)

// rendition is a shape that is drawn, from the file or from a larger rendition.
type rendition struct {
	shape
	from *rendition // nil: from the file, in pass
	pass *pass

	ordered bool         // a variant wants it
	found   *image.Point // where a smart crop begins, once the first frame was seen
	frames  []picture    // drawn, as long as anybody waits for them
	waiting int          // variants to encode and renditions to draw from it
}

// pass is one way through the decoder, to what is cut out of the page.
type pass struct {
	all bool
	cut
	sizing     // by the format itself, while decoding; its own if the page is kept anyway
	roots  int // renditions drawn from it that are not drawn yet

	base []picture // decoded, if there is more than one root
}

func (p *pass) page() page { return page{p.all, p.space} }

// arrangement is how the renditions of one page come about: which shapes there
// are, what is drawn from what, and in which passes the page is decoded.
type arrangement struct {
	src        *source
	marks      *marks
	hold       *hold        // by the render, this page among others
	renditions []*rendition // the largest first, once they are linked
	passes     []*pass

	full   map[page][]picture // the whole page, all its frames or one, if it is kept
	shared map[page]bool      // it is to be kept when it is decoded
	broken error              // why it could not be decoded

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
		r.pass = a.passFor(r.shape)
		r.pass.roots++
	}
	for _, p := range a.passes {
		w, h := a.largest(p)
		p.shrink, p.drawn = a.src.shrink(p.cut, w, h, enough), a.src.drawing(p.cut, w, h)
		for p.shrink > 1 && !a.land(p) {
			p.shrink /= 2
		}
	}
	a.share()
	a.hurry()
}

// share has a page be decoded once where several passes want it in its full size and
// it can be kept.
func (a *arrangement) share() {
	a.shared = map[page]bool{}
	seen := map[page]bool{}
	for _, p := range a.passes {
		full := p.page()
		if !p.own() || a.full[full] != nil || a.shared[full] {
			continue
		}
		if bytes := a.weight(full); seen[full] && a.hold.fits(bytes) {
			a.hold.pages += bytes
			a.shared[full] = true
		}
		seen[full] = true
	}
}

// generations is how many renditions may be drawn one from the other: every resize
// takes a little away.
const generations = 2

// parent returns the smallest rendition that r can be drawn from with no harm:
// all of what r was cut from, at least twice as large both ways, not itself
// enlarged, and near enough to the file. What can be drawn at any size is sharper
// drawn anew.
func (a *arrangement) parent(r *rendition) *rendition {
	if current.Careful || a.src.vector() {
		return nil
	}
	w, h := r.cut.size(a.src.upright(a.src.width, a.src.height))
	var best *rendition
	for _, p := range a.renditions { // the largest first, hence the last fits best
		if p != r && p.all == r.all && p.cut == r.cut && p.untouched() && p.Width <= w && p.Height <= h &&
			p.Width >= 2*r.ResizeW && p.Height >= 2*r.ResizeH && p.generation() < generations {
			best = p
		}
	}
	return best
}

func (a *arrangement) passFor(s shape) *pass {
	for _, p := range a.passes {
		if p.all == s.all && p.cut == s.cut && !a.src.vector() {
			return p
		}
	}
	p := &pass{all: s.all, cut: s.cut}
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
	if !p.own() || p.linear || current.Careful {
		return 1
	}
	w, h := a.largest(p)
	return a.src.room(p.cut, 2*w, 2*h)
}

// room is how many times w x h fits into the pixels of a cut, both ways.
func (s *source) room(c cut, w, h int) int {
	width, height := c.size(s.upright(s.width, s.height))
	return max(1, min(width/w, height/h))
}

// enough is how many times the pixels of a result a format has to leave that is
// decoded at a fraction: with fewer the result is softer than one that is drawn from
// the whole. TestWhatIsDrawnFasterLooksTheSame holds the two against each other.
const enough = 1.5

// shrink returns the largest factor that the format can decode by, and that leaves
// a cut times the pixels of w x h both ways. It averages light by its numbers, and
// puts edges next to where they are unless they are between its pixels.
func (s *source) shrink(c cut, w, h int, times float64) int {
	if c.linear || current.Careful {
		return 1
	}
	switch {
	case s.format == structure.JPEG:
		width, height := c.size(s.upright(s.width, s.height))
		most := min(float64(width)/float64(w), float64(height)/float64(h)) / times
		for _, f := range []int{8, 4, 2} {
			if float64(f) <= most && (c.area.Empty() || s.divides(c.area, f)) {
				return f
			}
		}
	case s.format == structure.WebP && !s.probe.Animated && c.area.Empty(): // frames are parts of a canvas
		return s.room(c, 2*w, 2*h) // its own scaler is a plain one
	}
	return 1
}

// land reports whether all that is drawn from a pass comes to lie where it belongs.
func (a *arrangement) land(p *pass) bool {
	for _, r := range a.renditions {
		if r.pass == p && !a.src.lands(r.shape, p.shrink) {
			return false
		}
	}
	return true
}

// lands reports whether a shape comes to lie where it belongs, to what can be seen of
// a pixel, when it is drawn from a JPEG that is decoded at a fraction.
func (s *source) lands(to shape, shrink int) bool {
	const unseen = 0.02
	if s.format != structure.JPEG {
		return true
	}
	r := s.sensor(to.within(s))
	if r.Dx()%shrink == 0 && r.Dy()%shrink == 0 {
		return true
	}
	w, h := s.upright(to.ResizeW, to.ResizeH)
	_, across := evenly(r.Dx(), shrink, w)
	_, down := evenly(r.Dy(), shrink, h)
	return across <= unseen && down <= unseen
}

// hurry gives the smallest rendition of a large JPEG a pass of its own, since
// decoding at an eighth takes a fraction of the time: it is out before the whole
// is decoded. That pays where the whole is wanted anyway, and then costs little
// beside encoding it. A progressive JPEG has no such short cut.
func (a *arrangement) hurry() {
	const large = 2 << 20 // pixels
	s, r := a.src, a.smallest()
	if s.format != structure.JPEG || s.outline.Progressive || s.width*s.height < large || r == nil || r.cut != (cut{}) || r.root().shrink > 1 || a.full[page{}] != nil {
		return
	}
	shrink := s.shrink(r.cut, r.ResizeW, r.ResizeH, 2)
	if shrink < 4 || !s.lands(r.shape, shrink) {
		return
	}
	if r.from != nil {
		r.from.waiting--
	} else {
		r.pass.roots--
	}
	r.from, r.pass = nil, &pass{sizing: sizing{shrink: shrink}, roots: 1}
	a.passes = append(a.passes, r.pass)
}

// generation is how many renditions are between r and the file.
func (r *rendition) generation() (n int) {
	for ; r.from != nil; r = r.from {
		n++
	}
	return n
}

// root is the pass that r comes from in the end.
func (r *rendition) root() *pass {
	for r.from != nil {
		r = r.from
	}
	return r.pass
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
