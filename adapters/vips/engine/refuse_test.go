package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"slices"
	"testing"
	"time"

	"imgd/core"
)

func TestHostileAndBrokenFilesAreRefusedByName(t *testing.T) {
	under(t, func(o *Options) {
		o.Limits = core.Limits{Pixels: 1 << 20, Side: 4000, Frames: 10, MemoryBytes: 64 << 20}
	})
	jpeg, png := photo(t, 400, 300), pngOf(t, quadrants(200, 100))
	webp, gif := made(t, jpeg, "webpsave_buffer"), film(t, 64, 64, []int{10}, 0, red, green, blue)
	tiff := made(t, png, "tiffsave_buffer")
	scrambled := slices.Clone(png)
	scrambled[len(scrambled)/2] ^= 0xff
	for _, c := range []struct {
		name string
		data []byte
		want core.Slug
	}{
		{"nothing", []byte{}, core.UnsupportedMediaType},
		{"a byte", []byte{0xff}, core.UnsupportedMediaType},
		{"text", []byte("this is no image but a sentence"), core.UnsupportedMediaType},
		{"an SVG", []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>`), core.UnsupportedMediaType},
		{"a PDF", []byte("%PDF-1.7\n%%EOF"), core.UnsupportedMediaType},
		{"a script of ImageMagick", []byte("push graphic-context\nviewbox 0 0 1 1\n"), core.UnsupportedMediaType},
		{"half a JPEG", jpeg[:len(jpeg)/2], core.ImageTruncated},
		{"a JPEG without its end", jpeg[:len(jpeg)-2], core.ImageTruncated},
		{"half a PNG", png[:len(png)/2], core.ImageTruncated},
		{"half a WebP", webp[:len(webp)/2], core.ImageTruncated},
		{"half a GIF", gif[:len(gif)/2], core.ImageTruncated},
		{"half a TIFF", tiff[:len(tiff)/2], core.ImageTruncated},
		{"the first bytes of a JPEG", jpeg[:20], core.ImageTruncated},
		{"noise behind the start of a JPEG", append([]byte{0xff, 0xd8, 0xff, 0xe0}, bytes.Repeat([]byte{0x00, 0x02, 0xff, 0xc0}, 50)...), core.ImageUndecodable},
		{"a PNG with a wrong checksum", scrambled, core.ImageUndecodable},
		{"a PNG header of 65000 x 65000", bombPNG(65000, 65000), core.ImageTooLarge},
		{"a PNG header of 2000 x 2000", bombPNG(2000, 2000), core.ImageTooLarge},
		{"a JPEG that claims 64250 x 64250", claimed(jpeg, 64250, 64250), core.ImageTooLarge},
		{"a long strip", pngOf(t, image.NewGray(image.Rect(0, 0, 4001, 1))), core.ImageTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := refusal(t, c.data); got != c.want {
				t.Errorf("Render: got %q, want %q", got, c.want)
			}
			_, err := Probe(c.data)
			if got := core.SlugOf(err); got != c.want && c.name != "a PNG with a wrong checksum" {
				t.Errorf("Probe: got %q, want %q", got, c.want)
			}
		})
	}
}

// bombPNG says it is large and has no pixels to speak of.
func bombPNG(w, h uint32) []byte {
	chunk := func(kind string, payload []byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
		b = append(append(b, kind...), payload...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	return slices.Concat([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(header, 8, 2, 0, 0, 0)),
		chunk("IDAT", []byte{0x78, 0x9c, 0x63, 0, 0, 0, 1, 0, 1}), chunk("IEND", nil))
}

// claimed rewrites the dimensions in the frame header of a baseline JPEG.
func claimed(jpeg []byte, w, h uint16) []byte {
	b := slices.Clone(jpeg)
	at := bytes.Index(b, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(b[at+5:], h)
	binary.BigEndian.PutUint16(b[at+7:], w)
	return b
}

func TestALimitIsToldWithWhatItWas(t *testing.T) {
	under(t, func(o *Options) { o.Limits = core.Limits{Pixels: 5000, Side: 300} })
	for _, c := range []struct {
		w, h          int
		limit, actual int64
	}{{100, 51, 5000, 5100}, {301, 2, 300, 301}} {
		_, err := Probe(pngOf(t, image.NewGray(image.Rect(0, 0, c.w, c.h))))
		e, ok := errors.AsType[*core.Error](err)
		if !ok || e.Slug != core.ImageTooLarge || fmt.Sprint(e.Facts["limit"], e.Facts["actual"]) != fmt.Sprint(c.limit, c.actual) {
			t.Errorf("%d x %d: got %v, want %s with limit %d and actual %d", c.w, c.h, err, core.ImageTooLarge, c.limit, c.actual)
		}
	}
	if _, err := Probe(pngOf(t, image.NewGray(image.Rect(0, 0, 100, 50)))); err != nil {
		t.Errorf("exactly the limit: %v", err)
	}
}

// What is decoded as a whole weighs more.
func TestPredictedMemoryKnowsHowAFileIsDecoded(t *testing.T) {
	jpeg := photo(t, 1000, 1000)
	weight := func(data []byte) int64 {
		p, err := Probe(data)
		if err != nil {
			t.Fatal(err)
		}
		return p.MemoryBytes
	}
	baseline, progressive := weight(jpeg), weight(made(t, jpeg, "jpegsave_buffer interlace=true"))
	plain, interlaced := weight(made(t, jpeg, "pngsave_buffer")), weight(made(t, jpeg, "pngsave_buffer interlace=true"))
	if baseline != 3_000_000 || progressive != 3*baseline {
		t.Errorf("a JPEG of 1 MP weighs %d, a progressive one %d; want 3000000 and three times that", baseline, progressive)
	}
	if plain != 3_000_000 || interlaced != 2*plain {
		t.Errorf("a PNG of 1 MP weighs %d, an interlaced one %d; want 3000000 and twice that", plain, interlaced)
	}
	under(t, func(o *Options) { o.Limits = core.Limits{MemoryBytes: 3_000_000} })
	if got := refusal(t, made(t, jpeg, "jpegsave_buffer interlace=true")); got != core.ImageTooComplex {
		t.Errorf("a progressive JPEG over the limit: got %q, want %q", got, core.ImageTooComplex)
	}
	if got := refusal(t, jpeg); got != "" {
		t.Errorf("a baseline JPEG within it: got %q, want none", got)
	}
	_, err := Probe(made(t, jpeg, "jpegsave_buffer interlace=true"))
	e, ok := errors.AsType[*core.Error](err)
	if !ok || fmt.Sprintln(e.Facts["limit"], e.Facts["actual"], e.Facts["setting"], e.Facts["fits_width"], e.Facts["fits_height"]) != "3000000 9000000 IMGD_DECODER_MEMORY 577 577\n" {
		t.Errorf("the progressive one is refused with %v, want 3000000 of 9000000 bytes, the setting, and that 577 x 577 would fit", err)
	}
	under(t, func(o *Options) { o.Limits = core.Limits{Time: time.Millisecond} })
	if got := refusal(t, made(t, jpeg, "jpegsave_buffer interlace=true")); got != core.ImageTooComplex {
		t.Errorf("a progressive JPEG that takes longer than there is time: got %q, want %q", got, core.ImageTooComplex)
	}
	under(t, func(o *Options) { o.Limits = core.Limits{Time: time.Second} })
	if got := refusal(t, jpeg); got != "" {
		t.Errorf("a baseline JPEG in time: got %q, want none", got)
	}
}

func TestHowMuchDamageIsTooMuch(t *testing.T) {
	whole := photo(t, 600, 400)
	cut := whole[:len(whole)/2]
	// Bytes are missing in the middle of the pixels: libjpeg warns and goes on.
	hurt := slices.Concat(whole[:len(whole)/2], whole[len(whole)*3/4:])
	for _, c := range []struct {
		failOn          string
		whole, cut, hit core.Slug
	}{
		{"none", "", "", ""},
		{"truncated", "", core.ImageTruncated, ""},
		{"warning", "", core.ImageTruncated, core.ImageUndecodable},
	} {
		t.Run(c.failOn, func(t *testing.T) {
			under(t, func(o *Options) { o.FailOn = c.failOn })
			for name, f := range map[string]struct {
				data []byte
				want core.Slug
			}{"whole": {whole, c.whole}, "cut": {cut, c.cut}, "damaged": {hurt, c.hit}} {
				_, _, err := attempt(t.Context(), f.data, variants(t, "w=300,h=300,fmt=png"))
				if got := core.SlugOf(err); got != f.want {
					t.Errorf("%s: got %q (%v), want %q", name, got, err, f.want)
				}
			}
		})
	}
	if err := Start(Options{FailOn: "never"}); core.KindOf(err) != core.Invalid {
		t.Errorf("Start with FailOn never: %v, want Invalid", err)
	}
}

func TestACutOffJPEGShowsWhatIsThere(t *testing.T) {
	under(t, func(o *Options) { o.FailOn = "none" })
	whole := jpegOf(t, quadrants(256, 256))
	s := see(t, one(t, whole[:len(whole)*2/3], "fmt=png").Body)
	s.mustBe(t, 20, 20, red, 10)
	s.mustBe(t, 230, 20, green, 10)
	if s.w != 256 || s.h != 256 {
		t.Errorf("it is %d x %d, want all of 256 x 256", s.w, s.h)
	}
	bottom := s.at(128, 250)
	if near(bottom, blue, 10) || near(bottom, yellow, 10) || near(bottom, color.NRGBA{}, 0) {
		t.Errorf("the bottom is %v, want what a decoder fills in", bottom)
	}
}
