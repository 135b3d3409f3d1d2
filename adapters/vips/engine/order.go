package engine

import (
	"context"
	"math"
	"slices"

	"imgd/adapters/vips/metadata"
	"imgd/core"
	"imgd/core/transform"
)

// maxJPEG is the longest side that libjpeg writes.
const maxJPEG = 65500

// order is a file to be written, for one variant or for several that come out the
// same: of a small image most sizes do.
type order struct {
	names     []string
	spec      transform.Spec // with the format it is really written in
	rendition *rendition
	on        *arrangement // of its page
	warnings  []warning

	carried    metadata.Carried   // what goes into the file beside the pixels
	candidates []transform.Format // of which the smallest file is taken, where the format is auto
}

// warning is what every variant of an order is told.
type warning struct{ slug, detail string }

// like reports whether two orders of one page lead to the same bytes.
func (o order) like(p order) bool {
	return o.rendition == p.rendition && o.encoding() == p.encoding() && slices.Equal(o.warnings, p.warnings)
}

// encoding is what of a spec its writer looks at.
func (o order) encoding() transform.Spec {
	s := o.spec
	return transform.Spec{Fmt: s.Fmt, Q: s.Q, Lossless: s.Lossless, Effort: s.Effort, Progressive: s.Progressive, Chroma: s.Chroma,
		Palette: s.Palette, MaxBytes: s.MaxBytes, Meta: s.Meta}
}

// order reads what a variant wants of this page, and what of it is a shape. Its
// error is the variant's own, unless the page is broken.
func (a *arrangement) order(ctx context.Context, v transform.Variant) (order, shape, error) {
	s, o := a.src, order{names: []string{v.Name}, spec: v.Spec}
	if err := possible(o.spec); err != nil {
		return o, shape{}, err
	}
	in := s.inSpace(&o)
	c, err := a.cutOf(ctx, o.spec, page{o.moves() && s.frames > 1, in})
	if err != nil {
		return o, shape{}, err
	}
	w, h := s.upright(s.width, s.height)
	to := shapeOf(o.spec, c, w, h)
	to.bg, to.border.Color = in.paint(to.bg), in.paint(to.border.Color)
	if err := o.fit(to); err != nil {
		return o, shape{}, err
	}
	to.all = o.moves() && s.frames > 1
	if o.moves() && s.probe.Animated && !to.all {
		o.warn("animation-first-frame", "the animation is beyond what is allowed; only its first frame is used")
	}
	if err := s.affordable(to); err != nil {
		return o, shape{}, err
	}
	a.hold.draws(s.pixels(to), to.copies())
	if o.spec.Fmt == transform.Auto {
		o.candidates = s.candidates(to)
	}
	to.opaque = !o.alpha() && (s.probe.HasAlpha || to.opens())
	return o, to, s.carry(&o)
}

// moves reports whether an animation stays one.
func (o order) moves() bool {
	return o.spec.Anim && (o.spec.Fmt == transform.WebP || o.spec.Fmt == transform.GIF || o.spec.Fmt == transform.Auto)
}

func (o *order) warn(slug, detail string) { o.warnings = append(o.warnings, warning{slug, detail}) }

// possible refuses what the engine, or the libvips under it, does not do.
func possible(s transform.Spec) error {
	if err := transform.Unsupported(s, Can); err != nil {
		return err
	}
	if f := string(s.Fmt); s.Fmt != transform.Auto && !writes(s.Fmt) {
		return core.TransformUnsupported.Errorf("this build cannot write %s; it writes %v", f, writable()).
			With("key", "fmt").With("value", f)
	}
	return nil
}

// affordable refuses a result, or a step on the way to it, beyond the limits that
// files are held to.
func (s *source) affordable(to shape) error {
	l := current.Limits
	w, h := to.size() // of no fewer pixels than any step after the resize
	if side := int64(max(w, h, to.Width, to.Height, to.ResizeW, to.ResizeH)); over(side, l.Side) {
		return core.InvalidTransform.Errorf("this comes to a side of %d pixels, of which there may be %d; ask for a smaller size", side, l.Side).
			With("key", "w").With("limit", l.Side).With("actual", side)
	}
	pixels, most := s.pixels(to), l.Pixels
	if fit := l.MemoryBytes / sampled / to.copies(); fit > 0 && (most <= 0 || fit < most) {
		most = fit // with up to four bytes each they are all in memory at once
	}
	if s.vector() {
		most = min(orNone(most, math.MaxInt64), s.drawable())
	}
	if over(pixels, most) {
		return core.InvalidTransform.Errorf("this comes to %d pixels, of which there may be %d; ask for a smaller size", pixels, most).
			With("key", "w").With("limit", most).With("actual", pixels)
	}
	return nil
}

// pixels is how many a result has in all its frames, or a step on the way to it.
func (s *source) pixels(to shape) int64 {
	w, h := to.size()
	pixels := max(int64(to.ResizeW)*int64(to.ResizeH), int64(w)*int64(h))
	if to.all {
		pixels *= int64(s.frames)
	}
	return pixels
}

// fit falls back to JPEG where the format cannot hold a size that nobody knew
// before there was a file.
func (o *order) fit(to shape) error {
	w, h := to.size()
	side := max(w, h)
	if o.spec.Fmt != transform.JPEG && side <= o.spec.Fmt.MaxSide() {
		return nil
	}
	if side > maxJPEG {
		return core.InvalidTransform.Errorf("no side of a JPEG can have %d pixels, at most %d; choose a size", side, maxJPEG).
			With("key", "w").With("limit", maxJPEG).With("actual", side)
	}
	if o.spec.Fmt != transform.JPEG {
		o.warn("format-fallback", "a side of more pixels than "+string(o.spec.Fmt)+" can hold; it is a JPEG instead")
		o.spec.Fmt, o.spec.Lossless = transform.JPEG, false
	}
	return nil
}

// miniature is the shape that facts are taken from.
func (s *source) miniature() shape {
	spec := transform.Default()
	spec.W, spec.H = factSide, factSide
	w, h := s.upright(s.width, s.height)
	return shapeOf(spec, cut{}, w, h)
}
