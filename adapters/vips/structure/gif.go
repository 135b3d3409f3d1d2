package structure

import "encoding/binary"

type gifWalk struct {
	*Outline
	file   *window
	limits Limits

	width, height int64 // of the canvas, grown as decoders grow it
}

// walkGIF goes from block to block up to the trailer. Many GIFs lack the
// trailer; one that ends behind a frame is whole. One that ends in a block is not.
func walkGIF(o *Outline, file *window, limits Limits) error {
	file.cut = cutOff(GIF, "in the middle of a block")
	o.Frames, o.Bands, o.Bits = 0, 3, 8
	b, err := file.at(0, 13)
	if err != nil {
		return err
	}
	if m := string(b[:6]); m != "GIF87a" && m != "GIF89a" {
		return damaged(GIF, "it does not begin with the signature")
	}
	g := gifWalk{Outline: o, file: file, limits: limits}
	if err := g.cover(int64(binary.LittleEndian.Uint16(b[6:])), int64(binary.LittleEndian.Uint16(b[8:]))); err != nil {
		return err
	}
	for off := 13 + colours(b[10]); ; {
		if off == file.size {
			return g.end(cutOff(GIF, "before its first frame"))
		}
		b, err := file.at(off, 1)
		if err != nil {
			return err
		}
		switch b[0] {
		case 0: // stray padding, which decoders pass over
			off++
		case 0x21:
			off, err = g.extension(off)
		case 0x2C:
			off, err = g.frame(off)
		case 0x3B:
			return g.end(damaged(GIF, "there are no frames in it"))
		default:
			return damaged(GIF, "there is no block at byte %d", off)
		}
		if err != nil {
			return err
		}
	}
}

// cover grows the canvas to hold a frame's right lower corner.
func (g *gifWalk) cover(right, bottom int64) error {
	g.width, g.height = max(g.width, right), max(g.height, bottom)
	if g.width == 0 || g.height == 0 {
		return nil // the frames tell; without any that is the end
	}
	return g.setSize(g.limits, g.width, g.height)
}

// colours is the length of the colour table that packed announces.
func colours(packed byte) int64 {
	if packed&0x80 == 0 {
		return 0
	}
	return 3 << (packed&7 + 1)
}

func (g *gifWalk) extension(off int64) (int64, error) {
	b, err := g.file.at(off, 2)
	if err != nil {
		return 0, err
	}
	label := b[1]
	if label == 0xF9 {
		if err := g.control(off + 2); err != nil {
			return 0, err
		}
	}
	end, err := g.file.subBlocks(off + 2)
	if err != nil {
		return 0, err
	}
	if label == 0xFE || label == 0xFF {
		err = g.addMetadata(g.limits, end-off-2)
	}
	return end, err
}

// control looks for the transparency flag of a graphic control extension.
func (g *gifWalk) control(off int64) error {
	b, err := g.file.at(off, 2)
	if err != nil {
		return err
	}
	if b[0] > 0 && b[1]&1 != 0 {
		g.Alpha = true
	}
	return nil
}

func (g *gifWalk) frame(off int64) (int64, error) {
	b, err := g.file.at(off, 10)
	if err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	x, y := int64(le.Uint16(b[1:])), int64(le.Uint16(b[3:]))
	w, h := int64(le.Uint16(b[5:])), int64(le.Uint16(b[7:]))
	packed := b[9]
	if w == 0 || h == 0 {
		return 0, damaged(GIF, "a frame is %d x %d pixels large", w, h)
	}
	if err := g.cover(x+w, y+h); err != nil {
		return 0, err
	}
	off += 10 + colours(packed)
	if _, err := g.file.at(off, 1); err != nil { // the code size
		return 0, err
	}
	if off, err = g.file.subBlocks(off + 1); err != nil {
		return 0, err
	}
	g.Interlaced = g.Interlaced || packed&0x40 != 0
	g.Frames++
	if g.Frames > countedFrames {
		return 0, tooManyFrames(GIF, int64(g.Frames))
	}
	return off, nil
}

func (g *gifWalk) end(empty error) error {
	if g.Frames == 0 {
		return empty
	}
	return nil
}

// subBlocks passes a chain of sub-blocks and its empty last one.
func (w *window) subBlocks(off int64) (int64, error) {
	for {
		b, err := w.at(off, 1)
		if err != nil {
			return 0, err
		}
		off += 1 + int64(b[0])
		if b[0] == 0 {
			return off, nil
		}
	}
}
