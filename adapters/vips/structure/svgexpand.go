package structure

import (
	"strings"
)

// svgNode is an element, and what it refers to by name.
type svgNode struct {
	kind     string
	weight   int64
	vertices int64 // at most, of its outline
	layer    bool  // it is drawn on a surface of its own
	children []int
	refs     svgRefs

	state  svgState
	total  svgTotal
	height int
}

// svgRefs are names, by how often what they name is drawn.
type svgRefs struct {
	once     []string // where it is referred to
	each     []string // for the element and all below it, which inherit it
	vertices []string // for each of their vertices
}

// add files names under a property.
func (r *svgRefs) add(property string, names []string) {
	switch {
	case strings.HasPrefix(property, "marker"):
		r.vertices = append(r.vertices, names...)
	case property == "filter", property == "mask", property == "clip-path":
		r.once = append(r.once, names...)
	default:
		r.each = append(r.each, names...)
	}
}

// refsTimes are names that are each drawn so many times.
type refsTimes struct {
	names []string
	times int64
}

// times are the names, by how often something that comes to t draws them.
func (r *svgRefs) times(t svgTotal) [3]refsTimes {
	return [3]refsTimes{{r.once, 1}, {r.each, t.steps}, {r.vertices, t.vertices + t.steps}}
}

type svgState int

const (
	unseen svgState = iota
	underWay
	counted
)

// svgTotal is what drawing an element comes to, with all it holds and refers to.
type svgTotal struct {
	steps    int64 // elements, each as often as it is drawn
	vertices int64
	layers   int // surfaces at once
}

// most is more than any limit, and can be multiplied by itself.
const most = 1 << 30

func (t *svgTotal) add(o svgTotal, times int64) {
	t.steps = min(most, t.steps+min(most, o.steps)*min(most, times))
	t.vertices = min(most, t.vertices+min(most, o.vertices)*min(most, times))
}

// expand counts what is drawn when every reference is followed. A few short lines
// that refer to each other can come to billions.
func (w *svgWalk) expand() error {
	root, err := w.count(0, 0)
	if err != nil {
		return err
	}
	for _, sheet := range w.sheets.times(root) {
		for _, name := range sheet.names {
			at, ok := w.byID[name]
			if !ok {
				continue
			}
			target, err := w.count(at, 0)
			if err != nil {
				return err
			}
			root.add(target, sheet.times)
			root.layers += target.layers
		}
	}
	if root.steps > int64(w.limits.Steps) {
		return tooComplex(SVG, "elements to draw, each as often as it is referred to", w.limits.Steps, root.steps)
	}
	w.Layers = root.layers
	if w.layers { // nobody knows which elements are meant
		w.Layers = max(w.Layers, w.nodes[0].height)
	}
	if w.Layers > w.limits.Layers {
		return tooComplex(SVG, "surfaces to draw on at once (opacity, masks, filters)", w.limits.Layers, w.Layers)
	}
	return nil
}

// count adds up an element that stands so deep.
func (w *svgWalk) count(at, depth int) (svgTotal, error) {
	n := &w.nodes[at]
	if depth+n.height > w.limits.Depth*2 {
		return n.total, tooComplex(SVG, "elements inside each other when references are followed", w.limits.Depth*2, depth+n.height)
	}
	switch n.state {
	case counted:
		return n.total, nil
	case underWay:
		return n.total, notAllowed("an element that refers to itself", "delete the reference")
	case unseen:
	}
	n.state = underWay
	t := svgTotal{steps: n.weight, vertices: n.vertices}
	below := 0
	follow := func(to int, times int64) error {
		o, err := w.count(to, depth+1)
		if err != nil {
			return err
		}
		t.add(o, times)
		t.layers = max(t.layers, o.layers)
		below = max(below, w.nodes[to].height)
		return nil
	}
	for _, c := range n.children {
		if err := follow(c, 1); err != nil {
			return t, err
		}
	}
	for i := range 3 { // what is referred to once is part of what inherits the rest
		r := n.refs.times(t)[i]
		for _, name := range r.names {
			if to, ok := w.byID[name]; ok {
				if err := follow(to, r.times); err != nil {
					return t, err
				}
			}
		}
	}
	if n.kind == "filter" {
		t.layers = len(n.children) // the results of all its steps are kept
	}
	if n.layer && n.kind != "filter" {
		t.layers++
	}
	n.state, n.total, n.height = counted, t, below+1
	return t, nil
}
