package structure

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"imgd/core"
)

// walk walks data with the default limits.
func walk(t testing.TB, f Format, data []byte) (Outline, error) {
	t.Helper()
	return Walk(f, bytes.NewReader(data), int64(len(data)), Limits{})
}

func accepted(t *testing.T, f Format, data []byte) Outline {
	t.Helper()
	o, err := walk(t, f, data)
	if err != nil {
		t.Fatalf("Walk of a sound %s: got %v, want no error", f, err)
	}
	return o
}

func refused(t *testing.T, f Format, data []byte, want core.Slug) *core.Error {
	t.Helper()
	o, err := walk(t, f, data)
	e, ok := errors.AsType[*core.Error](err)
	if !ok || e.Slug != want {
		t.Fatalf("Walk of a %s: got %+v and error %v, want %s", f, o, err, want)
	}
	return e
}

// prefixesRefused holds for formats that say where they end.
func prefixesRefused(t *testing.T, f Format, data []byte) {
	t.Helper()
	for n := range data {
		_, err := walk(t, f, data[:n])
		if s := core.SlugOf(err); s != core.ImageTruncated && s != core.ImageUndecodable {
			t.Fatalf("Walk of the first %d of a %s's %d bytes: got %v, want it refused as truncated or undecodable", n, f, len(data), err)
		}
	}
}

// picture is noisy, so that its encodings are not all zeros.
func picture(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, color.NRGBA{byte(x * 37), byte(y * 91), byte(x*y*13 + 7), 255})
		}
	}
	return m
}

func jpegFile(t testing.TB, w, h int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture(w, h), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngFile(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gifFile(t testing.TB, w, h, frames int) []byte {
	var g gif.GIF
	for i := range frames {
		m := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.Black, color.White, color.Transparent})
		m.Pix[i%len(m.Pix)] = 1
		g.Image, g.Delay = append(g.Image, m), append(g.Delay, 10)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// segment is a JPEG marker segment.
func segment(marker byte, payload string) string {
	return string([]byte{0xFF, marker, byte((len(payload) + 2) >> 8), byte(len(payload) + 2)}) + payload
}

// frameHeader is a grey JPEG's.
func frameHeader(marker byte, w, h int) string {
	return segment(marker, string([]byte{8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), 1, 1, 0x11, 0}))
}

func scanHeader() string { return segment(markerSOS, "\x01\x01\x00\x00\x3f\x00") }

// chunk is a PNG chunk.
func chunk(kind, payload string) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
	b = append(b, kind+payload...)
	return string(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:])))
}

func ihdr(w, h uint32, depth, colour byte) string {
	b := binary.BigEndian.AppendUint32(nil, w)
	b = binary.BigEndian.AppendUint32(b, h)
	return chunk("IHDR", string(append(b, depth, colour, 0, 0, 0)))
}

// smallPNG has the chunks between its header and its one grey pixel.
func smallPNG(before ...string) []byte {
	return []byte(pngMagic + ihdr(1, 1, 8, 0) + strings.Join(before, "") + chunk("IDAT", deflated("\x00\x00")) + chunk("IEND", ""))
}

func deflated(text string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // a buffer takes everything
	_ = z.Close()
	return b.String()
}

// zeros packs that many MiB of zeros. All but the first pack to the same bytes,
// so that a bomb of any size is made at once.
func zeros(mib int) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	ends := [2]int{}
	for i := range ends {
		_, _ = z.Write(make([]byte, 1<<20)) // a buffer takes everything
		_ = z.Flush()
		ends[i] = b.Len()
	}
	first, more := b.String()[:ends[0]], b.String()[ends[0]:]
	return first + strings.Repeat(more, mib-1)
}

// riff is a WebP file of the chunks.
func riff(chunks ...string) []byte {
	body := "WEBP" + strings.Join(chunks, "")
	return []byte("RIFF" + le32(len(body)) + body)
}

func webpChunk(kind, payload string) string {
	if len(payload)%2 == 1 {
		return kind + le32(len(payload)) + payload + "\x00"
	}
	return kind + le32(len(payload)) + payload
}

func vp8(w, h int) string {
	return webpChunk("VP8 ", "\x10\x00\x00\x9d\x01\x2a"+le32(w|h<<16)+"data")
}

func vp8l(w, h int) string {
	return webpChunk("VP8L", "\x2f"+le32((w-1)|(h-1)<<14|1<<28)+"data")
}

func vp8x(flags byte, w, h int) string {
	return webpChunk("VP8X", string([]byte{flags, 0, 0, 0})+le24(w-1)+le24(h-1))
}

func anmf(x, y, w, h int, picture string) string {
	return webpChunk("ANMF", le24(x/2)+le24(y/2)+le24(w-1)+le24(h-1)+le24(100)+"\x00"+picture)
}

func le16(n int) string { return le32(n)[:2] }
func le24(n int) string { return le32(n)[:3] }
func le32(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }
func le64(n int) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(n))) }
func be16(n int) string { return string(binary.BigEndian.AppendUint16(nil, uint16(n))) }
func be32(n int) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }

// entry is one of a TIFF directory, with its value in it.
func entry(tag, kind, count, value int) string {
	return le16(tag) + le16(kind) + le32(count) + le32(value)
}

func directory(next int, entries ...string) string {
	return le16(len(entries)) + strings.Join(entries, "") + le32(next)
}

// tiffFile is one grey strip of w x h behind its directory.
func tiffFile(w, h int, more ...string) []byte {
	const at = 8
	n := 6 + len(more)
	data := at + 2 + 12*n + 4
	entries := append([]string{
		entry(tagWidth, 4, 1, w), entry(tagHeight, 4, 1, h), entry(tagBits, 3, 1, 8), entry(tagBands, 3, 1, 1),
		entry(tagOffsets, 4, 1, data), entry(tagByteCounts, 4, 1, min(w*h, 4096)),
	}, more...)
	return []byte("II*\x00" + le32(at) + directory(0, entries...) + strings.Repeat("p", min(w*h, 4096)))
}

func box(kind string, content ...string) string {
	c := strings.Join(content, "")
	return be32(8+len(c)) + kind + c
}

func ftyp(brand string) string { return box("ftyp", brand, "\x00\x00\x00\x00", "mif1miaf") }

// heifFile has one picture of w x h and as many items as iinf says.
func heifFile(w, h, items int, properties ...string) []byte {
	const pixels = "pixels"
	build := func(at int) string {
		infe := box("infe", "\x02\x00\x00\x00", be16(1), be16(0), "av01", "\x00")
		iinf := box("iinf", be32(0), be16(items), infe)
		iloc := box("iloc", be32(0), "\x44\x00", be16(1), be16(1), be16(0), be16(1), be32(at), be32(len(pixels)))
		ispe := box("ispe", be32(0), be32(w), be32(h))
		ipco := box("ipco", ispe, strings.Join(properties, ""))
		return ftyp("avif") + box("meta", be32(0), iinf, iloc, box("iprp", ipco)) + box("mdat", pixels)
	}
	at := len(build(0)) - len(pixels)
	return []byte(build(at))
}
