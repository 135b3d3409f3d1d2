package scene

import (
	"encoding/binary"
	"slices"
)

// WithOrientation returns the JPEG with an EXIF segment that says how the camera
// was held, 1 to 8.
func WithOrientation(jpeg []byte, o int) []byte {
	return withEXIF(jpeg, directory{{tag: 0x0112, kind: short, value: order.AppendUint16(nil, uint16(o))}}, nil) // #nosec G115 -- 1 to 8
}

// WithGPS returns the JPEG with the marker as its image description, and a place:
// 47.5 degrees north, 8.25 degrees east.
func WithGPS(jpeg []byte, marker string) []byte {
	return withEXIF(jpeg,
		directory{{tag: 0x010e, kind: ascii, value: append([]byte(marker), 0)}},
		directory{
			{tag: 0x0001, kind: ascii, value: []byte("N\x00")},
			{tag: 0x0002, kind: rational, value: degrees(47, 30, 0)},
			{tag: 0x0003, kind: ascii, value: []byte("E\x00")},
			{tag: 0x0004, kind: rational, value: degrees(8, 15, 0)},
		})
}

// order is that of a Motorola TIFF.
var order = binary.BigEndian

// The types of TIFF that are used here, and the bytes of one value.
const (
	ascii    = 2
	short    = 3
	long     = 4
	rational = 5
)

var sizes = map[uint16]int{ascii: 1, short: 2, long: 4, rational: 8}

type entry struct {
	tag, kind uint16
	value     []byte
}

// directory is an IFD, its entries in the order of their tags.
type directory []entry

// withEXIF puts an APP1 segment behind the start of the image.
func withEXIF(jpeg []byte, main, gps directory) []byte {
	const header = 8
	if gps != nil {
		pointer := entry{tag: 0x8825, kind: long, value: make([]byte, 4)}
		main = append(slices.Clone(main), pointer)
		order.PutUint32(pointer.value, offset(header+len(main.encode(header))))
	}
	tiff := append([]byte("MM\x00*\x00\x00\x00\x08"), main.encode(header)...)
	if gps != nil {
		tiff = append(tiff, gps.encode(len(tiff))...)
	}
	payload := append([]byte("Exif\x00\x00"), tiff...)
	segment := order.AppendUint16([]byte{0xff, 0xe1}, uint16(len(payload)+2)) // #nosec G115 -- a few hundred bytes
	return slices.Concat(jpeg[:2], segment, payload, jpeg[2:])
}

// encode writes the directory as it stands at a place in the file, followed by
// the values that do not fit into their entries.
func (d directory) encode(at int) []byte {
	b := order.AppendUint16(nil, uint16(len(d))) // #nosec G115 -- a few
	var heap []byte
	for _, e := range d {
		b = order.AppendUint16(b, e.tag)
		b = order.AppendUint16(b, e.kind)
		b = order.AppendUint32(b, offset(len(e.value)/sizes[e.kind]))
		if len(e.value) <= 4 {
			b = append(b, append(slices.Clone(e.value), 0, 0, 0, 0)[:4]...)
			continue
		}
		b = order.AppendUint32(b, offset(at+2+12*len(d)+4+len(heap)))
		heap = append(heap, e.value...)
		if len(heap)%2 == 1 { // values begin at even places
			heap = append(heap, 0)
		}
	}
	b = order.AppendUint32(b, 0) // no other directory follows
	return append(b, heap...)
}

func offset(n int) uint32 { return uint32(n) } // #nosec G115 -- a few hundred bytes

func degrees(d, m, s uint32) (b []byte) {
	for _, n := range []uint32{d, m, s} {
		b = order.AppendUint32(order.AppendUint32(b, n), 1)
	}
	return b
}
