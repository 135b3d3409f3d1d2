package vips

import (
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"time"

	"imgd/adapters/vips/embedded"
	"imgd/adapters/vips/structure"
	"imgd/adapters/vips/wire"
	"imgd/core"
	"imgd/core/transform"
	"imgd/ports"
)

// audit checks one answer as it comes in. A child may have been taken over by the
// file it decodes, so that nothing it says is believed that can be checked.
type audit struct {
	op      wire.Op
	limits  core.Limits
	facts   bool
	keepGPS bool
	asked   map[string]transform.Spec // less what has come
}

func newAudit(t ports.Task, l core.Limits, keepGPS bool) audit {
	a := audit{op: wire.OpRender, limits: l, facts: t.Facts, keepGPS: keepGPS, asked: map[string]transform.Spec{}}
	for _, v := range t.Variants {
		a.asked[v.Name] = v.Spec
	}
	return a
}

// maxPages bounds a number of pages where the limits do not.
const maxPages = 100_000

// maxWarnings is how many warnings one answer may have.
const maxWarnings = 64

// checkHello judges what a child says of itself before it has seen a file.
func checkHello(h wire.Hello) error {
	c := h.Capabilities
	if c.Renderer == "" || len(c.Renderer) > 64 || len(c.Library) > 128 || len(c.Read) > 64 || len(c.Write) > 64 {
		return wire.Broken("the capabilities are %.200s", fmt.Sprintf("%+v", c))
	}
	if j := h.Jail; len(h.Versions) > 64 || len(j.Layers)+len(j.Missing)+len(j.Allowed) > 64 {
		return wire.Broken("a hello lists too much")
	}
	return nil
}

// output checks one variant.
func (a audit) output(f wire.Frame) (ports.Rendition, error) {
	var o wire.Output
	if err := f.Decode(&o); err != nil {
		return ports.Rendition{}, err
	}
	spec, ok := a.asked[o.Name]
	if !ok {
		return ports.Rendition{}, wire.Broken("the variant %q was not asked for, or comes twice", wire.Text(o.Name, 64))
	}
	delete(a.asked, o.Name)
	warnings, err := checkWarnings(o.Warnings)
	if err != nil {
		return ports.Rendition{}, err
	}
	if o.Failure != nil {
		return a.failed(o, f, warnings)
	}
	if err := checkFormat(o, f, spec); err != nil {
		return ports.Rendition{}, err
	}
	if err := a.checkSize(o, spec); err != nil {
		return ports.Rendition{}, err
	}
	return ports.Rendition{
		Name: o.Name, ContentType: o.ContentType, Ext: o.Ext,
		Width: o.Width, Height: o.Height, Pages: o.Pages,
		Bytes: f.Size, Body: f.Reader(), Warnings: warnings,
	}, nil
}

func (a audit) failed(o wire.Output, f wire.Frame, w core.Warnings) (ports.Rendition, error) {
	err := o.Failure.Err()
	if errors.Is(err, wire.ErrBroken) {
		return ports.Rendition{}, err
	}
	if f.Size != 0 {
		return ports.Rendition{}, wire.Broken("the variant %s has failed and has %d bytes", o.Name, f.Size)
	}
	return ports.Rendition{Name: o.Name, Warnings: w, Err: err}, nil
}

// checkFormat makes sure that the bytes are of the format that is claimed, and
// the claim one that answers the question: what a format cannot hold may come as
// JPEG.
func checkFormat(o wire.Output, f wire.Frame, spec transform.Spec) error {
	head := make([]byte, structure.SniffBytes)
	n, err := io.ReadFull(f.Reader(), head)
	if err != nil && err != io.ErrUnexpectedEOF {
		return wire.Broken("the variant %s has no bytes: %v", o.Name, err)
	}
	format, ok := structure.Sniff(head[:n])
	if !ok || o.ContentType != format.ContentType() || o.Ext != format.Ext() {
		return wire.Broken("the variant %s is said to be %q (%q) and is %q", o.Name,
			wire.Text(o.ContentType, 64), wire.Text(o.Ext, 16), format)
	}
	fits := transform.Format(format) == spec.Fmt || format == structure.JPEG ||
		spec.Fmt == transform.Auto && transform.Format(format).Ext() != ""
	if !fits {
		return wire.Broken("the variant %s is %s instead of %s", o.Name, format, spec.Fmt)
	}
	return nil
}

func (a audit) checkSize(o wire.Output, spec transform.Spec) error {
	w, h := most(spec)
	if o.Width < 1 || o.Height < 1 || o.Width > w || o.Height > h {
		return wire.Broken("the variant %s is %d x %d pixels large; it should have at most %d x %d", o.Name, o.Width, o.Height, w, h)
	}
	pages := a.pages()
	if !spec.Anim {
		pages = 1
	}
	if o.Pages < 1 || o.Pages > pages {
		return wire.Broken("the variant %s has %d pages; it should have at most %d", o.Name, o.Pages, pages)
	}
	return nil
}

func (a audit) pages() int64 {
	if a.limits.Frames > 0 {
		return a.limits.Frames
	}
	return maxPages
}

// most is how large a rendition can become: its box, turned, with what is put
// around it. A side that is left open is bounded by the formats.
func most(s transform.Spec) (w, h int64) {
	s = s.Scaled()
	w, h = open(s.W), open(s.H)
	switch {
	case s.Rot == 0:
	case math.Mod(s.Rot, 90) == 0:
		w, h = max(w, h), max(w, h)
	default:
		w = int64(math.Ceil(math.Hypot(float64(w), float64(h)))) + 2
		h = w
	}
	w += int64(s.Pad[1] + s.Pad[3] + 2*s.Border.Width)
	h += int64(s.Pad[0] + s.Pad[2] + 2*s.Border.Width)
	return min(w, transform.MaxSide), min(h, transform.MaxSide)
}

func open(side int) int64 {
	if side == 0 {
		return transform.MaxSide
	}
	return int64(side)
}

// done checks the end of an answer. hurt says that a variant failed in a way that
// makes the child suspect.
func (a audit) done(f wire.Frame, took time.Duration, hurt bool) (wire.Done, error) {
	defer f.Close() //nolint:errcheck // nothing was written through it
	var d wire.Done
	if err := f.Decode(&d); err != nil {
		return wire.Done{}, err
	}
	if f.Size != 0 && (d.Facts == nil || d.Failure != nil || f.Size > embedded.MaxBytes) {
		return wire.Done{}, wire.Broken("an answer ends with %d bytes", f.Size)
	}
	if d.CPUMS < 0 || d.CPUMS > (took.Milliseconds()+1000)*64 {
		return wire.Done{}, wire.Broken("%d ms of work were done in %v", d.CPUMS, took)
	}
	if d.Failure != nil {
		return wire.Done{CPUMS: d.CPUMS}, a.refusal(d)
	}
	if err := a.complete(d); err != nil {
		return wire.Done{}, err
	}
	if err := a.readEmbedded(d.Facts, f); err != nil {
		return wire.Done{}, err
	}
	if d.Probe != nil {
		d.Probe.Warnings, _ = checkWarnings(d.Probe.Warnings)
	}
	if hurt {
		return d, errSpoiled
	}
	return d, nil
}

// refusal is the child's verdict on the whole file. A probe has touched no pixel:
// what it refuses has done no harm, unless the child itself does not know.
func (a audit) refusal(d wire.Done) error {
	err := d.Failure.Err()
	if errors.Is(err, wire.ErrBroken) {
		return err
	}
	if a.op == wire.OpProbe {
		return verdict{err, core.KindOf(err) == core.Internal}
	}
	return verdict{err, spoils(err)}
}

// complete makes sure that everything that was asked for has come, and no more.
func (a audit) complete(d wire.Done) error {
	if (a.op == wire.OpProbe) != (d.Probe != nil) {
		return wire.Broken("a %s was answered with another operation's answer", a.op)
	}
	if d.Probe != nil {
		return a.checkProbe(*d.Probe)
	}
	if len(a.asked) > 0 {
		return wire.Broken("%d variants were left out", len(a.asked))
	}
	if d.Facts == nil {
		return nil
	}
	if !a.facts {
		return wire.Broken("facts were not asked for")
	}
	return checkFacts(*d.Facts)
}

func (a audit) checkProbe(p core.Probe) error {
	format := structure.Format(p.Format)
	if format.Loader() == "" || p.ContentType != format.ContentType() {
		return wire.Broken("a file is %q, of type %q", wire.Text(p.Format, 16), wire.Text(p.ContentType, 64))
	}
	if p.Width < 1 || p.Height < 1 || p.Width > math.MaxInt32 || p.Height > math.MaxInt32 {
		return wire.Broken("a file is %d x %d pixels large", p.Width, p.Height)
	}
	if side := a.limits.Side; side > 0 && max(p.Width, p.Height) > side {
		return wire.Broken("a file of %d x %d pixels was let pass", p.Width, p.Height)
	}
	if pixels := a.limits.Pixels; pixels > 0 && p.Width*p.Height > pixels {
		return wire.Broken("a file of %d x %d pixels was let pass", p.Width, p.Height)
	}
	if most := a.limits.MemoryBytes; most > 0 && p.MemoryBytes > most {
		return wire.Broken("a file that needs %d bytes of memory was let pass", p.MemoryBytes)
	}
	if p.Pages < 1 || p.Pages > maxPages || p.MemoryBytes < 0 {
		return wire.Broken("a file has %d pages and needs %d bytes of memory", p.Pages, p.MemoryBytes)
	}
	_, err := checkWarnings(p.Warnings)
	return err
}

var (
	slug = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	name = regexp.MustCompile(`^([a-z0-9][a-z0-9_-]{0,63})?$`)
)

// checkWarnings returns w fit to be shown.
func checkWarnings(w core.Warnings) (core.Warnings, error) {
	if len(w) > maxWarnings {
		return nil, wire.Broken("there are %d warnings", len(w))
	}
	clean := slices.Clone(w)
	for i := range clean {
		if !slug.MatchString(clean[i].Slug) || !name.MatchString(clean[i].Variant) {
			return nil, wire.Broken("a warning is called %.70q and concerns %.70q", clean[i].Slug, clean[i].Variant)
		}
		clean[i].Detail = wire.Text(clean[i].Detail, 1<<10)
	}
	return clean, nil
}
