package bomb

import (
	"bytes"
	"image"
	"image/jpeg"
	"slices"
)

func marker(code byte, payload ...byte) []byte {
	n := len(payload) + 2
	return append([]byte{0xff, code, byte(n >> 8), byte(n)}, payload...)
}

// hollowJPEG is a good one of a few pixels that claims more.
func hollowJPEG(w, h int) []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 64, 64)), nil) // it cannot fail
	file := b.Bytes()
	at := bytes.Index(file, []byte{0xff, 0xc0})
	copy(file[at+5:], []byte{byte(h >> 8), byte(h), byte(w >> 8), byte(w)})
	return file
}

// slowJPEG is progressive, grey, and sent in many scans, all of which say that there
// is nothing more to see: each costs its decoder a walk through all blocks. side is a
// multiple of 1024.
func slowJPEG(side, scans int) []byte {
	const longest = 1 << 14 // blocks that one word of a scan can end
	flat := bytes.Repeat([]byte{1}, 64)
	table := func(class, symbol byte) []byte { // one symbol, whose code is a single 0
		return marker(0xc4, append([]byte{class << 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, symbol)...)
	}
	blocks := side / 8 * side / 8
	file := slices.Concat([]byte{0xff, 0xd8}, marker(0xdb, append([]byte{0}, flat...)...),
		marker(0xc2, 8, byte(side>>8), byte(side), byte(side>>8), byte(side), 1, 1, 0x11, 0),
		table(0, 0), table(1, 0xe0))
	scan := func(from, to, high, low byte, bits int) {
		file = append(file, marker(0xda, 1, 1, 0, from, to, high<<4|low)...)
		file = append(file, make([]byte, (bits+7)/8)...)
	}
	scan(0, 0, 0, 0, blocks)
	const deep = 13 // bits of a coefficient that can be left for later
	for n := 1; n < scans; n++ {
		k, low := byte(1+(n-1)/(deep+1)), byte(deep-(n-1)%(deep+1))
		high := byte(0)
		if low < deep {
			high = low + 1
		}
		scan(k, k, high, low, blocks/longest*15)
	}
	return append(file, 0xff, 0xd9)
}

// Slow is a picture that looks honest and keeps its decoder busy for seconds, in one
// call that nothing can interrupt.
func Slow() []byte { return slowJPEG(8192, 60) }
