package engine

// blur is Gaussian. A wide one is made of a smaller picture, since nobody sees the
// difference and it would take minutes.
func (s *steps) blur(to shape) {
	const fine = 8 // sigma in pixels that needs no more of them
	if to.paint.blur == 0 || s.err != nil {
		return
	}
	w, h := s.width(), s.height()
	sigma, n := to.paint.blur, max(1, int(to.paint.blur/fine))
	s.premultiplied(func() {
		s.scale(ceil(w, n), ceil(h, n), "linear")
		s.do("gaussblur", "sigma=%.17g", sigma/float64(n))
		s.scale(w, h, "cubic")
	})
	s.keep()
}

// scale resizes with a kernel, whatever the samples are.
func (s *steps) scale(w, h int, kernel string) {
	if s.err == nil && (s.width() != w || s.height() != h) {
		s.keep()
		s.do("resize", "scale=%.17g,vscale=%.17g,kernel=%s", scale(w, s.width()), scale(h, s.height()), kernel)
	}
}

// sharpen works on lightness alone, edges more than what is flat.
func (s *steps) sharpen(to shape) {
	if to.paint.sharpen == 0 {
		return
	}
	s.premultiplied(func() {
		s.do("sharpen", "sigma=%.17g,m1=1,m2=2", to.paint.sharpen)
	})
	s.keep()
}

// pixelate gives each block the mean of its pixels. Those at the right and at the
// bottom may be cut off by the edge.
func (s *steps) pixelate(to shape) {
	if to.paint.pixelate == 0 {
		return
	}
	side := to.paint.pixelate
	s.edit(func(r raster) {
		for y := 0; y < r.h; y += side {
			for x := 0; x < r.w; x += side {
				r.level(x, y, min(x+side, r.w), min(y+side, r.h))
			}
		}
	})
}

// level gives all pixels of a block their mean, in which colours count as much as
// they are seen.
func (r raster) level(left, top, right, bottom int) {
	var sums [4]int
	colours, weights := r.colours(), 0
	for y := top; y < bottom; y++ {
		for x := left; x < right; x++ {
			px, weight := r.at(x, y), 255
			if r.alpha {
				weight = int(px[colours])
			}
			weights += weight
			for i := range colours {
				sums[i] += int(px[i]) * weight
			}
		}
	}
	var mean [4]byte
	for i := range colours {
		mean[i] = quotient(sums[i], weights)
	}
	if r.alpha {
		mean[colours] = quotient(weights, (right-left)*(bottom-top))
	}
	for y := top; y < bottom; y++ {
		for x := left; x < right; x++ {
			copy(r.at(x, y), mean[:])
		}
	}
}

// quotient is rounded; of nothing it is 0.
func quotient(n, of int) byte {
	if of == 0 {
		return 0
	}
	return byte((2*n + of) / (2 * of))
}
