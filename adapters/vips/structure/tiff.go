package structure

import (
	"encoding/binary"
	"math"
	"slices"
)

// Tags of a TIFF directory that its walker looks at.
const (
	tagWidth       = 256
	tagHeight      = 257
	tagBits        = 258
	tagCompression = 259
	tagOffsets     = 273
	tagBands       = 277
	tagByteCounts  = 279
	tagTileWidth   = 322
	tagTileHeight  = 323
	tagTileOffsets = 324
	tagTileCounts  = 325
	tagExtra       = 338
)

// tiffTags are all of these.
var tiffTags = []uint16{
	tagWidth, tagHeight, tagBits, tagCompression, tagOffsets, tagBands, tagByteCounts,
	tagTileWidth, tagTileHeight, tagTileOffsets, tagTileCounts, tagExtra,
}

// compressionOJPEG is the JPEG compression of TIFF 6.0, withdrawn in 1995.
const compressionOJPEG = 6

// tiffSizes are the bytes of one value of each field type.
var tiffSizes = [...]int64{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8}

type tiffWalk struct {
	*Outline
	file   *window
	limits Limits
	order  binary.ByteOrder
	word   int64 // the bytes of an offset: 4, or 8 in a BigTIFF
	strips int64 // of all directories so far

	// A list's places and lengths lie far apart in the file; each has a window.
	places, lengths *window
}

// A field is one value of a directory, or many. At is where they are.
type field struct {
	kind  uint16
	count uint64
	at    int64
}

// walkTIFF follows the chain of directories and checks that all strips and tiles
// lie within the file. Dimensions are those of the first page.
func walkTIFF(o *Outline, file *window, limits Limits) error {
	file.cut = cutOff(TIFF, "before the data that its directory points at")
	t := tiffWalk{Outline: o, file: file, limits: limits}
	t.places, t.lengths = newWindow(TIFF, file.src, file.size), newWindow(TIFF, file.src, file.size)
	t.places.cut, t.lengths.cut = file.cut, file.cut
	next, err := t.header()
	if err != nil {
		return err
	}
	seen := map[int64]bool{}
	for next != 0 {
		if seen[next] {
			return damaged(TIFF, "its directories form a loop")
		}
		seen[next] = true
		if t.Pages++; t.Pages > limits.Directories {
			return tooComplex(TIFF, "directories", limits.Directories, t.Pages)
		}
		if next, err = t.directory(next); err != nil {
			return err
		}
	}
	if t.Pages == 0 {
		return damaged(TIFF, "it has no directory")
	}
	return nil
}

// header returns where the first directory is.
func (t *tiffWalk) header() (int64, error) {
	b, err := t.file.at(0, 8)
	if err != nil {
		return 0, err
	}
	switch string(b[:2]) {
	case "II":
		t.order = binary.LittleEndian
	case "MM":
		t.order = binary.BigEndian
	default:
		return 0, damaged(TIFF, "it does not begin with its byte order")
	}
	switch version := t.order.Uint16(b[2:]); version {
	case 42:
		t.word = 4
		return t.offset(4)
	case 43:
		t.word = 8
		if t.order.Uint16(b[4:]) != 8 || t.order.Uint16(b[6:]) != 0 {
			return 0, damaged(TIFF, "its offsets are not 8 bytes long")
		}
		return t.offset(8)
	default:
		return 0, damaged(TIFF, "its version is %d", version)
	}
}

// offset reads the offset at off. One beyond any file comes back as the largest.
func (t *tiffWalk) offset(off int64) (int64, error) {
	b, err := t.file.at(off, int(t.word))
	if err != nil {
		return 0, err
	}
	return position(t.number(b)), nil
}

func position(v uint64) int64 { return int64(min(v, math.MaxInt64)) }

// number reads an unsigned number as wide as b.
func (t *tiffWalk) number(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(t.order.Uint16(b))
	case 4:
		return uint64(t.order.Uint32(b))
	}
	return t.order.Uint64(b)
}

// directory reads the one at off and returns where the next one is.
func (t *tiffWalk) directory(off int64) (int64, error) {
	countBytes := t.word * t.word / 8 // 2, or 8
	b, err := t.file.at(off, int(countBytes))
	if err != nil {
		return 0, err
	}
	entries := t.number(b)
	if entries == 0 {
		return 0, damaged(TIFF, "a directory is empty")
	}
	if entries > maxEntries {
		return 0, tooComplex(TIFF, "entries in a directory", maxEntries, entries)
	}
	off += countBytes
	fields := make(map[uint16]field)
	for range entries {
		if err := t.entry(off, fields); err != nil {
			return 0, err
		}
		off += 4 + 2*t.word
	}
	if err := t.page(fields); err != nil {
		return 0, err
	}
	return t.offset(off)
}

// entry takes a directory's entry: into fields if the walker needs it, where the
// first of a kind counts, and else as metadata.
func (t *tiffWalk) entry(off int64, fields map[uint16]field) error {
	b, err := t.file.at(off, int(4+2*t.word))
	if err != nil {
		return err
	}
	tag, f := t.order.Uint16(b), field{kind: t.order.Uint16(b[2:]), count: t.number(b[4 : 4+t.word]), at: off + 4 + t.word}
	bytes := f.bytes()
	if bytes > t.word {
		f.at = position(t.number(b[4+t.word:]))
	}
	if slices.Contains(tiffTags, tag) {
		if _, repeated := fields[tag]; !repeated {
			fields[tag] = f
		}
		return nil
	}
	if bytes <= t.word || !t.file.holds(f.at, bytes) {
		return nil // decoders leave out what lies beyond the file
	}
	return t.addMetadata(t.limits, bytes)
}

// bytes is the length of all values.
func (f field) bytes() int64 {
	size := f.size()
	if size > 0 && f.count > math.MaxInt64/uint64(size) {
		return math.MaxInt64
	}
	return int64(f.count) * size // #nosec G115 -- checked above
}

func (f field) size() int64 {
	if int(f.kind) < len(tiffSizes) {
		return tiffSizes[f.kind]
	}
	return 0
}

// value reads value i of an integer field through w.
func (t *tiffWalk) value(w *window, f field, i int64) (int64, error) {
	switch f.kind {
	case 1, 3, 4, 13, 16, 18: // BYTE, SHORT, LONG, IFD, LONG8, IFD8
	default:
		return 0, damaged(TIFF, "a number is of type %d", f.kind)
	}
	if f.at > math.MaxInt64-i*f.size() {
		return 0, w.cut
	}
	b, err := w.at(f.at+i*f.size(), int(f.size()))
	if err != nil {
		return 0, err
	}
	return position(t.number(b)), nil
}

// first reads the first value of a field, or returns otherwise if there is none.
func (t *tiffWalk) first(fields map[uint16]field, tag uint16, otherwise int64) (int64, error) {
	f, ok := fields[tag]
	if !ok || f.count == 0 {
		return otherwise, nil
	}
	return t.value(t.file, f, 0)
}
