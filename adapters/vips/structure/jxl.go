package structure

import (
	"encoding/binary"
)

// walkJXL reads the size at the beginning of a codestream, which is bare or in the
// boxes of a container. How long a codestream is it does not say: whether its end is
// there its decoder finds out.
func walkJXL(o *Outline, file *window, limits Limits) error {
	file.cut = cutOff(JXL, "before what its boxes announce")
	b, err := file.at(0, 2)
	if err != nil {
		return err
	}
	if b[0] == 0xff && b[1] == 0x0a {
		return codestream(o, file, limits, 0, file.size)
	}
	h := heifWalk{Outline: o, file: file, limits: limits}
	w := jxlWalk{heifWalk: &h}
	if err := h.each(0, file.size, w.box); err != nil {
		return err
	}
	if !w.brands || o.Width == 0 {
		return damaged(JXL, "there is no picture in it")
	}
	return nil
}

// jxlWalk goes through the boxes of a container.
type jxlWalk struct {
	*heifWalk
	whole bool // the codestream is in one box
	parts int  // or in so many
}

func (w *jxlWalk) box(kind string, off, end int64) error {
	switch kind {
	case "JXL ", "jxll":
	case "ftyp":
		w.brands = true
	case "jxlc":
		if w.whole || w.parts > 0 {
			return damaged(JXL, "there are two pictures in it")
		}
		w.whole = true
		return codestream(w.Outline, w.file, w.limits, off, end)
	case "jxlp":
		return w.part(off, end)
	default:
		return w.addMetadata(w.limits, end-off)
	}
	return nil
}

// part is a piece of a codestream behind its number; the last one says so in the
// highest bit.
func (w *jxlWalk) part(off, end int64) error {
	b, err := w.within(off, end, 4)
	if err != nil {
		return err
	}
	if n := int64(binary.BigEndian.Uint32(b) &^ (1 << 31)); w.whole || n != int64(w.parts) {
		return damaged(JXL, "its parts are not in order")
	}
	if w.parts++; w.parts > 1 {
		return nil
	}
	return codestream(w.Outline, w.file, w.limits, off+4, end)
}

// codestream reads the size of a picture: of both sides by their value, or of the
// height and a ratio.
func codestream(o *Outline, file *window, limits Limits, off, end int64) error {
	const most = 2 + 9 // bytes of the signature and the size
	n := min(end-off, most)
	if n < 4 {
		return file.cut
	}
	b, err := file.at(off, int(n))
	if err != nil {
		return err
	}
	if b[0] != 0xff || b[1] != 0x0a {
		return damaged(JXL, "its codestream does not begin like one")
	}
	r := bits{b: b[2:]}
	short := r.take(1) == 1
	height := r.side(short)
	width := int64(0)
	switch ratio := r.take(3); ratio {
	case 0:
		width = r.side(short)
	default:
		by := [8][2]int64{1: {1, 1}, 2: {12, 10}, 3: {4, 3}, 4: {3, 2}, 5: {16, 9}, 6: {5, 4}, 7: {2, 1}}[ratio]
		width = height * by[0] / by[1]
	}
	if r.short {
		return file.cut
	}
	return o.setSize(limits, width, height)
}

// bits reads numbers from the lowest bit on.
type bits struct {
	b     []byte
	at    int
	short bool // more was read than there is
}

func (r *bits) take(n int) (v int64) {
	for i := range n {
		if r.at/8 >= len(r.b) {
			r.short = true
			return 0
		}
		v |= int64(r.b[r.at/8]>>(r.at%8)&1) << i
		r.at++
	}
	return v
}

// side reads a number of pixels: a multiple of eight up to 256, or any.
func (r *bits) side(short bool) int64 {
	if short {
		return 8 * (r.take(5) + 1)
	}
	return r.take([4]int{9, 13, 18, 30}[r.take(2)]) + 1
}
