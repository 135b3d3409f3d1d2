package engine

import (
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"

	"imgd/core"
	"imgd/e2e/scene"
)

// chart is a picture each of whose pixels says where it is.
func chart(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{byte(x), byte(y), byte(x>>8<<4 | y>>8), 255})
		}
	}
	return img
}

// mustShow holds a whole picture against a part of another.
func (s seen) mustShow(t testing.TB, img *image.NRGBA, part image.Rectangle, tolerance int) {
	t.Helper()
	if s.w != part.Dx() || s.h != part.Dy() {
		t.Fatalf("it is %d x %d pixels large, want %d x %d", s.w, s.h, part.Dx(), part.Dy())
	}
	for y := range s.h {
		for x := range s.w {
			want := img.NRGBAAt(part.Min.X+x, part.Min.Y+y)
			if got := s.at(x, y); !near(got, want, tolerance) {
				t.Fatalf("pixel %d,%d is %v, want %v, which is at %d,%d", x, y, got, want, part.Min.X+x, part.Min.Y+y)
			}
		}
	}
}

func TestACropIsExact(t *testing.T) {
	img := chart(64, 48)
	data := pngOf(t, img)
	for text, part := range map[string]image.Rectangle{
		"crop=10:5:20:30":           image.Rect(10, 5, 30, 35),
		"crop=0:0:1:1":              image.Rect(0, 0, 1, 1),
		"crop=63:47:9:9":            image.Rect(63, 47, 64, 48),
		"crop=40:20:100:100":        image.Rect(40, 20, 64, 48),
		"crop=0.25:0.5:0.5:0.5":     image.Rect(16, 24, 48, 48),
		"crop=0:0:64:48":            image.Rect(0, 0, 64, 48),
		"crop=10:5:20:30,dpr=2":     image.Rect(10, 5, 30, 35),
		"crop=10:5:20:30,w=20,h=30": image.Rect(10, 5, 30, 35),
		"crop=10:5:20:30,w=500":     image.Rect(10, 5, 30, 35), // nothing is enlarged
	} {
		t.Run(text, func(t *testing.T) {
			see(t, one(t, data, text+",fmt=png").Body).mustShow(t, img, part, 0)
		})
	}
}

func TestSizesComeFromWhatTheCropLeaves(t *testing.T) {
	data := pngOf(t, quadrants(160, 80))
	for text, want := range map[string][2]int64{
		"crop=0:0:80:40,w=40":                         {40, 20},
		"crop=0.5:0:0.5:1,w=40":                       {40, 40},
		"crop=80:0:80:80,w=40,h=20,fit=cover,pos=top": {40, 20},
		"crop=0:0:80:20,w=100,h=100,fit=pad":          {100, 100},
		"crop=0:0:80:20,w=200,fit=contain,up=1":       {200, 50},
	} {
		mustMeasure(t, one(t, data, text+",fmt=png"), want[0], want[1])
	}
	s := see(t, one(t, data, "crop=80:0:80:80,w=40,h=20,fit=cover,pos=top,fmt=png").Body)
	s.mustBe(t, 2, 2, green, 0)
	s.mustBe(t, 37, 17, green, 0)
}

func TestACropThatBeginsOutsideIsThatVariantsError(t *testing.T) {
	data := pngOf(t, quadrants(60, 40))
	for _, o := range outputs(t, data, variant(t, "a", "crop=60:0:5:5"), variant(t, "b", "crop=0:40:5:5,w=3"), variant(t, "c", "crop=59:39:5:5"), variant(t, "d", "w=10")) {
		want := map[string]core.Slug{"a": core.InvalidTransform, "b": core.InvalidTransform}[o.Name]
		if got := core.SlugOf(o.Err); got != want {
			t.Errorf("%s: got %q (%v), want %q", o.Name, got, o.Err, want)
		}
	}
}

func TestACropIsWhereItIsInTheFile(t *testing.T) {
	upright := chart(19, 11)
	for orientation := 1; orientation <= 8; orientation++ {
		stored := held(upright, orientation)
		s := &source{width: stored.Rect.Dx(), height: stored.Rect.Dy(), orientation: orientation}
		for _, r := range []image.Rectangle{image.Rect(0, 0, 1, 1), image.Rect(3, 2, 10, 4), image.Rect(18, 10, 19, 11), image.Rect(0, 5, 19, 9)} {
			where := s.sensor(r)
			if back := s.fromSensor(where); back != r {
				t.Errorf("orientation %d: %v is at %v, which is %v", orientation, r, where, back)
			}
			found := map[color.NRGBA]bool{}
			for y := where.Min.Y; y < where.Max.Y; y++ {
				for x := where.Min.X; x < where.Max.X; x++ {
					found[stored.NRGBAAt(x, y)] = true
				}
			}
			if len(found) != r.Dx()*r.Dy() {
				t.Errorf("orientation %d: %v is at %v, of %d pixels", orientation, r, where, len(found))
			}
			for y := r.Min.Y; y < r.Max.Y; y++ {
				for x := r.Min.X; x < r.Max.X; x++ {
					if !found[upright.NRGBAAt(x, y)] {
						t.Fatalf("orientation %d: %v is at %v, where pixel %d,%d is not", orientation, r, where, x, y)
					}
				}
			}
		}
	}
}

// The blocks of a JPEG are of one colour each, so that they survive it.
func TestACropIsOfTheUprightPicture(t *testing.T) {
	for orientation := 1; orientation <= 8; orientation++ {
		t.Run(fmt.Sprint(orientation), func(t *testing.T) {
			file := scene.WithOrientation(jpegOf(t, held(quadrants(96, 64), orientation)), orientation)
			for _, c := range []struct {
				text string
				w, h int64
				want color.NRGBA
			}{
				{"crop=0:0:48:32", 48, 32, red}, {"crop=49:1:40:20", 40, 20, green},
				{"crop=0:0.5:0.5:0.5,w=12", 12, 8, blue}, {"crop=51:35:100:100,w=9", 9, 6, yellow},
				{"crop=48:0:48:32,w=6", 6, 4, green}, // decoded at an eighth
				{"trim=60,crop=0:0:20:30", 20, 30, green},
			} {
				o := one(t, file, c.text+",fmt=png")
				if strings.HasPrefix(c.text, "trim") { // red goes only where a whole row or column is red: nowhere
					c.want = red
				}
				mustMeasure(t, o, c.w, c.h)
				s := see(t, o.Body)
				for _, at := range [][2]int{{1, 1}, {s.w - 2, 1}, {1, s.h - 2}, {s.w - 2, s.h - 2}} {
					s.mustBe(t, at[0], at[1], c.want, 12)
				}
			}
		})
	}
}

// An edge that the smaller decode would put next to where it is, forbids it.
func TestAJPEGIsDecodedSmallerWhereTheCropAllowsIt(t *testing.T) {
	src, err := open(photo(t, 800, 597), false)
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	for _, c := range []struct {
		area   image.Rectangle
		linear bool
		want   int
	}{
		{image.Rectangle{}, false, 8}, {image.Rect(0, 0, 400, 400), false, 8}, {image.Rect(8, 16, 800, 597), false, 8},
		{image.Rect(4, 16, 404, 400), false, 4}, {image.Rect(4, 16, 402, 400), false, 2}, {image.Rect(5, 0, 405, 400), false, 1},
		{image.Rectangle{}, true, 1},
	} {
		if got := src.shrink(cut{area: c.area, linear: c.linear}, 20, 20, 1); got != c.want {
			t.Errorf("%v, in linear light: %v: decoded at 1/%d, want 1/%d", c.area, c.linear, got, c.want)
		}
	}
}

// framed has a picture in the middle of a border.
func framed(inner *image.NRGBA, c color.NRGBA, top, right, bottom, left int) *image.NRGBA {
	w, h := inner.Rect.Dx(), inner.Rect.Dy()
	img := flat(w+left+right, h+top+bottom, c)
	for y := range h {
		for x := range w {
			img.SetNRGBA(left+x, top+y, inner.NRGBAAt(x, y))
		}
	}
	return img
}

func TestTrimTakesTheBorderAndNothingElse(t *testing.T) {
	inner := quadrants(30, 20)
	dirty := framed(inner, white, 5, 6, 7, 8)
	dirty.SetNRGBA(2, 3, color.NRGBA{245, 250, 255, 255})
	speck := framed(inner, white, 5, 6, 7, 8)
	speck.SetNRGBA(2, 3, ink)
	for name, c := range map[string]struct {
		img  *image.NRGBA
		trim int
		want image.Rectangle
	}{
		"a clean border":                      {framed(inner, white, 5, 6, 7, 8), 1, image.Rect(8, 5, 38, 25)},
		"noise below the threshold":           {dirty, 10, image.Rect(8, 5, 38, 25)},
		"noise above it":                      {dirty, 9, image.Rect(2, 3, 38, 25)},
		"a single pixel counts":               {speck, 100, image.Rect(2, 3, 38, 25)},
		"no border":                           {inner, 10, image.Rect(0, 0, 30, 20)},
		"one side":                            {framed(inner, ink, 0, 0, 4, 0), 10, image.Rect(0, 0, 30, 24)}, // its corner is red
		"nothing but border":                  {flat(30, 20, green), 50, image.Rect(0, 0, 30, 20)},
		"nothing at all":                      {flat(30, 20, nothing), 50, image.Rect(0, 0, 30, 20)},
		"a transparent border":                {framed(inner, nothing, 5, 6, 7, 8), 1, image.Rect(8, 5, 38, 25)},
		"a transparent border of some colour": {framed(inner, color.NRGBA{200, 10, 10, 0}, 5, 6, 7, 8), 1, image.Rect(8, 5, 38, 25)},
		"black on nothing":                    {framed(flat(4, 4, ink), nothing, 5, 6, 7, 8), 254, image.Rect(8, 5, 12, 9)},
		"one pixel":                           {framed(flat(1, 1, ink), white, 3, 3, 3, 3), 10, image.Rect(3, 3, 4, 4)},
	} {
		t.Run(name, func(t *testing.T) {
			s := see(t, one(t, pngOf(t, c.img), fmt.Sprintf("trim=%d,fmt=png", c.trim)).Body)
			s.mustShow(t, c.img, c.want, 0)
		})
	}
}

func TestTrimComesBeforeTheCropAndTheSize(t *testing.T) {
	img := framed(quadrants(40, 20), white, 10, 10, 10, 30)
	data := pngOf(t, img)
	s := see(t, one(t, data, "trim=10,crop=20:0:10:20,fmt=png").Body)
	s.mustShow(t, img, image.Rect(50, 10, 60, 30), 0)
	mustMeasure(t, one(t, data, "trim=10,w=20,fmt=png"), 20, 10)
	for _, o := range outputs(t, data, variant(t, "a", "trim=10,crop=40:0:5:5"), variant(t, "b", "trim=10,w=20"), variant(t, "c", "fmt=png")) {
		if got, want := core.SlugOf(o.Err), map[string]core.Slug{"a": core.InvalidTransform}[o.Name]; got != want {
			t.Errorf("%s: got %q (%v), want %q", o.Name, got, o.Err, want)
		}
		if o.Name == "c" {
			see(t, o.Body).mustShow(t, img, img.Rect, 0)
		}
	}
}

func TestTrimIsOfTheUprightPicture(t *testing.T) {
	// The border is wider on the left and at the top, and white there alone: the
	// corner of the upright picture decides.
	img := framed(quadrants(64, 48), white, 24, 0, 0, 16)
	for orientation := 1; orientation <= 8; orientation++ {
		file := scene.WithOrientation(jpegOf(t, held(img, orientation)), orientation)
		s := see(t, one(t, file, "trim=60,fmt=png").Body)
		if s.w != 64 || s.h != 48 {
			t.Errorf("orientation %d: %d x %d are left, want 64 x 48", orientation, s.w, s.h)
			continue
		}
		s.mustBe(t, 4, 4, red, 12)
		s.mustBe(t, 60, 44, yellow, 12)
	}
}

func TestADamagedFileIsOneForTrimToo(t *testing.T) {
	data := pngOf(t, quadrants(500, 500))
	data[len(data)-30] ^= 0x40
	if _, _, err := attempt(t.Context(), data, variants(t, "trim=10")); core.KindOf(err) != core.Undecodable {
		t.Errorf("got %v, want Undecodable", err)
	}
}

// Variants with several cuts share one decode; none may see the cut of another.
func TestCutsOfOneFileDoNotMix(t *testing.T) {
	img := chart(200, 120)
	for i, data := range [][]byte{pngOf(t, img), made(t, pngOf(t, img), "webpsave_buffer lossless=true")} {
		for _, o := range outputs(t, data,
			variant(t, "a", "crop=10:20:50:60,fmt=png"), variant(t, "b", "crop=100:0:100:30,fmt=png"),
			variant(t, "c", "fmt=png"), variant(t, "d", "crop=10:20:50:60,w=20,fmt=png"), variant(t, "e", "w=20,fmt=png"), variant(t, "f", "w=20,linear=1,fmt=png")) {
			if o.Err != nil {
				t.Fatalf("file %d: %s: %v", i, o.Name, o.Err)
			}
			s := see(t, o.Body)
			switch o.Name {
			case "a":
				s.mustShow(t, img, image.Rect(10, 20, 60, 80), 0)
			case "b":
				s.mustShow(t, img, image.Rect(100, 0, 200, 30), 0)
			case "c":
				s.mustShow(t, img, img.Rect, 0)
			case "d":
				s.mustBe(t, 10, 12, color.NRGBA{36, 51, 0, 255}, 3)
			case "e", "f":
				s.mustBe(t, 10, 6, color.NRGBA{104, 64, 0, 255}, 5)
			}
		}
	}
}
