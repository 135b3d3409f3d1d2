package engine

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"testing"

	"imgd/core/transform"
	"imgd/e2e/scene"
)

// held is what a camera stores that was held so that only EXIF makes the picture
// upright. The orientation says where the stored row 0 and column 0 are to be.
func held(upright *image.NRGBA, orientation int) *image.NRGBA {
	w, h := upright.Rect.Dx(), upright.Rect.Dy()
	sw, sh := w, h
	if orientation >= 5 {
		sw, sh = h, w
	}
	stored := image.NewNRGBA(image.Rect(0, 0, sw, sh))
	for y := range sh {
		for x := range sw {
			var at image.Point
			switch orientation {
			case 1: // row 0 at the top, column 0 on the left
				at = image.Pt(x, y)
			case 2: // top, right
				at = image.Pt(w-1-x, y)
			case 3: // bottom, right
				at = image.Pt(w-1-x, h-1-y)
			case 4: // bottom, left
				at = image.Pt(x, h-1-y)
			case 5: // left, top
				at = image.Pt(y, x)
			case 6: // right, top
				at = image.Pt(w-1-y, x)
			case 7: // right, bottom
				at = image.Pt(w-1-y, h-1-x)
			case 8: // left, bottom
				at = image.Pt(y, h-1-x)
			}
			stored.Set(x, y, upright.At(at.X, at.Y))
		}
	}
	return stored
}

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 98}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEveryOrientationGivesTheSameUprightPicture(t *testing.T) {
	const w, h = 96, 64
	for orientation := 1; orientation <= 8; orientation++ {
		t.Run(fmt.Sprint(orientation), func(t *testing.T) {
			file := scene.WithOrientation(jpegOf(t, held(quadrants(w, h), orientation)), orientation)
			p, err := Probe(file)
			if err != nil {
				t.Fatal(err)
			}
			if p.Width != w || p.Height != h {
				t.Errorf("Probe says %d x %d, want %d x %d", p.Width, p.Height, w, h)
			}
			upright := func(o Output, w, h int) {
				t.Helper()
				mustMeasure(t, o, int64(w), int64(h))
				s := see(t, o.Body)
				for _, c := range []struct {
					x, y int
					want color.NRGBA
				}{{3, 3, red}, {w - 4, 3, green}, {3, h - 4, blue}, {w - 4, h - 4, yellow}} {
					s.mustBe(t, c.x, c.y, c.want, 8)
				}
			}
			all := outputs(t, file,
				variant(t, "full", "fmt=png"), variant(t, "small", "w=24,fmt=png"), variant(t, "jpeg", "w=48,fmt=jpeg,q=95"),
				variant(t, "crop", "w=32,h=64,fit=cover,pos=left,fmt=png"), variant(t, "turn", "w=48,rot=90,fmt=png"))
			for _, o := range all {
				switch o.Name {
				case "full":
					upright(o, w, h)
				case "small":
					upright(o, 24, 16)
				case "jpeg":
					upright(o, 48, 32)
				case "crop": // of the picture as one sees it
					mustMeasure(t, o, 32, 64)
					s := see(t, o.Body)
					s.mustBe(t, 3, 3, red, 8)
					s.mustBe(t, 28, 3, red, 8)
					s.mustBe(t, 28, 60, blue, 8)
				case "turn":
					mustMeasure(t, o, 32, 48)
					s := see(t, o.Body)
					s.mustBe(t, 3, 3, blue, 8)
					s.mustBe(t, 28, 3, red, 8)
					s.mustBe(t, 28, 44, green, 8)
				}
				if p, err := Probe(o.Body); err != nil || p.Width != o.Width {
					t.Errorf("%s is not upright by itself: Probe says %v, %v", o.Name, p, err)
				}
			}
		})
	}
}

// A large JPEG gives its thumbnail from a decode at a smaller scale, beside the
// one for the rest.
func TestALargePhotoIsUprightInEverySize(t *testing.T) {
	file := scene.WithOrientation(jpegOf(t, held(quadrants(1200, 1800), 6)), 6)
	for _, o := range outputs(t, file, transform.DefaultPreset()...) {
		s := see(t, o.Body)
		if s.w*3 != s.h*2 {
			t.Errorf("%s is %d x %d, want 2:3", o.Name, s.w, s.h)
		}
		s.mustBe(t, 3, 3, red, 8)
		s.mustBe(t, s.w-4, 3, green, 8)
		s.mustBe(t, 3, s.h-4, blue, 8)
		s.mustBe(t, s.w-4, s.h-4, yellow, 8)
	}
}
