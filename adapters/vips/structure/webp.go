package structure

import "encoding/binary"

type webpWalk struct {
	*Outline
	file   *window
	limits Limits

	extended bool
	animated bool
	images   int
	frames   int
	chunks   int // beside frames
}

// walkWebP goes from chunk to chunk through the RIFF container. A file longer
// than the container is accepted, a shorter one was cut.
func walkWebP(o *Outline, file *window, limits Limits) error {
	file.cut = cutOff(WebP, "before the length that its header states")
	o.Bands, o.Bits = 3, 8
	b, err := file.at(0, 12)
	if err != nil {
		return err
	}
	if string(b[:4]) != "RIFF" || string(b[8:12]) != "WEBP" {
		return damaged(WebP, "it does not begin with a RIFF header")
	}
	end := 8 + int64(binary.LittleEndian.Uint32(b[4:]))
	if end > file.size {
		return file.cut
	}
	w := webpWalk{Outline: o, file: file, limits: limits}
	if err := w.each(12, end, w.chunk); err != nil {
		return err
	}
	return w.end()
}

// each calls visit for every chunk between off and end.
func (w *webpWalk) each(off, end int64, visit func(kind string, off, length int64) error) error {
	for end-off > 1 { // a padding byte may be left
		if end-off < 8 {
			return damaged(WebP, "there is no chunk at byte %d", off)
		}
		b, err := w.file.at(off, 8)
		if err != nil {
			return err
		}
		kind, length := string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:]))
		if off += 8; length > end-off {
			return damaged(WebP, "a chunk is longer than what contains it")
		}
		if err := visit(kind, off, length); err != nil {
			return err
		}
		off += length + length&1
	}
	return nil
}

func (w *webpWalk) chunk(kind string, off, length int64) error {
	if kind == "ANMF" {
		return w.frame(off, length)
	}
	w.chunks++
	if w.chunks > w.limits.Chunks {
		return tooComplex(WebP, "chunks beside its frames", w.limits.Chunks, w.chunks)
	}
	switch {
	case w.chunks == 1 && kind == "VP8X":
		return w.canvas(off, length)
	case w.chunks == 1 && kind != "VP8 " && kind != "VP8L":
		return damaged(WebP, "it begins with a chunk that has no pixels")
	case kind == "VP8 " || kind == "VP8L":
		return w.still(kind, off, length)
	case kind == "ALPH":
		w.Alpha = true
		return nil
	case kind == "ANIM":
		return nil
	}
	return w.addMetadata(w.limits, length)
}

// canvas reads the extended header.
func (w *webpWalk) canvas(off, length int64) error {
	if length < 10 {
		return damaged(WebP, "its extended header is %d bytes long", length)
	}
	b, err := w.file.at(off, 10)
	if err != nil {
		return err
	}
	w.extended, w.animated, w.Alpha = true, b[0]&0x02 != 0, b[0]&0x10 != 0
	return w.setSize(w.limits, 1+uint24(b[4:]), 1+uint24(b[7:]))
}

// still reads the header of the one picture of a file without animation.
func (w *webpWalk) still(kind string, off, length int64) error {
	width, height, err := w.bitstream(kind, off, length)
	if err != nil {
		return err
	}
	w.images++
	if !w.extended {
		if w.images > 1 {
			return damaged(WebP, "there are two pictures in it")
		}
		return w.setSize(w.limits, width, height)
	}
	if width != int64(w.Width) || height != int64(w.Height) {
		return damaged(WebP, "its picture is not as large as its canvas")
	}
	return nil
}

// frame reads one frame of an animation: its place, and the picture in it.
func (w *webpWalk) frame(off, length int64) error {
	if !w.extended || length < 16 {
		return damaged(WebP, "a frame is out of place or too short")
	}
	b, err := w.file.at(off, 12)
	if err != nil {
		return err
	}
	x, y := 2*uint24(b), 2*uint24(b[3:])
	width, height := 1+uint24(b[6:]), 1+uint24(b[9:])
	if x+width > int64(w.Width) || y+height > int64(w.Height) {
		return damaged(WebP, "a frame reaches beyond the canvas")
	}
	w.frames++
	if w.frames > countedFrames {
		return tooManyFrames(WebP, int64(w.frames))
	}
	pictures := 0
	err = w.each(off+16, off+length, func(kind string, off, length int64) error {
		if kind != "VP8 " && kind != "VP8L" {
			return nil
		}
		pictures++
		pw, ph, err := w.bitstream(kind, off, length)
		if err == nil && (pw != width || ph != height) {
			err = damaged(WebP, "a picture is not as large as its frame")
		}
		return err
	})
	if err == nil && pictures != 1 {
		err = damaged(WebP, "a frame has %d pictures", pictures)
	}
	return err
}

// bitstream reads the dimensions from the header of a lossy or lossless picture.
func (w *webpWalk) bitstream(kind string, off, length int64) (width, height int64, err error) {
	need := 10
	if kind == "VP8L" {
		need = 5
	}
	if length < int64(need) {
		return 0, 0, damaged(WebP, "a picture is %d bytes long", length)
	}
	b, err := w.file.at(off, need)
	if err != nil {
		return 0, 0, err
	}
	if kind == "VP8L" {
		v := binary.LittleEndian.Uint32(b[1:])
		if b[0] != 0x2F || v>>29 != 0 {
			return 0, 0, damaged(WebP, "the header of a lossless picture is wrong")
		}
		w.Alpha = w.Alpha || v>>28&1 != 0
		return 1 + int64(v&0x3FFF), 1 + int64(v>>14&0x3FFF), nil
	}
	if b[0]&1 != 0 || string(b[3:6]) != "\x9d\x01\x2a" {
		return 0, 0, damaged(WebP, "the header of a lossy picture is wrong")
	}
	le := binary.LittleEndian
	return int64(le.Uint16(b[6:]) & 0x3FFF), int64(le.Uint16(b[8:]) & 0x3FFF), nil
}

func (w *webpWalk) end() error {
	if w.Alpha {
		w.Bands = 4
	}
	if w.animated && w.frames == 0 || w.images+w.frames == 0 {
		return damaged(WebP, "there are no pixels in it")
	}
	w.Frames = max(w.frames, 1)
	return nil
}

func uint24(b []byte) int64 {
	return int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16
}
