package engine

import (
	"encoding/binary"
	"slices"
)

// joinTIFF appends the only directory of a TIFF to those of another. Both are little
// endian, as libvips writes them on most machines; offsets are moved.
func joinTIFF(first, second []byte) []byte {
	le := binary.LittleEndian
	joined := slices.Clone(first)
	if len(joined)%2 == 1 {
		joined = append(joined, 0)
	}
	base := uint32(len(joined))
	moved := slices.Clone(second)
	dir := le.Uint32(moved[4:])
	for i := range int(le.Uint16(moved[dir:])) {
		entry := moved[int(dir)+2+12*i:][:12]
		tag, kind, count := le.Uint16(entry), le.Uint16(entry[2:]), le.Uint32(entry[4:])
		size := map[uint16]uint32{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 12: 8}[kind] * count
		value := le.Uint32(entry[8:])
		if size > 4 {
			le.PutUint32(entry[8:], value+base)
		}
		if tag != 273 { // offsets of strips are moved themselves
			continue
		}
		if size <= 4 {
			le.PutUint32(entry[8:], value+base)
			continue
		}
		for j := range count {
			at := moved[value+4*j:]
			le.PutUint32(at, le.Uint32(at)+base)
		}
	}
	joined = append(joined, moved...)
	next := 4
	for le.Uint32(joined[next:]) != 0 {
		last := int(le.Uint32(joined[next:]))
		next = last + 2 + 12*int(le.Uint16(joined[last:]))
	}
	le.PutUint32(joined[next:], base+dir)
	return joined
}
