package metadata

import (
	"bytes"
	"encoding/binary"
	"slices"

	"imgd/core/transform"
)

// kept are the data sets, record and number, that say whose a picture is, and
// in which characters they are written.
var kept = [][2]byte{{1, 90}, {2, 80}, {2, 116}}

// chooseIPTC reads the records, bare or among Photoshop's resources, and writes what
// m keeps.
func chooseIPTC(m transform.Meta, b []byte) []byte {
	records := b
	if rest, found := bytes.CutPrefix(b, []byte("Photoshop 3.0\x00")); found {
		records = resource(rest)
	}
	var out []byte
	for len(records) >= 5 && records[0] == 0x1c {
		n := int(binary.BigEndian.Uint16(records[3:]))
		if n >= 0x8000 || 5+n > len(records) {
			break // longer than anything that is worth it, or cut off
		}
		set := [2]byte{records[1], records[2]}
		if wanted(m, set) {
			out = append(out, records[:5+n]...)
		}
		records = records[5+n:]
	}
	if m == transform.MetaCopyright && !bytes.Contains(out, []byte{0x1c, 2}) {
		return nil // characters of nothing
	}
	return out
}

func wanted(m transform.Meta, set [2]byte) bool {
	if m == transform.MetaCopyright {
		return slices.Contains(kept, set)
	}
	preview := set[0] == 2 && set[1] >= 200 && set[1] <= 202
	return !preview
}

// resource finds the records among Photoshop's resources.
func resource(b []byte) []byte {
	const id = 0x0404
	for len(b) >= 12 && string(b[:4]) == "8BIM" {
		kind := binary.BigEndian.Uint16(b[4:])
		name := 1 + int(b[6])
		at := 6 + name + name&1
		if at+4 > len(b) {
			return nil
		}
		n := int64(binary.BigEndian.Uint32(b[at:]))
		at += 4
		if n > int64(len(b)-at) {
			return nil
		}
		if kind == id {
			return b[at : at+int(n)]
		}
		b = b[min(at+int(n+n&1), len(b)):]
	}
	return nil
}

// photoshop wraps records as a JPEG has them.
func photoshop(records []byte) []byte {
	out := []byte("Photoshop 3.0\x008BIM\x04\x04\x00\x00")
	out = binary.BigEndian.AppendUint32(out, uint32(len(records))) // #nosec G115 -- a segment at most
	return append(append(out, records...), make([]byte, len(records)&1)...)
}
