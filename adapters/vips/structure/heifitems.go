package structure

import (
	"bytes"
	"encoding/binary"
	"math"
)

// namesAlpha knows the two names that an auxiliary image's alpha plane has.
func namesAlpha(auxC []byte) bool {
	return bytes.Contains(auxC, []byte("auxiliary:alpha")) || bytes.Contains(auxC, []byte("hevc:2015:auxid:1\x00"))
}

// itemInfos reads how many items there are and of what type.
func (h *heifWalk) itemInfos(off, end int64) error {
	c := cursor{h: h, off: off, end: end}
	version := c.number(4) >> 24
	count := c.number(2 + 2*min(int(version), 1))
	if c.err != nil {
		return c.err
	}
	if err := h.countItems(uint32(count)); err != nil { // #nosec G115 -- a 32-bit field at most
		return err
	}
	return h.each(c.off, end, h.itemInfo)
}

func (h *heifWalk) itemInfo(kind string, off, end int64) error {
	if kind != "infe" {
		return nil
	}
	c := cursor{h: h, off: off, end: end}
	version := c.number(4) >> 24
	if version < 2 {
		return c.err // without a type
	}
	id := c.number(2 + 2*min(int(version-2), 1))
	c.number(2)
	kind = c.word()
	if c.err != nil {
		return c.err
	}
	h.types[uint32(id)] = kind // #nosec G115 -- a 32-bit field at most
	if len(h.types) > h.limits.Items {
		return tooComplex(h.Format, "items", h.limits.Items, len(h.types))
	}
	return nil
}

// itemLocations checks that the extents of all items lie within the file.
func (h *heifWalk) itemLocations(off, end int64) error {
	c := cursor{h: h, off: off, end: end}
	version := c.number(4) >> 24
	widths := c.number(2)
	wide := 2
	if version >= 2 {
		wide = 4
	}
	count := c.number(wide)
	if c.err != nil {
		return c.err
	}
	if err := h.countItems(uint32(count)); err != nil { // #nosec G115 -- a 32-bit field at most
		return err
	}
	l := locations{cursor: c, version: version, wide: wide,
		offset: nibble(widths, 12), length: nibble(widths, 8), base: nibble(widths, 4), index: nibble(widths, 0)}
	for range count {
		if err := l.item(); err != nil {
			return err
		}
	}
	return nil
}

// nibble is the width in bytes of one of the four kinds of numbers in iloc.
func nibble(widths uint64, shift int) int { return int(widths >> shift & 15) }

type locations struct {
	cursor
	version                           uint64
	wide, offset, length, base, index int
}

func (l *locations) item() error {
	id := uint32(l.number(l.wide)) // #nosec G115 -- a 32-bit field at most
	method := uint64(0)
	if l.version >= 1 {
		method = l.number(2) & 15
	}
	l.number(2)
	base := position(l.number(l.base))
	extents := l.number(2)
	if l.h.extents += int(extents); l.h.extents > maxExtents { // #nosec G115 -- two bytes
		return tooComplex(l.h.Format, "extents", maxExtents, l.h.extents)
	}
	for range extents {
		if l.version >= 1 {
			l.number(l.index)
		}
		at, length := position(l.number(l.offset)), position(l.number(l.length))
		if l.err != nil {
			return l.err
		}
		if method != 0 {
			at, base = 0, 0 // inside the meta box, or inside another item
		}
		if at > math.MaxInt64-base || !l.h.file.holds(base+at, length) {
			return l.h.file.cut
		}
		l.h.lengths[id] = min(l.h.lengths[id]+length, math.MaxInt64/2)
	}
	if n := len(l.h.lengths); n > l.h.limits.Items {
		return tooComplex(l.h.Format, "items", l.h.limits.Items, n)
	}
	return l.err
}

// cursor reads numbers one after the other up to the end of a box. After an
// error it reads zeros.
type cursor struct {
	h        *heifWalk
	off, end int64
	err      error
}

// number reads a big-endian number of 0, 2, 4 or 8 bytes; other widths are
// damage.
func (c *cursor) number(width int) uint64 {
	if c.err != nil || width == 0 {
		return 0
	}
	b, err := c.h.within(c.off, c.end, width)
	if err != nil {
		c.err = err
		return 0
	}
	c.off += int64(width)
	switch width {
	case 2:
		return uint64(binary.BigEndian.Uint16(b))
	case 4:
		return uint64(binary.BigEndian.Uint32(b))
	case 8:
		return binary.BigEndian.Uint64(b)
	}
	c.err = damaged(c.h.Format, "a number is %d bytes long", width)
	return 0
}

// word reads a four-character code.
func (c *cursor) word() string {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(c.number(4))) // #nosec G115 -- four bytes
	return string(b[:])
}
