package engine

import (
	"slices"

	"imgd/core/transform"
)

// alpha reports whether what is written can be transparent.
func (o *order) alpha() bool {
	if o.spec.Fmt != transform.Auto {
		return o.spec.Fmt.Alpha()
	}
	return !slices.ContainsFunc(o.candidates, func(f transform.Format) bool { return !f.Alpha() })
}

// candidates are the formats of the setting that can hold what comes out, or the
// first of all that can.
func (s *source) candidates(to shape) []transform.Format {
	_, _, _, ground, _ := to.bg.RGBA()
	transparent := (s.probe.HasAlpha || to.Pads()) && ground < 255
	w, h := to.size()
	holds := func(f transform.Format) bool {
		most := f.MaxSide()
		if f == transform.JPEG {
			most = maxJPEG
		}
		return writes(f) && max(w, h) <= most && (f.Alpha() || !transparent) &&
			(!to.all || f == transform.WebP || f == transform.GIF)
	}
	var can []transform.Format
	for _, name := range current.AutoFormats {
		if f := transform.Format(name); holds(f) {
			can = append(can, f)
		}
	}
	for _, f := range []transform.Format{transform.WebP, transform.GIF, transform.JPEG, transform.PNG} {
		if len(can) == 0 && holds(f) {
			can = append(can, f)
		}
	}
	return can
}

// smallest writes the picture in each of the formats, at one quality for the eye,
// and keeps the smallest file. A picture of few colours is also tried without loss.
func (p plate) smallest(s transform.Spec, formats []transform.Format) (encoded, error) {
	var best encoded
	var chosen transform.Spec
	try := func(s transform.Spec) error {
		e, err := p.write(s)
		if err != nil {
			return err
		}
		if best.p == nil || e.size() < best.size() {
			best, e, chosen = e, best, s
		}
		if e.p != nil {
			e.free()
		}
		return nil
	}
	flat := p.flat()
	for _, f := range formats {
		as := s
		as.Fmt, as.Q = f, transform.EqualQuality(f, s.Q)
		err := try(as)
		if err == nil && flat && f == transform.WebP {
			as.Lossless = true
			err = try(as)
		}
		if err != nil {
			best.free()
			return encoded{}, err
		}
	}
	if s.MaxBytes == 0 || best.size() <= s.MaxBytes {
		return best, nil
	}
	best.free()
	chosen.Lossless = false
	return p.within(chosen)
}

// flat reports whether the picture has as few colours as a drawing.
func (p plate) flat() bool {
	const few = 256
	samples, err := p.samples()
	if err != nil {
		return false
	}
	seen := map[[4]uint8]bool{}
	for px := range slices.Chunk(samples, p.bands()) {
		var c [4]uint8
		copy(c[:], px)
		if seen[c] = true; len(seen) > few {
			return false
		}
	}
	return true
}
