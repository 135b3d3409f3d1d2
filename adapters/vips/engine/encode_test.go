package engine

import (
	"bytes"
	"image"
	"testing"

	"imgd/core"
	"imgd/core/transform"
)

// frameHeader is what the first SOFn segment of a JPEG says.
type frameHeader struct {
	progressive bool
	luma        byte // sampling factors of the first component
	components  int
}

func frameHeaderOf(t *testing.T, b []byte) frameHeader {
	t.Helper()
	for at := 2; at+4 < len(b) && b[at] == 0xff; at += 2 + int(b[at+2])<<8 + int(b[at+3]) {
		if m := b[at+1]; m == 0xc0 || m == 0xc1 || m == 0xc2 {
			return frameHeader{m == 0xc2, b[at+11], int(b[at+9])}
		}
	}
	t.Fatal("the JPEG has no frame header")
	return frameHeader{}
}

func TestAJPEGIsWrittenAsAskedFor(t *testing.T) {
	data := photo(t, 300, 200)
	for text, want := range map[string]frameHeader{
		"fmt=jpeg":                          {false, 0x22, 3},
		"fmt=jpeg,q=100":                    {false, 0x22, 3},
		"fmt=jpeg,chroma=444":               {false, 0x11, 3},
		"fmt=jpeg,progressive=1":            {true, 0x22, 3},
		"fmt=jpeg,progressive=1,chroma=444": {true, 0x11, 3},
	} {
		if got := frameHeaderOf(t, one(t, data, text).Body); got != want {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	}
}

func TestAPNGIsInterlacedWhenAskedTo(t *testing.T) {
	data := pngOf(t, quadrants(40, 40))
	for text, want := range map[string]byte{"fmt=png": 0, "fmt=png,progressive=1": 1} {
		if got := one(t, data, text).Body[28]; got != want {
			t.Errorf("%s: the header's interlace method is %d, want %d", text, got, want)
		}
	}
}

func TestQualityAndEffortAreHeeded(t *testing.T) {
	data := photo(t, 500, 300)
	size := func(text string) int { return len(one(t, data, text).Body) }
	for _, f := range []string{"webp", "jpeg", "avif"} {
		if !writes(transform.Format(f)) {
			continue
		}
		low, high := size("effort=2,q=30,fmt="+f), size("effort=2,q=90,fmt="+f)
		if low*2 > high {
			t.Errorf("%s: q=30 makes %d bytes, q=90 %d; want less than half", f, low, high)
		}
	}
	plain := pngOf(t, quadrants(500, 300))
	if quick, thorough := len(one(t, plain, "fmt=png,effort=1").Body), len(one(t, plain, "fmt=png,effort=9").Body); thorough >= quick {
		t.Errorf("png: effort=9 makes %d bytes, effort=1 %d; want fewer", thorough, quick)
	}
	lossy, lossless := size("fmt=webp"), size("fmt=webp,lossless=1")
	if lossy*2 > lossless {
		t.Errorf("webp: lossy is %d bytes, lossless %d; want less than half", lossy, lossless)
	}
}

func TestEveryFormatIsWhatItSays(t *testing.T) {
	data := photo(t, 120, 80)
	for f, want := range map[transform.Format][2]string{
		transform.WebP: {"image/webp", "webp"}, transform.AVIF: {"image/avif", "avif"}, transform.JPEG: {"image/jpeg", "jpg"},
		transform.PNG: {"image/png", "png"}, transform.GIF: {"image/gif", "gif"}, transform.TIFF: {"image/tiff", "tiff"},
	} {
		if !writes(f) {
			t.Errorf("this libvips does not write %s", f)
			continue
		}
		o := one(t, data, "w=60,fmt="+string(f))
		p, err := Probe(o.Body)
		if err != nil || p.ContentType != want[0] || o.ContentType != want[0] || o.Ext != want[1] || p.Width != 60 || p.Height != 40 {
			t.Errorf("%s says %s, .%s; Probe says %+v, %v", f, o.ContentType, o.Ext, p, err)
		}
		original := see(t, one(t, data, "w=60,fmt=png").Body)
		if f != transform.GIF {
			if d := distance(see(t, o.Body), original); d > 8 {
				t.Errorf("%s differs by %.1f levels a sample from what was drawn, want at most 8", f, d)
			}
		}
	}
}

func TestWhatAFormatCannotHoldBecomesAJPEG(t *testing.T) {
	data := pngOf(t, image.NewGray(image.Rect(0, 0, 16400, 4)))
	for _, text := range []string{"fmt=webp", "fmt=webp,lossless=1", "rot=90,fmt=webp"} {
		o := one(t, data, text)
		if o.ContentType != "image/jpeg" || o.Ext != "jpg" || !bytes.HasPrefix(o.Body, []byte{0xff, 0xd8}) {
			t.Errorf("%s is %s, .%s, want a JPEG", text, o.ContentType, o.Ext)
		}
		if max(o.Width, o.Height) != 16400 {
			t.Errorf("%s is %d x %d, want a side of 16400", text, o.Width, o.Height)
		}
		if len(o.Warnings) != 1 || o.Warnings[0].Slug != "format-fallback" || o.Warnings[0].Variant != "one" {
			t.Errorf("%s: warnings are %v, want one format-fallback", text, o.Warnings)
		}
	}
	if o := one(t, data, "w=16383,fmt=webp"); o.ContentType != "image/webp" || len(o.Warnings) != 0 {
		t.Errorf("a side that a WebP can hold: %s, %v", o.ContentType, o.Warnings)
	}
	for _, o := range outputs(t, pngOf(t, image.NewGray(image.Rect(0, 0, 65501, 1))), variant(t, "a", "fmt=jpeg"), variant(t, "b", "fmt=webp"), variant(t, "c", "fmt=png")) {
		if got, want := core.SlugOf(o.Err), map[string]core.Slug{"a": core.InvalidTransform, "b": core.InvalidTransform}[o.Name]; got != want {
			t.Errorf("65501 pixels as %s: got %q, want %q", o.Name, got, want)
		}
	}
}

// What falls back has no alpha any more, and one frame.
func TestAFallbackIsFlatAndStill(t *testing.T) {
	o := one(t, pngOf(t, flat(16390, 2, nothing)), "fmt=webp")
	see(t, o.Body).mustBe(t, 8000, 1, white, 4)
	o = one(t, film(t, 16390, 2, []int{10}, 0, red, green), "fmt=webp")
	if o.Pages != 1 || o.ContentType != "image/jpeg" {
		t.Errorf("an animation fell back to %s of %d pages, want a JPEG of one", o.ContentType, o.Pages)
	}
	see(t, o.Body).mustBe(t, 8000, 1, red, 10)
}
