package structure

import (
	"strings"
	"testing"

	"imgd/core"
)

func TestTIFFOutline(t *testing.T) {
	o := accepted(t, TIFF, tiffFile(30, 20))
	if o.Width != 30 || o.Height != 20 || o.Pages != 1 || o.Bands != 1 || o.Bits != 8 || o.Frames != 1 {
		t.Errorf("got %+v, want 30 x 20, one page, one band of 8 bits, one frame", o)
	}
	big := "II+\x00\x08\x00\x00\x00" + le64(16) + le64(4)
	for _, e := range [][2]int{{tagWidth, 30}, {tagHeight, 20}, {tagOffsets, 0}, {tagByteCounts, 16}} {
		big += le16(e[0]) + le16(16) + le64(1) + le64(e[1])
	}
	if o := accepted(t, TIFF, []byte(big+le64(0))); o.Width != 30 || o.Height != 20 || o.Bits != 1 {
		t.Errorf("BigTIFF: got %+v, want 30 x 20 of 1 bit", o)
	}
	motorola := "MM\x00*" + be32(8) + be16(3)
	for _, e := range [][2]int{{tagWidth, 30}, {tagHeight, 20}, {tagOffsets, 0}} {
		motorola += be16(e[0]) + be16(3) + be32(1) + be16(e[1]) + be16(0)
	}
	if o := accepted(t, TIFF, []byte(motorola+be32(0))); o.Width != 30 || o.Height != 20 {
		t.Errorf("big endian: got %+v, want 30 x 20", o)
	}
}

func TestEveryProperPrefixOfATIFFIsRefused(t *testing.T) {
	prefixesRefused(t, TIFF, tiffFile(30, 20))
}

func TestTIFFStructure(t *testing.T) {
	header := "II*\x00" + le32(8)
	page := []string{entry(tagWidth, 3, 1, 3), entry(tagHeight, 3, 1, 2), entry(tagOffsets, 4, 1, 8), entry(tagByteCounts, 4, 1, 6)}
	with := func(e ...string) []byte { return []byte(header + directory(0, append(e, page...)...)) }
	tiles := func(w, h int) []byte {
		return with(entry(tagTileWidth, 4, 1, w), entry(tagTileHeight, 4, 1, h), entry(tagTileOffsets, 4, 1, 8), entry(tagTileCounts, 4, 1, 6))
	}
	chain := func(pages int) []byte {
		out, size := header, len(directory(0, page...))
		for i := range pages {
			out += directory((8+(i+1)*size)*min(pages-1-i, 1), page...)
		}
		return []byte(out)
	}
	for name, c := range map[string]struct {
		data []byte
		want core.Slug
	}{
		"smallest":                  {with(), ""},
		"64 directories":            {chain(64), ""},
		"65 directories":            {chain(65), core.ImageTooComplex},
		"a directory after itself":  {[]byte(header + directory(8, page...)), core.ImageUndecodable},
		"a loop of two":             {[]byte(header + directory(8+54, page...) + directory(8, page...)), core.ImageUndecodable},
		"no directory":              {[]byte("II*\x00" + le32(0)), core.ImageUndecodable},
		"a directory beyond":        {[]byte("II*\x00" + le32(1<<31)), core.ImageTruncated},
		"an empty directory":        {[]byte(header + directory(0)), core.ImageUndecodable},
		"65535 entries":             {[]byte(header + "\xff\xff"), core.ImageTooComplex},
		"a strip beyond the file":   {with(entry(tagOffsets, 4, 1, 1000)), core.ImageTruncated},
		"a strip too long":          {with(entry(tagByteCounts, 4, 1, 1<<31)), core.ImageTruncated},
		"4 billion strips":          {with(entry(tagOffsets, 4, -1, 8)), core.ImageTooComplex},
		"a list of strips beyond":   {with(entry(tagOffsets, 4, 1000, 8), entry(tagByteCounts, 4, 1000, 8)), core.ImageTruncated},
		"fewer lengths than strips": {with(entry(tagOffsets, 4, 2, 8)), core.ImageUndecodable},
		"strips as text":            {with(entry(tagOffsets, 2, 1, 8)), core.ImageUndecodable},
		"no pixels":                 {[]byte(header + directory(0, page[:2]...)), core.ImageUndecodable},
		"no width":                  {[]byte(header + directory(0, page[1:]...)), core.ImageUndecodable},
		"the first width counts":    {with(entry(tagWidth, 4, 1, 70000)), core.ImageTooLarge},
		"too many pixels":           {with(entry(tagWidth, 4, 1, 65000), entry(tagHeight, 4, 1, 65000)), core.ImageTooLarge},
		"65535 bands":               {with(entry(tagWidth, 4, 1, 65500), entry(tagBands, 3, 1, 65535)), core.ImageTooComplex},
		"no bits":                   {with(entry(tagBits, 3, 1, 0)), core.ImageUndecodable},
		"tiles":                     {tiles(256, 256), ""},
		"a tile of 4 exapixels":     {tiles(1<<31, 1<<31), core.ImageTooComplex},
		"a tile of nothing":         {tiles(0, 256), core.ImageUndecodable},
		"withdrawn JPEG":            {with(entry(tagCompression, 3, 1, compressionOJPEG)), core.ImageUndecodable},
		"a stray tag beyond":        {with(entry(33723, 7, 1<<30, 8)), ""},
		"9 MiB of metadata":         {append(with(entry(700, 7, 9<<20, 8)), make([]byte, 9<<20)...), core.MetadataTooLarge},
		"short offsets in BigTIFF":  {[]byte("II+\x00\x04\x00\x00\x00" + le64(16)), core.ImageUndecodable},
		"version 44":                {[]byte("II\x2c\x00" + le32(8)), core.ImageUndecodable},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == "" {
				accepted(t, TIFF, c.data)
				return
			}
			refused(t, TIFF, c.data, c.want)
		})
	}
}

func TestHugeOffsetsInABigTIFFDoNotOverflow(t *testing.T) {
	for _, at := range []string{strings.Repeat("\xff", 8), strings.Repeat("\xff", 7) + "\x7f"} {
		refused(t, TIFF, []byte("II+\x00\x08\x00\x00\x00"+at), core.ImageTruncated)
		data := "II+\x00\x08\x00\x00\x00" + le64(16) + le64(3) +
			le16(tagWidth) + le16(16) + le64(1) + le64(3) + le16(tagHeight) + le16(16) + le64(1) + le64(3) +
			le16(tagOffsets) + le16(16) + le64(2) + at + le64(0)
		refused(t, TIFF, []byte(data), core.ImageTruncated)
	}
}
