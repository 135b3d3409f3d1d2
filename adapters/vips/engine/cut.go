package engine

import (
	"context"
	"image"

	"imgd/core/transform"
)

// cutOf is what trim and crop leave of the page. A crop that begins outside is the
// error of its variant.
func (a *arrangement) cutOf(ctx context.Context, spec transform.Spec, p page) (cut, error) {
	w, h := a.src.upright(a.src.width, a.src.height)
	whole := image.Rect(0, 0, w, h)
	area := whole
	if spec.Trim > 0 {
		var err error
		if area, err = a.trim(ctx, spec.Trim, p); err != nil {
			return cut{}, err
		}
	}
	within, err := spec.Crop.Within(area.Dx(), area.Dy())
	if err != nil {
		return cut{}, err
	}
	c := cut{area: within.Add(area.Min), linear: spec.Linear, space: p.space}
	if c.area == whole {
		c.area = image.Rectangle{}
	}
	return c, nil
}

// within is the area of the upright page that is cut out.
func (c cut) within(s *source) image.Rectangle {
	if c.area.Empty() {
		w, h := s.upright(s.width, s.height)
		return image.Rect(0, 0, w, h)
	}
	return c.area
}

// sensor is where the file has what lies in an area of the upright page.
func (s *source) sensor(r image.Rectangle) image.Rectangle {
	w, h := s.upright(s.width, s.height)
	return s.swap(s.mirrored(r, w, h))
}

// fromSensor is the reverse of sensor.
func (s *source) fromSensor(r image.Rectangle) image.Rectangle {
	w, h := s.upright(s.width, s.height)
	return s.mirrored(s.swap(r), w, h)
}

// mirrored mirrors a part of w x h as the file has it mirrored, before its axes are
// swapped.
func (s *source) mirrored(r image.Rectangle, w, h int) image.Rectangle {
	switch s.orientation {
	case 2, 3, 6, 7:
		r.Min.X, r.Max.X = w-r.Max.X, w-r.Min.X
	}
	switch s.orientation {
	case 3, 4, 7, 8:
		r.Min.Y, r.Max.Y = h-r.Max.Y, h-r.Min.Y
	}
	return r
}

func (s *source) swap(r image.Rectangle) image.Rectangle {
	if s.turned() {
		return image.Rect(r.Min.Y, r.Min.X, r.Max.Y, r.Max.X)
	}
	return r
}

// divides reports whether the area has whole pixels in a file that is decoded at a
// fraction of its size. The last pixel of a row may stand for fewer, here as in
// the picture as a whole.
func (s *source) divides(area image.Rectangle, by int) bool {
	r := s.sensor(area)
	whole := func(edge, side int) bool { return edge%by == 0 || edge == side }
	return r.Min.X%by == 0 && r.Min.Y%by == 0 && whole(r.Max.X, s.width) && whole(r.Max.Y, s.height)
}

// extract cuts an area of the upright page out of the page as it was decoded at
// another size.
func (s *steps) extract(src *source, area image.Rectangle, z sizing) {
	if area.Empty() {
		return
	}
	r, shrink := src.sensor(area), z.shrink
	if z.drawn.X > 0 { // a whole multiple
		s.crop(image.Rectangle{r.Min.Mul(z.drawn.X / src.width), r.Max.Mul(z.drawn.X / src.width)})
		return
	}
	r = image.Rect(r.Min.X/shrink, r.Min.Y/shrink, ceil(r.Max.X, shrink), ceil(r.Max.Y, shrink))
	s.crop(r.Intersect(image.Rect(0, 0, s.width(), s.height()))) // libvips leaves out what is less than a pixel
}

func (s *steps) crop(r image.Rectangle) {
	s.do("extract_area", "left=%d,top=%d,width=%d,height=%d", r.Min.X, r.Min.Y, r.Dx(), r.Dy())
}
