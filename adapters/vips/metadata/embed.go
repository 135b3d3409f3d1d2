package metadata

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"
)

// maxSegment is what a segment of a JPEG holds beside the name of what is in it.
const maxSegment = 65533 - 64

var errFile = errors.New("the file is not built as its encoder builds it")

// intoJPEG puts segments behind the first marker, or behind JFIF's, which wants to
// be first.
func intoJPEG(file []byte, c Carried) ([]byte, error) {
	if len(file) < 4 || file[0] != 0xff || file[1] != 0xd8 {
		return nil, errFile
	}
	at := 2
	if file[2] == 0xff && file[3] == 0xe0 && len(file) > 6 {
		at = 4 + int(binary.BigEndian.Uint16(file[4:]))
	}
	if at > len(file) {
		return nil, errFile
	}
	out := slices.Clone(file[:at])
	segment := func(marker byte, parts ...[]byte) {
		payload := bytes.Join(parts, nil)
		out = append(out, 0xff, marker)
		out = binary.BigEndian.AppendUint16(out, uint16(len(payload)+2)) // #nosec G115 -- a segment
		out = append(out, payload...)
	}
	if len(c.EXIF) > 0 {
		segment(0xe1, []byte("Exif\x00\x00"), c.EXIF)
	}
	if len(c.XMP) > 0 {
		segment(0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00"), c.XMP)
	}
	parts := slices.Collect(slices.Chunk(c.ICC, maxSegment))
	for i, part := range parts {
		segment(0xe2, []byte("ICC_PROFILE\x00"), []byte{byte(i + 1), byte(len(parts))}, part)
	}
	if len(c.IPTC) > 0 {
		segment(0xed, photoshop(c.IPTC))
	}
	return append(out, file[at:]...), nil
}

// intoPNG puts chunks behind the header.
func intoPNG(file []byte, c Carried) ([]byte, error) {
	const header = 8 + 25
	if len(file) < header || string(file[12:16]) != "IHDR" {
		return nil, errFile
	}
	out := slices.Clone(file[:header])
	chunk := func(kind string, parts ...[]byte) {
		payload := bytes.Join(parts, nil)
		out = binary.BigEndian.AppendUint32(out, uint32(len(payload))) // #nosec G115 -- megabytes
		from := len(out)
		out = append(append(out, kind...), payload...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[from:]))
	}
	if len(c.ICC) > 0 {
		var packed bytes.Buffer
		w := zlib.NewWriter(&packed)
		_, _ = w.Write(c.ICC) // a buffer takes everything
		_ = w.Close()
		chunk("iCCP", []byte("ICC profile\x00\x00"), packed.Bytes())
	}
	if len(c.EXIF) > 0 {
		chunk("eXIf", c.EXIF)
	}
	if len(c.XMP) > 0 {
		chunk("iTXt", []byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00"), c.XMP)
	}
	return append(out, file[header:]...), nil
}

// intoWebP puts chunks into the RIFF container, and says so in its extended header,
// which it may have to make.
func intoWebP(file []byte, c Carried) ([]byte, error) {
	const header = 12
	if len(file) < header+8+10 || string(file[:4]) != "RIFF" || string(file[8:header]) != "WEBP" {
		return nil, errFile
	}
	rest := file[header:]
	var extended []byte
	switch string(rest[:4]) {
	case "VP8X":
		extended, rest = slices.Clone(rest[:18]), rest[18:]
	case "VP8L":
		v := binary.LittleEndian.Uint32(rest[9:])
		extended = canvas(v&0x3fff, v>>14&0x3fff, v>>28&1 != 0)
	case "VP8 ":
		le := binary.LittleEndian
		extended = canvas(uint32(le.Uint16(rest[14:])&0x3fff)-1, uint32(le.Uint16(rest[16:])&0x3fff)-1, false)
	default:
		return nil, errFile
	}
	out := append(slices.Clone(file[:header]), extended...)
	chunk := func(kind string, flag byte, payload []byte) {
		if len(payload) == 0 {
			return
		}
		out[header+8] |= flag
		out = append(out, kind...)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(payload))) // #nosec G115 -- megabytes
		out = append(append(out, payload...), make([]byte, len(payload)&1)...)
	}
	chunk("ICCP", 1<<5, c.ICC)
	out = append(append(out, rest...), make([]byte, len(rest)&1)...)
	chunk("EXIF", 1<<3, c.EXIF)
	chunk("XMP ", 1<<2, c.XMP)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8)) // #nosec G115 -- a WebP is below 4 GiB
	return out, nil
}

// canvas is an extended header; sides count from 0.
func canvas(width, height uint32, alpha bool) []byte {
	b := append([]byte("VP8X"), 10, 0, 0, 0, 0, 0, 0, 0)
	if alpha {
		b[8] = 1 << 4
	}
	return append(b, byte(width), byte(width>>8), byte(width>>16), byte(height), byte(height>>8), byte(height>>16))
}

// intoTIFF puts a new first directory at the end, of the entries of the old one and
// those of the EXIF, and the IPTC.
func intoTIFF(file []byte, c Carried) ([]byte, error) {
	if len(c.EXIF)+len(c.IPTC) == 0 {
		return file, nil
	}
	var d directories
	if len(c.EXIF) > 0 {
		var err error
		if d, err = readEXIF(c.EXIF); err != nil {
			return nil, err
		}
	}
	if n := len(c.IPTC); n > 0 { // which libtiff wants in fours
		padded := append(slices.Clone(c.IPTC), make([]byte, -n&3)...)
		d.main = append(d.main, field{tagIPTC, longValue, uint32(len(padded) / 4), padded}) // #nosec G115 -- a segment
	}
	le := binary.LittleEndian
	if len(file) < 8 || string(file[:4]) != "II*\x00" {
		return nil, errFile
	}
	at := int64(le.Uint32(file[4:]))
	if at+2 > int64(len(file)) {
		return nil, errFile
	}
	n := int64(le.Uint16(file[at:]))
	at += 2
	if at+12*n+4 > int64(len(file)) {
		return nil, errFile
	}
	var entries [][]byte
	taken := map[uint16]bool{}
	for e := range slices.Chunk(file[at:at+12*n], 12) {
		entries = append(entries, e)
		taken[le.Uint16(e)] = true
	}
	d.main = slices.DeleteFunc(d.main, func(f field) bool { return taken[f.tag] })
	out := append(slices.Clone(file), make([]byte, len(file)&1)...)
	le.PutUint32(out[4:], uint32(len(out))) // #nosec G115 -- a TIFF is below 4 GiB
	return append(out, d.write(len(out), entries, le.Uint32(file[at+12*n:]))...), nil
}
