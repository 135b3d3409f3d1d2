package bomb

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"strings"
)

// gif has frames of one pixel on a canvas that they have to be spread over.
func gif(w, h uint16, frames int) []byte {
	b := []byte("GIF89a")
	b = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(b, w), h)
	b = append(b, 0x80, 0, 0, 0, 0, 0, 255, 255, 255)
	for range frames {
		b = append(b, 0x21, 0xf9, 4, 8, 1, 0, 0, 0)    // shown for 10 ms, then taken away
		b = append(b, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0) // one pixel
		b = append(b, 2, 2, 0x44, 0x01, 0)             // clear, 0, end
	}
	return append(b, 0x3b)
}

// hollowWebP is the header of a lossless picture that is nearly as large as there can be.
func hollowWebP() []byte {
	const most = 15999 // plus one
	data := binary.LittleEndian.AppendUint32([]byte{0x2f}, most|most<<14)
	data = append(data, 0)
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	b = append(append(b, "WEBPVP8L"...), byte(len(data)), 0, 0, 0)
	b = append(b, data...)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8)) // #nosec G115 -- some bytes
	return b
}

// cutSVG ends in the middle of what it is compressed in.
func cutSVG() []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(`<svg xmlns="http://www.w3.org/2000/svg">` + strings.Repeat("<g>", 500)))
	_ = w.Close() // a buffer takes all
	return b.Bytes()[:b.Len()*2/3]
}
