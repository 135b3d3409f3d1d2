package engine

// #include <vips/vips.h>
import "C"

import "image"

// focus cuts out what the plan keeps of the resized picture. Where that is up to
// what is to be seen, the first frame decides for all.
func (s *steps) focus(r *rendition) {
	if !r.Crops() {
		return
	}
	at := image.Pt(r.CropX, r.CropY)
	if r.smart != "" {
		s.keep()
		if r.found == nil {
			found := s.find(r)
			r.found = &found
		}
		at = *r.found
	}
	s.crop(image.Rectangle{Min: at, Max: at.Add(image.Pt(r.CropW, r.CropH))})
}

// find returns where the part of the picture begins that matters most.
func (s *steps) find(r *rendition) (at image.Point) {
	if s.err != nil {
		return at
	}
	look := from(s.picture)
	look.do("smartcrop", "width=%d,height=%d,interesting=%s", r.CropW, r.CropH, r.smart)
	seen, err := look.end()
	if err != nil {
		s.err = err
		return at
	}
	defer seen.free()
	// libvips notes where it cut, as the place of the old origin. Whatever it says
	// must lie within.
	x, y := -int(C.vips_image_get_xoffset(seen.c)), -int(C.vips_image_get_yoffset(seen.c))
	return image.Pt(min(max(x, 0), s.width()-r.CropW), min(max(y, 0), s.height()-r.CropH))
}
