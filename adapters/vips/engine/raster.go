package engine

// #include "bridge.h"
import "C"

// raster is the samples of a picture in memory, 8 bits each.
type raster struct {
	samples     []byte
	w, h, bands int
	alpha       bool
}

// at are the samples of a pixel.
func (r raster) at(x, y int) []byte {
	i := (y*r.w + x) * r.bands
	return r.samples[i : i+r.bands : i+r.bands]
}

// colours are how many of a pixel's samples are colours.
func (r raster) colours() int {
	if r.alpha {
		return r.bands - 1
	}
	return r.bands
}

// edit changes samples in place, those of a copy that nobody else has.
func (s *steps) edit(change func(raster)) {
	if s.err != nil {
		return
	}
	var own picture
	if C.bridge_own(s.c, &own.c) != 0 {
		s.err = failure()
		return
	}
	s.replace(own)
	samples, err := s.samples()
	if err != nil {
		s.err = err
		return
	}
	change(raster{samples, s.width(), s.height(), s.bands(), s.alpha()})
}
