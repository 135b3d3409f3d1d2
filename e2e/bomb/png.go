package bomb

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
)

const signature = "\x89PNG\r\n\x1a\n"

func chunk(kind string, payload []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload))) // #nosec G115 -- a few megabytes
	b = append(append(b, kind...), payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

func header(w, h uint32, bits, colour, interlace byte) []byte {
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	return chunk("IHDR", append(size, bits, colour, 0, 0, interlace))
}

// hollowPNG has a size and no pixels.
func hollowPNG(w, h uint32) []byte {
	return slices.Concat([]byte(signature), header(w, h, 8, 2, 0), chunk("IDAT", []byte{0x78, 0x9c, 0x63, 0, 0, 0, 1, 0, 1}), chunk("IEND", nil))
}

// flatPNG has all its pixels, which are nothing. An interlaced one has seven passes,
// whose rows have a filter byte each.
func flatPNG(w, h uint32, bits, colour byte, interlaced bool) []byte {
	samples := map[byte]int64{0: 1, 6: 4}[colour]
	row := func(pixels int64) int64 { return 1 + (pixels*samples*int64(bits)+7)/8 }
	size, adam := int64(h)*row(int64(w)), byte(0)
	if interlaced {
		size, adam = 0, 1
		for _, pass := range [][4]int64{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}} {
			x, y, dx, dy := pass[0], pass[1], pass[2], pass[3]
			size += (int64(h) - y + dy - 1) / dy * row((int64(w)-x+dx-1)/dx)
		}
	}
	return slices.Concat([]byte(signature), header(w, h, bits, colour, adam), chunk("IDAT", deflated(size)), chunk("IEND", nil))
}

// chattyPNG is a small picture with a long text.
func chattyPNG(text int64) []byte {
	return slices.Concat([]byte(signature), header(8, 8, 8, 0, 0), chunk("zTXt", append([]byte("Comment\x00\x00"), deflated(text)...)),
		chunk("IDAT", deflated(8*9)), chunk("IEND", nil))
}

// crowdedPNG is a small picture with many texts.
func crowdedPNG(n int) []byte {
	return slices.Concat([]byte(signature), header(8, 8, 8, 0, 0), bytes.Repeat(chunk("tEXt", []byte("a\x00b")), n),
		chunk("IDAT", deflated(8*9)), chunk("IEND", nil))
}

// deflated is n zeros.
func deflated(n int64) []byte {
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.BestSpeed) // the level exists
	_, _ = io.CopyN(w, nothing{}, n)
	_ = w.Close() // a buffer takes all
	return b.Bytes()
}

// nothing is an endless row of zeros.
type nothing struct{}

func (nothing) Read(p []byte) (int, error) { clear(p); return len(p), nil }
