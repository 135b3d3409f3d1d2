package structure

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// deflateRatio is a little more than what deflate can make of one byte.
const deflateRatio = 1040

type pngWalk struct {
	*Outline
	file    *window
	limits  Limits
	inflate inflater

	colour   byte
	palette  bool
	chunks   int // beside pixels and frames
	controls int // fcTL
	pixels   int64
	stage    pngStage
}

type pngStage int

const (
	beforePixels pngStage = iota
	inPixels
	afterPixels
)

// walkPNG goes from chunk to chunk up to IEND. Only the header's checksum is
// verified: the others are the decoder's to read anyway.
func walkPNG(o *Outline, file *window, limits Limits) error {
	file.cut = cutOff(PNG, "before its IEND chunk")
	magic, err := file.at(0, 8)
	if err != nil {
		return err
	}
	if string(magic) != pngMagic {
		return damaged(PNG, "it does not begin with the signature")
	}
	p := pngWalk{Outline: o, file: file, limits: limits}
	if err := p.header(); err != nil {
		return err
	}
	for off := int64(8 + 12 + 13); ; {
		head, err := file.at(off, 8)
		if err != nil {
			return err
		}
		length, kind := int64(binary.BigEndian.Uint32(head)), [4]byte(head[4:])
		if length > 1<<31-1 || !allLetters(kind) {
			return damaged(PNG, "there is no chunk at byte %d", off)
		}
		if !file.holds(off, length+12) {
			return file.cut
		}
		if string(kind[:]) == "IEND" {
			return p.end()
		}
		if err := p.chunk(string(kind[:]), off+8, length); err != nil {
			return err
		}
		off += length + 12
	}
}

func (p *pngWalk) header() error {
	b, err := p.file.at(8, 12+13)
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint32(b) != 13 || string(b[4:8]) != "IHDR" {
		return damaged(PNG, "it does not begin with an IHDR chunk")
	}
	if crc32.ChecksumIEEE(b[4:21]) != binary.BigEndian.Uint32(b[21:]) {
		return damaged(PNG, "the checksum of its header is wrong")
	}
	width, height := binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
	p.Bits, p.colour, p.Interlaced = int(b[16]), b[17], b[20] == 1
	depths, ok := pngDepths[p.colour]
	if !ok || !slices.Contains(depths, p.Bits) || b[18] != 0 || b[19] != 0 || b[20] > 1 {
		return damaged(PNG, "its header asks for what the format does not have")
	}
	p.Bands = map[byte]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[p.colour]
	p.Alpha = p.colour == 4 || p.colour == 6
	return p.setSize(p.limits, int64(width), int64(height))
}

// pngDepths are the bit depths of each colour type.
var pngDepths = map[byte][]int{
	0: {1, 2, 4, 8, 16},
	2: {8, 16},
	3: {1, 2, 4, 8},
	4: {8, 16},
	6: {8, 16},
}

func (p *pngWalk) chunk(kind string, off, length int64) error {
	if p.stage == inPixels && kind != "IDAT" {
		p.stage = afterPixels
	}
	switch kind {
	case "IDAT":
		return p.data(length)
	case "fdAT":
		return nil // bounded by the file's size, like IDAT
	case "fcTL":
		p.controls++
		if p.controls > countedFrames {
			return tooManyFrames(PNG, int64(p.controls))
		}
		return nil
	}
	p.chunks++
	if p.chunks > p.limits.Chunks {
		return tooComplex(PNG, "chunks beside its pixels", p.limits.Chunks, p.chunks)
	}
	switch kind {
	case "PLTE":
		if p.stage != beforePixels || p.palette || length == 0 || length > 768 || length%3 != 0 {
			return damaged(PNG, "its palette is out of place or of a wrong length")
		}
		p.palette = true
		return nil
	case "acTL":
		return p.animation(off, length)
	case "tRNS":
		p.Alpha = true
	}
	if kind[0]&0x20 == 0 {
		return damaged(PNG, "no decoder knows its critical chunk %s", kind)
	}
	return p.metadata(kind, off, length)
}

func (p *pngWalk) data(length int64) error {
	if p.stage == afterPixels {
		return damaged(PNG, "its IDAT chunks do not follow each other")
	}
	if p.colour == 3 && !p.palette {
		return damaged(PNG, "its palette is missing")
	}
	p.stage = inPixels
	p.pixels += length
	return nil
}

func (p *pngWalk) animation(off, length int64) error {
	if p.stage != beforePixels || length != 8 {
		return damaged(PNG, "its acTL chunk is out of place or of a wrong length")
	}
	b, err := p.file.at(off, 4)
	if err != nil {
		return err
	}
	frames := int64(binary.BigEndian.Uint32(b))
	if frames > countedFrames {
		return tooManyFrames(PNG, frames)
	}
	p.Frames = max(int(frames), 1)
	return nil
}

// metadata counts an ancillary chunk, and what it unpacks to.
func (p *pngWalk) metadata(kind string, off, length int64) error {
	if err := p.addMetadata(p.limits, length); err != nil {
		return err
	}
	compressed, ok := pngCompressed[kind]
	if !ok {
		return nil
	}
	n := p.inflate.size(p.file.section(off, length), compressed, p.limits.MetadataBytes-p.MetadataBytes)
	return p.addMetadata(p.limits, n)
}

func (p *pngWalk) end() error {
	if p.stage == beforePixels {
		return damaged(PNG, "there are no pixels in it")
	}
	least := int64(p.Width) * int64(p.Height) * int64(p.Bands*p.Bits) / 8
	if p.pixels*deflateRatio < least {
		return cutOff(PNG, "with too little data for its dimensions")
	}
	return nil
}

func allLetters(kind [4]byte) bool {
	return !bytes.ContainsFunc(kind[:], func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}
