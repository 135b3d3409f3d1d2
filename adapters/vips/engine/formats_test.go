package engine

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"slices"
	"strconv"
	"testing"

	"imgd/adapters/vips/structure"
	"imgd/core"
)

// rainbow has more colours than any palette.
func rainbow(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8((x + y) * 255 / (w + h)), 255})
		}
	}
	return img
}

// colours are those of all frames.
func (s seen) colours() int {
	found := map[color.NRGBA]bool{}
	for y := range s.h {
		for x := range s.w {
			found[s.at(x, y)] = true
		}
	}
	return len(found)
}

func TestAPaletteHasNoMoreColoursThanAskedFor(t *testing.T) {
	opaque := pngOf(t, rainbow(96, 64))
	img := rainbow(96, 64)
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = uint8(i / 4 % 96 * 255 / 95)
	}
	faded := pngOf(t, img)
	moving := made(t, opaque, "gifsave_buffer")
	for name, data := range map[string][]byte{"opaque": opaque, "with alpha": faded, "gif": moving, "photo": photo(t, 96, 64)} {
		for text, most := range map[string]int{
			"palette=2": 2, "palette=3": 3, "palette=16": 16, "palette=17": 17, "palette=100": 100, "palette=255": 255, "palette=256": 256, "palette=40,progressive=1": 40,
		} {
			for _, f := range []string{"png", "gif"} {
				t.Run(name+" as "+f+" "+text, func(t *testing.T) {
					o := one(t, data, "fmt="+f+","+text)
					s := see(t, o.Body)
					if n := s.colours(); n > most || n < most/3 {
						t.Errorf("it has %d colours, want %d at most and not far fewer", n, most)
					}
					if kind := o.Body[25]; f == "png" && kind != 3 {
						t.Errorf("the PNG's colour type is %d, want 3, indexed", kind)
					}
					if most >= 100 && name == "opaque" && f == "png" {
						if d := distance(s, see(t, data)); d > 12 {
							t.Errorf("it differs by %.1f levels a sample from the original, want at most 12", d)
						}
					}
				})
			}
		}
	}
}

func TestAnAnimationsPalette(t *testing.T) {
	data := film(t, 40, 30, []int{10}, 0, red, green, blue)
	o := one(t, data, "fmt=gif,palette=5")
	mustPlay(t, o, 2, red, green, blue)
	if n := see(t, o.Body).colours(); n > 5 {
		t.Errorf("it has %d colours, want 5 at most", n)
	}
}

func TestFewColoursAreKeptAsTheyAre(t *testing.T) {
	data := pngOf(t, quadrants(40, 40))
	for _, text := range []string{"fmt=png,palette=4", "fmt=png,palette=7", "fmt=gif,palette=4", "fmt=gif,palette=9"} {
		s := see(t, one(t, data, text).Body)
		for i, c := range []color.NRGBA{red, green, blue, yellow} {
			s.mustBe(t, 10+20*(i%2), 10+20*(i/2), c, 1)
		}
	}
}

func TestAFileIsNoLargerThanAskedFor(t *testing.T) {
	data := photo(t, 400, 300)
	for _, f := range []string{"jpeg", "webp", "avif,effort=0", "jxl,effort=0", "auto,effort=0"} {
		free := len(one(t, data, "q=90,fmt="+f).Body)
		for _, share := range []int{90, 50, 25, 10} {
			most := free * share / 100
			o := one(t, data, "q=90,fmt="+f+",maxbytes="+strconv.Itoa(most))
			exceeds := slices.ContainsFunc(o.Warnings, func(w core.Warning) bool { return w.Slug == "maxbytes-exceeded" })
			least := len(one(t, data, "q=1,fmt="+f).Body)
			if got := len(o.Body); got > most != exceeds || exceeds && f != "auto,effort=0" && least <= most {
				t.Errorf("fmt=%s,maxbytes=%d has %d bytes, warned of %t; q=1 has %d", f, most, got, exceeds, least)
			} else if !exceeds && share >= 50 && got < most/2 {
				t.Errorf("fmt=%s,maxbytes=%d has %d bytes, less than half of what it may have", f, most, got)
			}
			mustMeasure(t, o, 400, 300)
		}
	}
	o := one(t, data, "fmt=jpeg,maxbytes=256")
	if len(o.Warnings) != 1 || o.Warnings[0].Slug != "maxbytes-exceeded" {
		t.Errorf("256 bytes for a photo: warnings are %v, want maxbytes-exceeded", o.Warnings)
	}
	if got, want := len(o.Body), len(one(t, data, "fmt=jpeg,q=1").Body); got != want {
		t.Errorf("256 bytes for a photo come to %d, want the smallest there is, %d", got, want)
	}
	if one := one(t, data, "fmt=jpeg,q=80,maxbytes=10000000"); len(one.Warnings) != 0 {
		t.Errorf("what fits anyway has warnings %v", one.Warnings)
	}
}

func TestLosslessIsWithoutLoss(t *testing.T) {
	data := pngOf(t, rainbow(64, 48))
	want := see(t, data)
	under(t, func(o *Options) { o.Formats = readable })
	for _, f := range []string{"webp", "avif,effort=0", "jxl,effort=0", "png", "tiff"} {
		s := see(t, one(t, data, "lossless=1,fmt="+f).Body)
		worst := 0
		for y := range s.h {
			for x := range s.w {
				a, b := s.at(x, y), want.at(x, y)
				for _, d := range []int{int(a.R) - int(b.R), int(a.G) - int(b.G), int(a.B) - int(b.B)} {
					worst = max(worst, d, -d)
				}
			}
		}
		// AVIF goes by way of YCbCr, which rounds.
		if most := map[bool]int{true: 2}[f[0] == 'a']; worst > most {
			t.Errorf("%s: a sample is %d levels away from the original, want at most %d", f, worst, most)
		}
	}
}

func TestAnAVIFHasTheChromaAskedFor(t *testing.T) {
	data := photo(t, 80, 60)
	for text, want := range map[string]byte{"": 0x0c, ",chroma=444": 0x00, ",lossless=1": 0x00} {
		b := one(t, data, "fmt=avif,effort=0"+text).Body
		at := bytes.Index(b, []byte("av1C"))
		if got := b[at+6] & 0x0c; got != want {
			t.Errorf("fmt=avif%s: subsampling bits are %x, want %x", text, got, want)
		}
	}
}

func TestAGIFIsInterlacedWhenAskedTo(t *testing.T) {
	for text, want := range map[string]bool{"fmt=gif": false, "fmt=gif,progressive=1": true} {
		b := one(t, pngOf(t, quadrants(40, 40)), text).Body
		o, err := structure.Walk(structure.GIF, bytes.NewReader(b), int64(len(b)), structure.Limits{})
		if err != nil || o.Interlaced != want {
			t.Errorf("%s: interlaced is %t, %v; want %t", text, o.Interlaced, err, want)
		}
	}
}

func TestEffortMakesFilesSmaller(t *testing.T) {
	data := photo(t, 300, 200)
	for _, f := range []string{"webp", "jpeg", "jxl"} {
		quick, thorough := len(one(t, data, "effort=0,fmt="+f).Body), len(one(t, data, "effort=9,fmt="+f).Body)
		if thorough > quick {
			t.Errorf("%s: effort=9 makes %d bytes, effort=0 %d; want no more", f, thorough, quick)
		}
	}
}

func TestAJXLIsReadWhereItIsSwitchedOn(t *testing.T) {
	plain := one(t, pngOf(t, quadrants(64, 48)), "fmt=jxl,lossless=1").Body
	if got := refusal(t, plain); got != core.UnsupportedMediaType {
		t.Errorf("a JPEG XL where it is not switched on: got %q, want %q", got, core.UnsupportedMediaType)
	}
	under(t, func(o *Options) { o.Formats = readable })
	packed := one(t, laden(t, binary.LittleEndian), "fmt=jxl,meta=keep,effort=0").Body
	if bytes.HasPrefix(packed, []byte{0xff, 0x0a}) {
		t.Error("a JPEG XL with metadata is a bare codestream")
	}
	if p, err := Probe(packed); err != nil || p.Format != "jxl" || p.Width != 80 || p.Height != 120 {
		t.Errorf("Probe of one in a container says %+v, %v; want 80 x 120", p, err)
	}
	for name, data := range map[string][]byte{"rgb": plain, "alpha": one(t, pngOf(t, disc(64, red)), "fmt=jxl,lossless=1").Body} {
		p, err := Probe(data)
		if err != nil || p.ContentType != "image/jxl" || p.HasAlpha != (name == "alpha") {
			t.Errorf("%s: Probe says %+v, %v", name, p, err)
		}
		s := see(t, one(t, data, "w=32,fmt=png").Body)
		s.mustBe(t, s.w/4, s.h/4, map[string]color.NRGBA{"rgb": red, "alpha": red}[name], 3)
	}
	for _, cut := range []int{3, 8, len(plain) / 2, len(plain) - 1} {
		if got := refusal(t, plain[:cut]); got != core.ImageTruncated && got != core.ImageUndecodable {
			t.Errorf("%d of %d bytes: got %q, want a refusal", cut, len(plain), got)
		}
	}
	spoilt := slices.Clone(plain)
	for i := 12; i < len(spoilt); i += 5 {
		spoilt[i] ^= 0x5a
	}
	if got := refusal(t, spoilt); got != core.ImageUndecodable && got != core.ImageTruncated {
		t.Errorf("a spoilt one: got %q, want a refusal", got)
	}
}
