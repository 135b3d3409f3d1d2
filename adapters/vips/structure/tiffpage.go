package structure

import "math"

// page checks what a directory says of its image and where the data lies.
func (t *tiffWalk) page(fields map[uint16]field) error {
	if t.Pages == 1 {
		if err := t.firstPage(fields); err != nil {
			return err
		}
	}
	compression, err := t.first(fields, tagCompression, 1)
	if err != nil {
		return err
	}
	if compression == compressionOJPEG {
		return damaged(TIFF, "its JPEG compression is of the withdrawn kind")
	}
	if _, tiled := fields[tagTileOffsets]; tiled {
		return t.data(fields[tagTileOffsets], fields[tagTileCounts])
	}
	return t.data(fields[tagOffsets], fields[tagByteCounts])
}

func (t *tiffWalk) firstPage(fields map[uint16]field) error {
	if fields[tagOffsets].count == 0 && fields[tagTileOffsets].count == 0 {
		return damaged(TIFF, "its first page has no pixels")
	}
	var width, height, bits, bands, tileWidth, tileHeight int64
	for _, want := range []struct {
		into      *int64
		tag       uint16
		otherwise int64
	}{
		{&width, tagWidth, 0},
		{&height, tagHeight, 0},
		{&bits, tagBits, 1},
		{&bands, tagBands, 1},
		{&tileWidth, tagTileWidth, 0},
		{&tileHeight, tagTileHeight, 0},
	} {
		v, err := t.first(fields, want.tag, want.otherwise)
		if err != nil {
			return err
		}
		*want.into = v
	}
	if err := t.setSize(t.limits, width, height); err != nil {
		return err
	}
	if bits < 1 || bits > 64 || bands < 1 || bands > math.MaxUint16 {
		return damaged(TIFF, "a pixel has %d bands of %d bits", bands, bits)
	}
	t.Bits, t.Bands, t.Alpha = int(bits), int(bands), fields[tagExtra].count > 0
	_, tiled := fields[tagTileOffsets]
	if !tiled {
		return unit("bytes in a row", width, 1, bits*bands)
	}
	if tileWidth == 0 || tileHeight == 0 {
		return damaged(TIFF, "a tile is %d x %d pixels large", tileWidth, tileHeight)
	}
	return unit("bytes in a tile", tileWidth, tileHeight, bits*bands)
}

// unit bounds what a decoder holds in memory at least: a row, or a whole tile.
func unit(what string, width, height, bits int64) error {
	bytes := int64(math.MaxInt64)
	if width <= math.MaxInt32 && height <= math.MaxInt64/8/bits/width {
		bytes = width * height * bits / 8
	}
	if bytes > maxUnit {
		return tooComplex(TIFF, what, maxUnit, bytes)
	}
	return nil
}

// data checks that all strips or tiles lie within the file. Without their
// lengths decoders guess, so that only the places can be checked.
func (t *tiffWalk) data(places, lengths field) error {
	n := position(places.count)
	if n > maxStrips || t.strips+n > maxStrips {
		return tooComplex(TIFF, "strips or tiles", maxStrips, t.strips+min(n, math.MaxInt32))
	}
	t.strips += n
	if lengths.count != 0 && lengths.count < places.count {
		return damaged(TIFF, "it lists %d strips or tiles and the lengths of %d", places.count, lengths.count)
	}
	if !t.file.holds(places.at, places.bytes()) {
		return t.file.cut
	}
	for i := range n {
		at, err := t.value(t.places, places, i)
		if err != nil {
			return err
		}
		var length int64
		if lengths.count != 0 {
			if length, err = t.value(t.lengths, lengths, i); err != nil {
				return err
			}
		}
		if !t.file.holds(at, length) {
			return t.file.cut
		}
	}
	return nil
}
