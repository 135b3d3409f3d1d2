package engine

import (
	"strings"

	"imgd/adapters/vips/metadata"
	"imgd/core/transform"
)

// plate is what is drawn, ready to be written in any format: one frame, or an
// animation of several.
type plate struct {
	picture
	frames  int
	carried metadata.Carried // what goes into the file beside the pixels
}

// encode writes frames as an order wants it: one as a still, several as an
// animation.
func (o order) encode(frames []picture) (encoded, error) {
	p, err := o.plate(frames)
	if err != nil {
		return encoded{}, err
	}
	defer p.free()
	if o.spec.Fmt == transform.Auto {
		return p.smallest(o.spec, o.candidates)
	}
	return p.within(o.spec)
}

// plate brings frames together, and leaves of what came with the file what the
// variant is to carry.
func (o order) plate(frames []picture) (plate, error) {
	p := plate{picture: frames[0], frames: len(frames), carried: o.carried}
	if len(frames) > 1 {
		joined, err := join(frames, o.on.src.animation)
		if err != nil {
			return p, err
		}
		defer joined.free()
		p.picture = joined
	}
	if o.rendition.space != srgb {
		p.carried.ICC = frames[0].blob("icc-profile-data")
	}
	bare, err := p.bare()
	p.picture = bare
	return p, err
}

// write encodes in the format of a spec, with the quality and effort of the spec.
func (p plate) write(s transform.Spec) (encoded, error) {
	w := writers[s.Fmt]
	options := append([]string{"strip=true"}, w.options(s)...)
	if w.carries && !p.carried.Empty() {
		options[0] = "strip=false"
		fresh, err := p.loaded()
		if err != nil {
			return encoded{}, err
		}
		defer fresh.free()
		p.picture = fresh
	}
	if s.Palette > 0 {
		few, dither, err := p.reduced(s.Palette)
		if err != nil {
			return encoded{}, err
		}
		defer few.free()
		p.picture = few
		options = append(options, w.palette(s.Palette), dither)
	}
	e, err := p.save(w.saver, strings.Join(options, ","))
	if err != nil {
		return e, err
	}
	e.format, e.frames = s.Fmt, p.frames
	return e.finished(p)
}

// loaded is a copy of the picture that carries what its saver writes into the file.
func (p plate) loaded() (picture, error) {
	c, err := p.bare()
	if err != nil {
		return c, err
	}
	c.attach("icc-profile-data", p.carried.ICC)
	c.attach("xmp-data", p.carried.XMP)
	return c, nil
}

// finished puts into a file what its saver does not, and takes out what it should
// not have put there.
func (e encoded) finished(p plate) (encoded, error) {
	if e.format == transform.WebP {
		var left []byte
		left, e.frames = unmarked(e.bytes())
		e.n = len(left)
	}
	if p.carried.Empty() {
		return e, nil
	}
	var err error
	e.spliced, err = metadata.Embed(e.format, e.bytes(), p.carried)
	if err != nil {
		e.free()
		return encoded{}, err
	}
	return e, nil
}

// maxEncodes is how often a picture is encoded to find the quality at which it has
// so many bytes.
const maxEncodes = 6

// within writes the picture, with the highest quality it finds at which the file is
// no larger than the spec allows. If there is none it is the smallest file, which
// says that it is too large.
func (p plate) within(s transform.Spec) (encoded, error) {
	best, err := p.write(s)
	if err != nil || s.MaxBytes == 0 || best.size() <= s.MaxBytes {
		return best, err
	}
	fits, tooMuch := 0, s.Q // the highest quality that fits, the lowest that does not
	for tries := 1; tries < maxEncodes && tooMuch-fits > 1; tries++ {
		s.Q = (fits + tooMuch) / 2
		if last := tries == maxEncodes-1; last && fits == 0 {
			s.Q = 1
		}
		e, err := p.write(s)
		if err != nil {
			best.free()
			return encoded{}, err
		}
		small := e.size() <= s.MaxBytes
		if small {
			fits = s.Q
		} else {
			tooMuch = s.Q
		}
		if small || fits == 0 && e.size() < best.size() {
			best, e = e, best
		}
		e.free()
	}
	best.exceeds = fits == 0
	return best, nil
}
