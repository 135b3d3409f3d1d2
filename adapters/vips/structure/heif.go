package structure

import (
	"encoding/binary"
	"math"
)

type heifWalk struct {
	*Outline
	file   *window
	limits Limits

	brands, meta bool
	types        map[uint32]string // of items
	lengths      map[uint32]int64
	extents      int
}

// walkHEIF goes from box to box: all of the top level, and of the meta box what
// tells the number of items, their extents and their dimensions, of which the
// largest count. A grid, its tiles and its thumbnail all have dimensions.
func walkHEIF(o *Outline, file *window, limits Limits) error {
	file.cut = cutOff(o.Format, "before what its boxes announce")
	h := heifWalk{Outline: o, file: file, limits: limits,
		types: map[uint32]string{}, lengths: map[uint32]int64{}}
	if err := h.each(0, file.size, h.top); err != nil {
		return err
	}
	return h.end()
}

// each calls visit for every box between off and end, with where its content is.
func (h *heifWalk) each(off, end int64, visit func(kind string, off, end int64) error) error {
	for boxes := 1; off < end; boxes++ {
		if boxes > maxBoxes {
			return tooComplex(h.Format, "boxes in a row", maxBoxes, boxes)
		}
		kind, content, next, err := h.box(off, end)
		if err != nil {
			return err
		}
		if err := visit(kind, content, next); err != nil {
			return err
		}
		off = next
	}
	return nil
}

// box reads the header of the box at off: its type, where its content begins,
// and where it ends.
func (h *heifWalk) box(off, end int64) (kind string, content, next int64, err error) {
	b, err := h.within(off, end, 8)
	if err != nil {
		return "", 0, 0, err
	}
	size, head := int64(binary.BigEndian.Uint32(b)), int64(8)
	kind = string(b[4:8])
	switch size {
	case 0:
		size = end - off
	case 1:
		if b, err = h.within(off, end, 16); err != nil {
			return "", 0, 0, err
		}
		size, head = position(binary.BigEndian.Uint64(b[8:])), 16
	}
	if size < head {
		return "", 0, 0, damaged(h.Format, "a box is %d bytes long", size)
	}
	if size > end-off {
		return "", 0, 0, h.beyond(end)
	}
	return kind, off + head, off + size, nil
}

// within returns n bytes at off of a box that ends at end.
func (h *heifWalk) within(off, end int64, n int) ([]byte, error) {
	if int64(n) > end-off {
		return nil, h.beyond(end)
	}
	return h.file.at(off, n)
}

// beyond is the answer to a length that leads past end: the file was cut if that
// is its end, and is damaged if something else comes behind it.
func (h *heifWalk) beyond(end int64) error {
	if end == h.file.size {
		return h.file.cut
	}
	return damaged(h.Format, "a box is longer than what contains it")
}

func (h *heifWalk) top(kind string, off, end int64) error {
	switch kind {
	case "ftyp":
		h.brands = true
	case "meta":
		if h.meta {
			return damaged(h.Format, "it describes its items twice")
		}
		h.meta = true
		return h.each(off+4, end, h.inMeta)
	}
	return nil
}

func (h *heifWalk) inMeta(kind string, off, end int64) error {
	switch kind {
	case "iinf":
		return h.itemInfos(off, end)
	case "iloc":
		return h.itemLocations(off, end)
	case "iprp":
		return h.each(off, end, func(kind string, off, end int64) error {
			if kind != "ipco" {
				return nil
			}
			return h.each(off, end, h.property)
		})
	}
	return nil
}

// property reads one of the properties that items share.
func (h *heifWalk) property(kind string, off, end int64) error {
	switch kind {
	case "ispe":
		b, err := h.within(off, end, 12)
		if err != nil {
			return err
		}
		return h.dimensions(int64(binary.BigEndian.Uint32(b[4:])), int64(binary.BigEndian.Uint32(b[8:])))
	case "pixi":
		b, err := h.within(off, end, 6)
		if err != nil {
			return err
		}
		h.Bands, h.Bits = max(h.Bands, int(b[4])), max(h.Bits, int(b[5]))
	case "auxC":
		b, err := h.within(off, end, int(min(end-off, 64)))
		if err != nil {
			return err
		}
		h.Alpha = h.Alpha || namesAlpha(b)
	case "colr":
		return h.addMetadata(h.limits, end-off)
	}
	return nil
}

// dimensions keeps the largest.
func (h *heifWalk) dimensions(width, height int64) error {
	w, hh := h.Width, h.Height
	if err := h.setSize(h.limits, width, height); err != nil {
		return err
	}
	if int64(w)*int64(hh) > width*height {
		h.Width, h.Height = w, hh
	}
	return nil
}

// end judges the whole: items of metadata are known by type in one place and by
// length in another.
func (h *heifWalk) end() error {
	if !h.brands || !h.meta || h.Items == 0 || h.Width == 0 {
		return damaged(h.Format, "there is no picture in it")
	}
	var metadata int64
	for id, kind := range h.types {
		if kind == "Exif" || kind == "mime" || kind == "uri " {
			metadata += min(h.lengths[id], h.file.size) // extents may overlap
		}
	}
	return h.addMetadata(h.limits, metadata)
}

// countItems bounds a stated number of items.
func (h *heifWalk) countItems(n uint32) error {
	h.Items = max(h.Items, int(min(n, math.MaxInt32)))
	if h.Items > h.limits.Items {
		return tooComplex(h.Format, "items", h.limits.Items, h.Items)
	}
	return nil
}
