package engine

import "encoding/binary"

// unmarked takes metadata out of a WebP that we have written, in place, and
// returns what is left of it: libvips 8.14 adds an EXIF chunk of its own making
// whatever it is told. It counts the frames on its way, since the encoder makes
// one of several that follow each other and look the same.
func unmarked(file []byte) (left []byte, frames int) {
	const header = 12
	if len(file) < header || string(file[:4]) != "RIFF" || string(file[8:header]) != "WEBP" {
		return file, 1
	}
	kept := header
	for off := header; len(file)-off >= 8; {
		size := 8 + int64(binary.LittleEndian.Uint32(file[off+4:]))
		end := off + int(min(size+size&1, int64(len(file)-off)))
		chunk := file[off:end]
		off = end
		switch string(chunk[:4]) {
		case "ANMF":
			frames++
		case "EXIF", "XMP ", "ICCP":
			continue
		case "VP8X":
			const profile, exif, xmp = 1 << 5, 1 << 3, 1 << 2
			if chunk[8] &^= profile | exif | xmp; chunk[8] == 0 {
				continue // nothing extended is left
			}
		}
		kept += copy(file[kept:], chunk)
	}
	binary.LittleEndian.PutUint32(file[4:], uint32(kept-8)) // #nosec G115 -- a WebP is below 4 GiB
	return file[:kept], max(1, frames)
}
