package metadata

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"imgd/core/transform"
)

// Tags of EXIF that have a meaning here.
const (
	tagOrientation = 0x0112
	tagArtist      = 0x013b
	tagCopyright   = 0x8298
	tagIPTC        = 0x83bb
	tagEXIF        = 0x8769 // leads to another directory, as the next does
	tagGPS         = 0x8825
	tagMakerNote   = 0x927c
)

// Kinds of values.
const (
	shortValue = 3
	longValue  = 4
)

// built are tags of the first directory that are about how a file is built, or are
// packets of their own. What begins with 0xc4 is for printers and raw converters.
var built = []uint16{
	0x00fe, 0x00ff, 0x0100, 0x0101, 0x0102, 0x0103, 0x0106, 0x010a, 0x0111, 0x0115, 0x0116, 0x0117, 0x0118, 0x0119, 0x011c,
	0x0124, 0x0125, 0x012d, 0x013d, 0x013e, 0x013f, 0x0140, 0x0142, 0x0143, 0x0144, 0x0145, 0x014a, 0x0152, 0x0153, 0x0154, 0x0155, 0x015b,
	0x0200, 0x0201, 0x0202, 0x0203, 0x0205, 0x0206, 0x0207, 0x0208, 0x0209, 0x0211, 0x0212, 0x0213, 0x0214,
	0x02bc, tagIPTC, 0x8649, 0x8773, 0xea1c,
}

// original are tags of the EXIF directory that are about the original's pixels.
var original = []uint16{0xa001, 0xa002, 0xa003, 0xa005}

// field is one value of a directory, its numbers in little-endian order.
type field struct {
	tag, kind uint16
	count     uint32
	value     []byte
}

// directories are those of an EXIF packet that are kept.
type directories struct{ main, exif, gps []field }

var errEXIF = errors.New("the EXIF is damaged")

// chooseEXIF reads a packet and writes it anew with what m keeps.
func chooseEXIF(m transform.Meta, packet []byte) []byte {
	d, err := readEXIF(bytes.TrimPrefix(packet, []byte("Exif\x00\x00")))
	if err != nil {
		return nil
	}
	d.choose(m)
	if len(d.main)+len(d.exif)+len(d.gps) == 0 {
		return nil
	}
	return append([]byte("II*\x00\x08\x00\x00\x00"), d.write(8, nil, 0)...)
}

func (d *directories) choose(m transform.Meta) {
	d.main = slices.DeleteFunc(d.main, func(f field) bool {
		if m == transform.MetaCopyright {
			return f.tag != tagArtist && f.tag != tagCopyright
		}
		return slices.Contains(built, f.tag) || f.tag >= 0xc400
	})
	for i, f := range d.main {
		if f.tag == tagOrientation {
			d.main[i] = field{tagOrientation, shortValue, 1, []byte{1, 0}}
		}
	}
	switch m {
	case transform.MetaCopyright:
		d.exif, d.gps = nil, nil
	case transform.MetaNoGPS:
		d.gps = nil
	}
	d.exif = slices.DeleteFunc(d.exif, func(f field) bool {
		// Nobody knows what a maker's note says, so that it may say the place.
		return slices.Contains(original, f.tag) || f.tag == tagMakerNote && m != transform.MetaKeep
	})
}

// reader reads the directories of a TIFF structure.
type reader struct {
	data  []byte
	order binary.ByteOrder
	total int // bytes of values, which may overlap in a file
}

func readEXIF(data []byte) (d directories, err error) {
	if len(data) < 8 {
		return d, errEXIF
	}
	r := reader{data: data}
	switch string(data[:4]) {
	case "II*\x00":
		r.order = binary.LittleEndian
	case "MM\x00*":
		r.order = binary.BigEndian
	default:
		return d, errEXIF
	}
	if d.main, err = r.directory(r.order.Uint32(data[4:])); err != nil {
		return d, err
	}
	for _, f := range d.main {
		if f.kind != longValue || f.count != 1 {
			continue
		}
		at := binary.LittleEndian.Uint32(f.value)
		switch f.tag {
		case tagEXIF:
			d.exif, err = r.directory(at)
		case tagGPS:
			d.gps, err = r.directory(at)
		}
		if err != nil {
			return d, err
		}
	}
	d.main = slices.DeleteFunc(d.main, func(f field) bool { return f.tag == tagEXIF || f.tag == tagGPS })
	return d, nil
}

func (r *reader) directory(at uint32) ([]field, error) {
	const most = 512
	off := int64(at)
	if off < 8 || off+2 > int64(len(r.data)) {
		return nil, errEXIF
	}
	n := int64(r.order.Uint16(r.data[off:]))
	if off += 2; n > most || off+12*n > int64(len(r.data)) {
		return nil, errEXIF
	}
	var list []field
	for e := range slices.Chunk(r.data[off:off+12*n], 12) {
		if f, ok := r.field(e); ok {
			list = append(list, f)
		}
	}
	if r.total > 4<<20 {
		return nil, errEXIF
	}
	return list, nil
}

// field reads an entry; one that leads nowhere is left out.
func (r *reader) field(e []byte) (field, bool) {
	f := field{tag: r.order.Uint16(e), kind: r.order.Uint16(e[2:]), count: r.order.Uint32(e[4:])}
	size := sizeOf(f.kind)
	length := size * int64(f.count)
	if size == 0 || length == 0 || length > int64(len(r.data)) {
		return f, false
	}
	value := e[8:12]
	if length > 4 {
		at := int64(r.order.Uint32(value))
		if at > int64(len(r.data))-length {
			return f, false
		}
		value = r.data[at:]
	}
	if r.total += int(length); r.total > 4<<20 {
		return f, false
	}
	f.value = slices.Clone(value[:length])
	if r.order == binary.BigEndian {
		swap(f.value, f.kind)
	}
	return f, true
}

// sizeOf is the size of one value of a kind, 0 for one that is not known.
func sizeOf(kind uint16) int64 {
	sizes := [...]int64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4}
	if int(kind) >= len(sizes) {
		return 0
	}
	return sizes[kind]
}

// swap turns the bytes of every number around.
func swap(value []byte, kind uint16) {
	width := int(sizeOf(kind))
	if kind == 5 || kind == 10 {
		width = 4 // a fraction of two numbers
	}
	for number := range slices.Chunk(value, width) {
		slices.Reverse(number)
	}
}

// write is the directories as they stand at an offset of a little-endian file: the
// main one first, with entries of the file itself among its own and the offset of
// the next.
func (d directories) write(base int, entries [][]byte, next uint32) []byte {
	main := slices.Clone(d.main)
	// Where the others begin is known once it is known how long the first is.
	pointers := len(main)
	for _, sub := range []struct {
		tag  uint16
		list []field
	}{{tagEXIF, d.exif}, {tagGPS, d.gps}} {
		if len(sub.list) > 0 {
			main = append(main, field{sub.tag, longValue, 1, make([]byte, 4)})
		}
	}
	at := base + length(main, len(entries))
	var tail []byte
	for i := pointers; i < len(main); i++ {
		list := d.exif
		if main[i].tag == tagGPS {
			list = d.gps
		}
		binary.LittleEndian.PutUint32(main[i].value, uint32(at+len(tail))) // #nosec G115 -- files are below 4 GiB
		tail = append(tail, directory(list, nil, at+len(tail), 0)...)
	}
	return append(directory(main, entries, base, next), tail...)
}

// length is that of a directory with the values it leads to.
func length(list []field, more int) int {
	n := 2 + 12*(len(list)+more) + 4
	for _, f := range list {
		if len(f.value) > 4 {
			n += len(f.value) + len(f.value)&1
		}
	}
	return n
}

// directory is one directory and its values, as it stands at an offset.
func directory(list []field, entries [][]byte, base int, next uint32) []byte {
	le := binary.LittleEndian
	values := base + 2 + 12*(len(list)+len(entries)) + 4
	all := slices.Clone(entries)
	var tail []byte
	for _, f := range list {
		e := le.AppendUint16(le.AppendUint16(nil, f.tag), f.kind)
		e = le.AppendUint32(e, f.count)
		if len(f.value) <= 4 {
			e = append(append(e, f.value...), make([]byte, 4-len(f.value))...)
		} else {
			e = le.AppendUint32(e, uint32(values+len(tail))) // #nosec G115 -- files are below 4 GiB
			tail = append(append(tail, f.value...), make([]byte, len(f.value)&1)...)
		}
		all = append(all, e)
	}
	slices.SortStableFunc(all, func(a, b []byte) int { return int(le.Uint16(a)) - int(le.Uint16(b)) })
	out := le.AppendUint16(nil, uint16(len(all))) // #nosec G115 -- a few hundred
	for _, e := range all {
		out = append(out, e...)
	}
	return append(le.AppendUint32(out, next), tail...)
}
