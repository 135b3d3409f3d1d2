package engine

// hold is what one render has in memory beside what the decoder works in: pages that
// are kept whole, and the largest rendition that is drawn from them. Both together
// keep to the memory of a decoder. A page that would be too much is not kept: it is
// decoded once more for whoever wants it.
type hold struct {
	keepers []*arrangement
	pages   int64 // bytes
	largest int64
}

// page returns the arrangement of another page of the file.
func (h *hold) page(src *source, m *marks) *arrangement {
	a := &arrangement{src: src, marks: m, hold: h}
	h.keepers = append(h.keepers, a)
	return a
}

// draws notes that a rendition of so many pixels will be drawn.
func (h *hold) draws(pixels, copies int64) { h.largest = max(h.largest, sampled*pixels*copies) }

// sampled is how many bytes a pixel has at most when its colours are settled.
const sampled = 4

// fits reports whether so much more can be kept.
func (h *hold) fits(more int64) bool {
	return !over(h.pages+h.largest+more, current.Limits.MemoryBytes)
}

// keep counts a page that will be kept, and lets go of the others where it would be
// too much beside them.
func (h *hold) keep(bytes int64) {
	if !h.fits(bytes) {
		h.release()
	}
	h.pages += bytes
}

// release lets go of all pages.
func (h *hold) release() {
	for _, a := range h.keepers {
		for _, frames := range a.full {
			freeAll(frames)
		}
		a.full = nil
	}
	h.pages = 0
}

// weight is that of a page that is kept whole.
func (a *arrangement) weight(p page) int64 {
	frames := 1
	if p.all {
		frames = a.src.frames
	}
	return sampled * int64(a.src.width) * int64(a.src.height) * int64(frames)
}
