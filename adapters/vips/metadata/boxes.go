package metadata

import (
	"encoding/binary"
	"slices"
)

var be = binary.BigEndian

// box is one of ISO's: four bytes of length, four of kind, and content.
func box(kind string, content []byte) []byte {
	b := be.AppendUint32(nil, uint32(len(content)+8)) // #nosec G115 -- megabytes
	return append(append(b, kind...), content...)
}

// boxes are the boxes in b, headers included.
func boxes(b []byte) (list [][]byte, err error) {
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, errFile
		}
		n := int64(be.Uint32(b))
		if n == 0 {
			n = int64(len(b))
		}
		if n < 8 || n > int64(len(b)) {
			return nil, errFile
		}
		list = append(list, b[:n])
		b = b[n:]
	}
	return list, nil
}

func kind(box []byte) string { return string(box[4:8]) }

// intoJXL puts a bare codestream into a container, or takes the one that is there,
// and adds the EXIF and the XMP.
func intoJXL(file []byte, c Carried) ([]byte, error) {
	if len(c.EXIF)+len(c.XMP) == 0 {
		return file, nil
	}
	out := slices.Clone(file)
	if len(file) > 2 && file[0] == 0xff && file[1] == 0x0a {
		out = append(box("JXL ", []byte("\r\n\x87\n")), box("ftyp", []byte("jxl \x00\x00\x00\x00jxl "))...)
		out = append(out, box("jxlc", file)...)
	}
	if len(c.EXIF) > 0 {
		out = append(out, box("Exif", append(make([]byte, 4), c.EXIF...))...)
	}
	if len(c.XMP) > 0 {
		out = append(out, box("xml ", c.XMP)...)
	}
	return out, nil
}

// intoAVIF takes out the EXIF that libvips makes up, and adds an item for ours, whose
// bytes come at the end. The descriptions of the items change in length by that, so
// that all others lie elsewhere.
func intoAVIF(file, exif []byte) ([]byte, error) {
	file = slices.Clone(file)
	list, err := boxes(file)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(b []byte) bool { return kind(b) == "meta" })
	if i < 0 || len(list[i]) < 12 {
		return nil, errFile
	}
	item := append(make([]byte, 4), exif...) // how far on the TIFF header begins
	m := items{file: file, size: len(item), adds: len(exif) > 0}
	// The first round tells how long it becomes, the second knows where things are.
	meta, err := m.changed(list[i])
	if err != nil {
		return nil, err
	}
	m.shift = len(meta) - len(list[i])
	m.at = len(file) + m.shift + 8
	if meta, err = m.changed(list[i]); err != nil {
		return nil, err
	}
	list[i] = meta
	if m.adds {
		list = append(list, box("mdat", item))
	}
	return slices.Concat(list...), nil
}

// items describes a file's items less those of EXIF, and perhaps one more.
type items struct {
	file     []byte
	adds     bool
	size, at int // of the new one's bytes
	shift    int // of all others
	id       uint16
	gone     []uint16
}

// changed is the meta box with the items as they are to be.
func (m *items) changed(meta []byte) ([]byte, error) {
	list, err := boxes(meta[12:])
	if err != nil {
		return nil, err
	}
	find := func(k string) int { return slices.IndexFunc(list, func(b []byte) bool { return kind(b) == k }) }
	iloc, iinf, pitm, iref := find("iloc"), find("iinf"), find("pitm"), find("iref")
	if iloc < 0 || iinf < 0 || pitm < 0 || len(list[pitm]) != 14 {
		return nil, errFile
	}
	if list[iinf], err = m.infos(list[iinf]); err != nil { // which finds a number that is free
		return nil, err
	}
	if list[iloc], err = m.locations(list[iloc]); err != nil {
		return nil, err
	}
	refs := box("iref", make([]byte, 4))
	if iref >= 0 {
		refs = list[iref]
	}
	if refs, err = m.references(refs, be.Uint16(list[pitm][12:])); err != nil {
		return nil, err
	}
	switch empty := len(refs) == 12; {
	case iref >= 0 && empty:
		list = slices.Delete(list, iref, iref+1)
	case iref >= 0:
		list[iref] = refs
	case !empty:
		list = append(list, refs)
	}
	return box("meta", append(slices.Clone(meta[8:12]), slices.Concat(list...)...)), nil
}

// infos changes the entries that say what items are.
func (m *items) infos(iinf []byte) ([]byte, error) {
	if len(iinf) < 14 || iinf[8] != 0 {
		return nil, errFile
	}
	list, err := boxes(iinf[14:])
	if err != nil {
		return nil, err
	}
	m.id, m.gone = 1, nil
	var left [][]byte
	for _, infe := range list {
		if len(infe) < 20 || infe[8] != 2 {
			return nil, errFile
		}
		id := be.Uint16(infe[12:])
		m.id = max(m.id, id+1)
		if string(infe[16:20]) == "Exif" {
			m.gone = append(m.gone, id)
			continue
		}
		left = append(left, infe)
	}
	if m.adds {
		content := append([]byte{2, 0, 0, 1}, be.AppendUint16(nil, m.id)...)
		left = append(left, box("infe", append(content, "\x00\x00Exif\x00"...)))
	}
	content := be.AppendUint16(slices.Clone(iinf[8:12]), uint16(len(left))) // #nosec G115 -- a handful
	return box("iinf", append(content, slices.Concat(left...)...)), nil
}

// references has our item describe the primary picture, and none that is gone.
func (m *items) references(iref []byte, primary uint16) ([]byte, error) {
	if len(iref) < 12 || iref[8] != 0 {
		return nil, errFile
	}
	list, err := boxes(iref[12:])
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(b []byte) bool {
		return len(b) < 10 || slices.Contains(m.gone, be.Uint16(b[8:]))
	})
	if m.adds {
		list = append(list, box("cdsc", be.AppendUint16(be.AppendUint16(be.AppendUint16(nil, m.id), 1), primary)))
	}
	return box("iref", append(slices.Clone(iref[8:12]), slices.Concat(list...)...)), nil
}

// locations moves what lies in the file, blanks what is gone, and adds where our item
// is. It knows the two versions that libheif writes.
func (m *items) locations(iloc []byte) ([]byte, error) {
	if len(iloc) < 16 || iloc[8] > 1 || iloc[12] != 0x44 || iloc[13]>>4 != 0 && iloc[13]>>4 != 4 {
		return nil, errFile
	}
	l := layout{version: iloc[8], base: int(iloc[13] >> 4), index: int(iloc[13] & 15)}
	out := slices.Clone(iloc[8:14])
	n := 0
	rest := slices.Clone(iloc[16:])
	var entries []byte
	for range be.Uint16(iloc[14:]) {
		e, err := l.entry(rest)
		if err != nil {
			return nil, err
		}
		rest = rest[len(e.bytes):]
		if slices.Contains(m.gone, be.Uint16(e.bytes)) {
			e.blank(m.file)
			continue
		}
		e.move(uint32(m.shift)) // #nosec G115 -- wraps around where it is negative, as it should
		entries = append(entries, e.bytes...)
		n++
	}
	if m.adds {
		entries = append(entries, l.make(m.id, m.at, m.size)...)
		n++
	}
	return box("iloc", append(be.AppendUint16(out, uint16(n)), entries...)), nil // #nosec G115 -- a handful
}

// layout is how the entries of a file's iloc are written.
type layout struct {
	version     byte
	base, index int
}

// location is one of them.
type location struct {
	layout
	bytes   []byte
	offset  int // of the base offset
	extents int // of the first extent
}

func (l layout) entry(b []byte) (location, error) {
	head := 4 + l.base + 2
	if l.version == 1 {
		head += 2
	}
	if len(b) < head {
		return location{}, errFile
	}
	n := head + int(be.Uint16(b[head-2:]))*(8+l.index)
	if n > len(b) || l.version == 1 && be.Uint16(b[2:])&15 != 0 {
		return location{}, errFile
	}
	return location{layout: l, bytes: b[:n], offset: head - 2 - l.base, extents: head}, nil
}

// places are the offsets and lengths of the extents, where they stand.
func (e location) places() (list [][]byte) {
	for x := range slices.Chunk(e.bytes[e.extents:], 8+e.index) {
		list = append(list, x[e.index:])
	}
	return list
}

func (e location) start() uint32 {
	if e.base == 4 {
		return be.Uint32(e.bytes[e.offset:])
	}
	return 0
}

func (e location) move(by uint32) {
	if start := e.start(); start != 0 {
		be.PutUint32(e.bytes[e.offset:], start+by)
		return
	}
	for _, x := range e.places() {
		be.PutUint32(x, be.Uint32(x)+by)
	}
}

func (e location) blank(file []byte) {
	for _, x := range e.places() {
		from := int64(e.start()) + int64(be.Uint32(x))
		if to := from + int64(be.Uint32(x[4:])); to <= int64(len(file)) {
			clear(file[from:to])
		}
	}
}

// make is the entry of an item in one piece.
func (l layout) make(id uint16, at, size int) []byte {
	e := be.AppendUint16(nil, id)
	if l.version == 1 {
		e = append(e, 0, 0)
	}
	e = append(append(e, 0, 0), make([]byte, l.base)...)
	e = append(append(e, 0, 1), make([]byte, l.index)...)
	return be.AppendUint32(be.AppendUint32(e, uint32(at)), uint32(size)) // #nosec G115 -- an AVIF is below 4 GiB
}
