package structure

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"imgd/core"
)

const (
	nsSVG      = "http://www.w3.org/2000/svg"
	nsXML      = "http://www.w3.org/XML/1998/namespace"
	nsXInclude = "http://www.w3.org/2001/XInclude"
)

// svgElements are what a picture may consist of. What a renderer does not know it
// passes over; here it is refused, so that nobody relies on it.
var svgElements = set(`svg g defs symbol use switch a view title desc metadata style
	path rect circle ellipse line polyline polygon image
	linearGradient radialGradient stop pattern clipPath mask marker filter
	feBlend feColorMatrix feComponentTransfer feFuncA feFuncR feFuncG feFuncB feComposite feDropShadow feFlood
	feGaussianBlur feMerge feMergeNode feOffset feTile
	animate animateColor animateMotion animateTransform mpath set
	font font-face font-face-format font-face-name font-face-src font-face-uri glyph missing-glyph hkern vkern`)

// svgTexts are elements whose words would be drawn with a font.
var svgTexts = set("text tspan tref textPath altGlyph flowRoot flowRegion flowPara flowSpan flowDiv")

func set(words string) map[string]bool {
	s := map[string]bool{}
	for _, w := range strings.Fields(words) {
		s[w] = true
	}
	return s
}

type svgWalk struct {
	*Outline
	limits Limits
	from   *io.SectionReader
	read   error // why the file could not be read

	nodes  []svgNode
	open   []int          // the way from the root to here
	byID   map[string]int // the first of a name counts
	sheets svgRefs        // of all style sheets: any element may be meant
	ended  bool           // the root is closed
	pixels int64          // of all embedded pictures
	layers bool           // some style sheet may give any element a layer of its own
}

// walkSVG reads the document from the first tag to the last. What it accepts is one
// svg element with nothing in it that lies elsewhere, that runs, or that is drawn
// more often than it is written beyond a bound.
func walkSVG(o *Outline, file *window, limits Limits) error {
	if file.size > limits.SVGBytes {
		return tooComplex(SVG, "bytes", int(limits.SVGBytes), file.size)
	}
	o.Bands, o.Bits, o.Alpha = 4, 8, true
	w := svgWalk{Outline: o, limits: limits, from: io.NewSectionReader(file.src, 0, file.size), byID: map[string]int{}}
	if err := w.document(); err != nil {
		return err
	}
	return w.expand()
}

// Read is that of the file, and remembers what went wrong with it.
func (w *svgWalk) Read(p []byte) (int, error) {
	n, err := w.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.read = fmt.Errorf("read the SVG: %w", err)
	}
	return n, err
}

func (w *svgWalk) document() error {
	var charset error
	d := xml.NewDecoder(w)
	d.CharsetReader = func(name string, _ io.Reader) (io.Reader, error) {
		charset = damaged(SVG, "its encoding is %.40q where only UTF-8 is read", name)
		return nil, charset
	}
	for {
		t, err := d.Token()
		switch {
		case w.read != nil:
			return w.read
		case errors.Is(err, io.EOF) && w.ended:
			return nil
		case charset != nil:
			return charset
		case err != nil:
			return w.broken(err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			err = w.start(t)
		case xml.EndElement:
			w.end()
		case xml.CharData:
			err = w.text(t)
		case xml.Directive:
			line, _ := d.InputPos() // where it ends
			err = notAllowed(fmt.Sprintf("a document type (<!DOCTYPE ...>) in line %d", line-bytes.Count(t, []byte{'\n'})), "delete it, up to its last >: a picture needs none,")
		case xml.ProcInst:
			err = w.instruction(t)
		}
		if err != nil {
			return err
		}
	}
}

// broken says what is wrong with the XML.
func (w *svgWalk) broken(err error) error {
	syntax, ok := errors.AsType[*xml.SyntaxError](err)
	switch {
	case errors.Is(err, io.EOF) && len(w.nodes) == 0:
		return damaged(SVG, "there is no svg element in it")
	case errors.Is(err, io.EOF), ok && strings.Contains(syntax.Msg, "unexpected EOF"):
		return cutOff(SVG, "in the middle of an element")
	case ok:
		return damaged(SVG, "its XML is broken in line %d (%.100s)", syntax.Line, syntax.Msg)
	}
	return damaged(SVG, "its XML cannot be read (%.100s)", err.Error())
}

// notAllowed refuses what a picture from a stranger may not have.
func notAllowed(what, cure string) error {
	return core.SVGNotAllowed.Errorf("the SVG has %s, which is not allowed here; %s and send it again", what, cure)
}

func (w *svgWalk) start(t xml.StartElement) error {
	if len(w.nodes) >= w.limits.Elements {
		return tooComplex(SVG, "elements", w.limits.Elements, len(w.nodes)+1)
	}
	if len(w.open) >= w.limits.Depth {
		return tooComplex(SVG, "elements inside each other", w.limits.Depth, len(w.open)+1)
	}
	if len(w.open) == 0 {
		if err := w.root(t); err != nil {
			return err
		}
	}
	n := svgNode{weight: 1}
	if err := w.element(t, &n); err != nil {
		return err
	}
	at := len(w.nodes)
	for _, a := range t.Attr {
		if err := w.attribute(t.Name, a, &n); err != nil {
			return err
		}
		if a.Name.Local == "id" {
			if _, taken := w.byID[a.Value]; !taken {
				w.byID[a.Value] = at
			}
		}
	}
	if len(w.open) > 0 {
		parent := &w.nodes[w.open[len(w.open)-1]]
		parent.children = append(parent.children, at)
	}
	w.nodes, w.open = append(w.nodes, n), append(w.open, at)
	return nil
}

func (w *svgWalk) root(t xml.StartElement) error {
	if w.ended {
		return damaged(SVG, "something follows behind the end of its svg element")
	}
	if t.Name.Local != "svg" || t.Name.Space != nsSVG {
		return damaged(SVG, `its first element is not an svg of xmlns="%s"`, nsSVG)
	}
	width, height, err := svgSize(t.Attr)
	if err != nil {
		return err
	}
	return w.setSize(w.limits, pixelsOf(width), pixelsOf(height))
}

// element judges a name. Elements of other namespaces are notes of some editor,
// which nobody draws.
func (w *svgWalk) element(t xml.StartElement, n *svgNode) error {
	name := t.Name.Local
	n.kind = name
	switch {
	case strings.EqualFold(name, "script"):
		return notAllowed("a script", "delete it")
	case t.Name.Space == nsXInclude:
		return notAllowed("an inclusion of another file", "put in what it includes")
	case t.Name.Space != nsSVG:
		n.kind = ""
		return nil
	case svgTexts[name]:
		w.Text = true
		return nil
	case !svgElements[name]:
		return notAllowed(fmt.Sprintf("an element <%.40s>", name), "delete it, or draw it with shapes")
	case name == "svg" && len(w.open) > 0, name == "symbol":
		n.weight = 2
	case strings.HasPrefix(name, "fe"):
		n.weight, n.layer = 1000, true // each works on all pixels
	case name == "mask", name == "pattern":
		n.layer = true
	}
	return nil
}

func (w *svgWalk) attribute(of xml.Name, a xml.Attr, n *svgNode) error {
	if len(a.Value) > w.limits.AttributeBytes {
		return tooComplex(SVG, "bytes in an attribute", w.limits.AttributeBytes, len(a.Value))
	}
	name, value := a.Name.Local, a.Value
	switch {
	case name == "base" && (a.Name.Space == nsXML || a.Name.Space == "xml"):
		return notAllowed("an xml:base", "delete it")
	case name == "href": // of whatever namespace: some readers do not ask
		return w.href(of, strings.TrimSpace(value), n)
	case a.Name.Space != "":
		return nil
	case name == "d" || name == "points":
		n.vertices = int64(len(value) / 2)
	}
	return w.style(name, value, n)
}

// href judges where an element points. A link leads its reader away and loads
// nothing.
func (w *svgWalk) href(of xml.Name, to string, n *svgNode) error {
	switch {
	case of.Local == "a" || of.Space != nsSVG || to == "":
		return nil
	case strings.HasPrefix(to, "#"):
		n.refs.once = append(n.refs.once, to[1:])
		return nil
	case of.Local == "image" && strings.HasPrefix(to, "data:"):
		return w.embedded(to)
	}
	return external(to)
}

func external(to string) error {
	return notAllowed(fmt.Sprintf("a reference to something outside of it (%.60q)", beginning(to)), "put in what it refers to, or delete it")
}

// beginning is enough of a reference to find it: of an address its scheme alone, since a
// message that tells of files or hosts looks like a leak to whoever watches for those.
func beginning(to string) string {
	if scheme, _, ok := strings.Cut(to, ":"); ok && len(scheme) < 20 {
		return scheme + ":..."
	}
	return to
}

// style takes what matters out of a property.
func (w *svgWalk) style(name, value string, n *svgNode) error {
	for _, p := range declarations(name, value) {
		targets, err := urls(p.value, name == "style")
		if err != nil {
			return err
		}
		n.refs.add(p.name, targets)
		n.layer = n.layer || p.isolates()
	}
	return nil
}

func (w *svgWalk) text(t xml.CharData) error {
	if len(w.open) == 0 {
		if strings.TrimSpace(strings.TrimPrefix(string(t), "\ufeff")) != "" {
			return damaged(SVG, "there is text outside of its svg element")
		}
		return nil
	}
	if w.nodes[w.open[len(w.open)-1]].kind != "style" {
		return nil
	}
	return w.sheet(string(t))
}

// sheet judges a style sheet. Its rules may hold for any element.
func (w *svgWalk) sheet(css string) error {
	if strings.Contains(strings.ToLower(css), "@import") {
		return notAllowed("a style sheet that imports another", "put in what it imports")
	}
	targets, err := urls(css, true)
	if err != nil {
		return err
	}
	w.sheets.add(cssKind(css), targets)
	for name := range svgIsolating {
		w.layers = w.layers || strings.Contains(css, name)
	}
	return nil
}

func (w *svgWalk) end() {
	w.open = w.open[:len(w.open)-1]
	w.ended = len(w.open) == 0
}

func (w *svgWalk) instruction(t xml.ProcInst) error {
	if strings.EqualFold(t.Target, "xml-stylesheet") {
		return notAllowed("a style sheet outside of it", "put its rules into a style element")
	}
	return nil
}
