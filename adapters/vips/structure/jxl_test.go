package structure

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"imgd/core"
)

// bitstream writes numbers of so many bits, the lowest bit first.
type bitstream struct {
	b  []byte
	at int
}

func (w *bitstream) put(v, n int) *bitstream {
	for i := range n {
		if w.at%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.at/8] |= byte(v >> i & 1 << (w.at % 8))
		w.at++
	}
	return w
}

// jxlStream is the beginning of a codestream, with something behind it.
func jxlStream(size *bitstream) []byte {
	return slices.Concat([]byte{0xff, 0x0a}, size.put(1, 1).b, make([]byte, 16))
}

func sized(width, height int) []byte {
	return jxlStream(new(bitstream).put(0, 1).put(3, 2).put(height-1, 30).put(0, 3).put(3, 2).put(width-1, 30))
}

func isoBox(kind string, content []byte) []byte {
	return slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(len(content)+8)), []byte(kind), content)
}

var jxlHead = slices.Concat(isoBox("JXL ", []byte("\r\n\x87\n")), isoBox("ftyp", []byte("jxl \x00\x00\x00\x00jxl ")))

func TestAJXLTellsItsSize(t *testing.T) {
	stream := sized(640, 480)
	for name, c := range map[string]struct {
		data          []byte
		width, height int
	}{
		"of any size":         {stream, 640, 480},
		"short":               {jxlStream(new(bitstream).put(1, 1).put(3, 5).put(0, 3).put(31, 5)), 256, 32},
		"square":              {jxlStream(new(bitstream).put(1, 1).put(7, 5).put(1, 3)), 64, 64},
		"16 to 9":             {jxlStream(new(bitstream).put(0, 1).put(1, 2).put(1080-1, 13).put(5, 3)), 1920, 1080},
		"in a container":      {slices.Concat(jxlHead, isoBox("jxlc", stream)), 640, 480},
		"in parts":            {slices.Concat(jxlHead, isoBox("jxlp", append(make([]byte, 4), stream...)), isoBox("Exif", make([]byte, 40)), isoBox("jxlp", []byte{0x80, 0, 0, 1, 7})), 640, 480},
		"in a box to the end": {slices.Concat(jxlHead, []byte("\x00\x00\x00\x00jxlc"), stream), 640, 480},
	} {
		if o := accepted(t, JXL, c.data); o.Width != c.width || o.Height != c.height {
			t.Errorf("%s: got %d x %d, want %d x %d", name, o.Width, o.Height, c.width, c.height)
		}
	}
}

func TestHostileJXLsAreRefused(t *testing.T) {
	stream := sized(64, 64)
	for name, c := range map[string]struct {
		data []byte
		want core.Slug
	}{
		"a billion pixels wide":    {sized(1<<30, 1), core.ImageTooLarge},
		"too many pixels":          {sized(60000, 60000), core.ImageTooLarge},
		"nothing behind the magic": {[]byte{0xff, 0x0a}, core.ImageTruncated},
		"cut in the size":          {sized(1<<20, 1<<20)[:5], core.ImageTruncated},
		"a container of nothing":   {jxlHead, core.ImageUndecodable},
		"a box beyond the end":     {slices.Concat(jxlHead, []byte("\x7f\xff\xff\xffjxlc"), stream), core.ImageTruncated},
		"a box of three bytes":     {slices.Concat(jxlHead, []byte("\x00\x00\x00\x03jxlc"), stream), core.ImageUndecodable},
		"two pictures":             {slices.Concat(jxlHead, isoBox("jxlc", stream), isoBox("jxlc", stream)), core.ImageUndecodable},
		"parts out of order":       {slices.Concat(jxlHead, isoBox("jxlp", append([]byte{0, 0, 0, 1}, stream...))), core.ImageUndecodable},
		"parts beside a whole":     {slices.Concat(jxlHead, isoBox("jxlc", stream), isoBox("jxlp", append(make([]byte, 4), stream...))), core.ImageUndecodable},
		"another codestream":       {slices.Concat(jxlHead, isoBox("jxlc", make([]byte, 40))), core.ImageUndecodable},
		"metadata without end":     {slices.Concat(jxlHead, isoBox("xml ", make([]byte, 9<<20)), isoBox("jxlc", stream)), core.MetadataTooLarge},
		"boxes without end":        {slices.Concat(jxlHead, bytes.Repeat(isoBox("junk", nil), 5000), isoBox("jxlc", stream)), core.ImageTooComplex},
	} {
		t.Run(name, func(t *testing.T) { refused(t, JXL, c.data, c.want) })
	}
}
