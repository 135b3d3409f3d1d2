package structure

import (
	"bytes"
	"encoding/binary"
)

// Markers of a JPEG (ITU-T T.81, table B.1).
const (
	markerTEM  = 0x01
	markerDHT  = 0xC4
	markerJPG  = 0xC8
	markerDAC  = 0xCC
	markerRST0 = 0xD0
	markerRST7 = 0xD7
	markerSOI  = 0xD8
	markerEOI  = 0xD9
	markerSOS  = 0xDA
	markerAPP0 = 0xE0
	markerAPPF = 0xEF
	markerCOM  = 0xFE
)

type jpegWalk struct {
	*Outline
	file     *window
	limits   Limits
	segments int

	frame   byte  // the SOFn marker, 0 before it
	blocks  int64 // of 8 x 8 coefficients, in all components
	entropy int64 // bytes of all scans
}

// walkJPEG goes from marker to marker up to the end marker. Bytes after that are
// none of the image: phones append gain maps and films there.
func walkJPEG(o *Outline, file *window, limits Limits) error {
	file.cut = cutOff(JPEG, "before its end marker")
	soi, err := file.at(0, 2)
	if err != nil {
		return err
	}
	if soi[0] != 0xFF || soi[1] != markerSOI {
		return damaged(JPEG, "it does not begin with a start marker")
	}
	j := jpegWalk{Outline: o, file: file, limits: limits}
	for off := int64(2); ; {
		marker, next, err := file.nextMarker(off)
		if err != nil {
			return err
		}
		if j.Scans > 0 {
			j.entropy += next - 2 - off
		}
		if marker == markerEOI {
			return j.end()
		}
		if off, err = j.step(marker, next); err != nil {
			return err
		}
	}
}

// nextMarker finds the next marker at or after off, and where its segment
// begins. It passes over entropy-coded data with its stuffed zeros and restart
// markers, over fill bytes, and over stray bytes as decoders do.
func (w *window) nextMarker(off int64) (byte, int64, error) {
	for {
		b, err := w.from(off, 2)
		if err != nil {
			return 0, 0, err
		}
		i := 0
		for i < len(b)-1 {
			n := bytes.IndexByte(b[i:len(b)-1], 0xFF)
			if n < 0 {
				i = len(b) - 1 // the last byte may begin a marker
				break
			}
			i += n
			switch m := b[i+1]; {
			case m == 0xFF:
				i++
			case m == 0 || m == markerTEM || m >= markerRST0 && m <= markerRST7:
				i += 2
			default:
				return m, off + int64(i) + 2, nil
			}
		}
		off += int64(i)
	}
}

// step takes the segment whose length field is at off and returns where the next
// one begins.
func (j *jpegWalk) step(marker byte, off int64) (int64, error) {
	if marker == markerSOI {
		return 0, damaged(JPEG, "another JPEG begins before this one ends")
	}
	head, err := j.file.at(off, 2)
	if err != nil {
		return 0, err
	}
	length := int64(binary.BigEndian.Uint16(head))
	if length < 2 {
		return 0, damaged(JPEG, "a segment is %d bytes long", length)
	}
	if !j.file.holds(off, length) {
		return 0, j.file.cut
	}
	switch {
	case marker == markerSOS:
		err = j.scan()
	case isFrameHeader(marker):
		err = j.header(marker, off, length)
	case marker >= markerAPP0 && marker <= markerAPPF || marker == markerCOM:
		err = j.addMetadata(j.limits, length-2)
	}
	if err != nil {
		return 0, err
	}
	if marker != markerSOS {
		j.segments++
	}
	if j.segments > j.limits.Segments {
		return 0, tooComplex(JPEG, "segments", j.limits.Segments, j.segments)
	}
	return off + length, nil
}

func isFrameHeader(marker byte) bool {
	return marker >= 0xC0 && marker <= 0xCF && marker != markerDHT && marker != markerJPG && marker != markerDAC
}

func (j *jpegWalk) scan() error {
	if j.frame == 0 {
		return damaged(JPEG, "its pixels come before its dimensions")
	}
	j.Scans++
	if j.Scans > j.limits.Scans {
		return tooComplex(JPEG, "scans", j.limits.Scans, j.Scans)
	}
	return nil
}

// header reads the frame header: precision, height, width, and the components
// with their sampling factors.
func (j *jpegWalk) header(marker byte, off, length int64) error {
	if j.frame != 0 {
		return damaged(JPEG, "it states its dimensions twice")
	}
	if marker >= 0xC5 && marker <= 0xC7 || marker >= 0xCD {
		return damaged(JPEG, "it is of the hierarchical kind, which nothing reads")
	}
	if length < 8 {
		return damaged(JPEG, "its frame header is %d bytes long", length)
	}
	b, err := j.file.at(off, int(min(length, 8+3*255)))
	if err != nil {
		return err
	}
	j.Bits, j.Bands = int(b[2]), int(b[7])
	height, width := int64(binary.BigEndian.Uint16(b[3:])), int64(binary.BigEndian.Uint16(b[5:]))
	if j.Bands == 0 || length != 8+3*int64(j.Bands) {
		return damaged(JPEG, "its frame header of %d bytes is not that of %d components", length, j.Bands)
	}
	if err := j.setSize(j.limits, width, height); err != nil {
		return err
	}
	j.frame = marker
	j.Progressive = marker == 0xC2 || marker == 0xCA
	return j.countBlocks(b[8:], width, height)
}

func (j *jpegWalk) countBlocks(components []byte, width, height int64) error {
	var hMax, vMax int64
	for i := 0; i < len(components); i += 3 {
		h, v := int64(components[i+1]>>4), int64(components[i+1]&15)
		if h < 1 || h > 4 || v < 1 || v > 4 {
			return damaged(JPEG, "a sampling factor is %d x %d", h, v)
		}
		hMax, vMax = max(hMax, h), max(vMax, v)
	}
	for i := 0; i < len(components); i += 3 {
		h, v := int64(components[i+1]>>4), int64(components[i+1]&15)
		j.blocks += ceil(ceil(width*h, hMax), 8) * ceil(ceil(height*v, vMax), 8)
	}
	return nil
}

// end judges the whole. In a sequential Huffman-coded JPEG no block takes less
// than two bits, so that too little data for the dimensions shows without
// decoding any of it.
func (j *jpegWalk) end() error {
	if j.Scans == 0 {
		return damaged(JPEG, "there are no pixels in it")
	}
	sequential := j.frame == 0xC0 || j.frame == 0xC1
	if sequential && j.entropy*8 < j.blocks*2 {
		return cutOff(JPEG, "with too little data for its dimensions")
	}
	return nil
}

func ceil(n, unit int64) int64 { return (n + unit - 1) / unit }
