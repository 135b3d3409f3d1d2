package engine

import (
	"fmt"
	"image"
	"image/color"
	"testing"

	"imgd/core"
	"imgd/core/transform"
)

func TestTheDefaultPresetFitsTheLongestSide(t *testing.T) {
	for _, c := range []struct {
		w, h int
		want map[string][2]int64
	}{
		{1800, 1200, map[string][2]int64{"thumbnail": {150, 100}, "medium": {600, 400}, "large": {1200, 800}, "original": {1800, 1200}}},
		{500, 1000, map[string][2]int64{"thumbnail": {75, 150}, "medium": {300, 600}, "large": {500, 1000}, "original": {500, 1000}}},
		{90, 60, map[string][2]int64{"thumbnail": {90, 60}, "medium": {90, 60}, "large": {90, 60}, "original": {90, 60}}},
	} {
		t.Run(fmt.Sprintf("%dx%d", c.w, c.h), func(t *testing.T) {
			all := outputs(t, photo(t, c.w, c.h), transform.DefaultPreset()...)
			if len(all) != 4 {
				t.Fatalf("got %d variants, want 4", len(all))
			}
			for _, o := range all {
				if o.Err != nil {
					t.Fatalf("%s: %v", o.Name, o.Err)
				}
				mustMeasure(t, o, c.want[o.Name][0], c.want[o.Name][1])
				if o.ContentType != "image/webp" || o.Ext != "webp" || o.Pages != 1 {
					t.Errorf("%s is %s, %s, %d pages; want image/webp, webp, 1 page", o.Name, o.ContentType, o.Ext, o.Pages)
				}
			}
		})
	}
}

// A variant may be drawn from a larger one or from the file; nobody is to see
// from which.
func TestAVariantLooksTheSameAloneAndInCompany(t *testing.T) {
	for name, data := range map[string][]byte{
		"small jpeg": photo(t, 900, 600), "large jpeg": photo(t, 1927, 1443),
		"png": made(t, photo(t, 900, 600), "pngsave_buffer"), "webp": made(t, photo(t, 900, 600), "webpsave_buffer Q=95"),
	} {
		t.Run(name, func(t *testing.T) {
			alone := see(t, one(t, data, "w=150,h=150,fmt=png").Body)
			for _, o := range outputs(t, data, variant(t, "a", "w=150,h=150,fmt=png"), variant(t, "b", "w=700,fmt=png"), variant(t, "c", "fmt=png")) {
				if o.Name != "a" {
					continue
				}
				s := see(t, o.Body)
				if s.w != alone.w || s.h != alone.h {
					t.Fatalf("in company it is %d x %d, alone %d x %d", s.w, s.h, alone.w, alone.h)
				}
				if d := distance(s, alone); d > 2.5 {
					t.Errorf("alone and in company it differs by %.2f levels a sample, want at most 2.5", d)
				}
			}
		})
	}
}

// distance is the mean difference of two pictures' samples.
func distance(a, b seen) float64 {
	var sum int
	for i := range a.samples {
		d := int(a.samples[i]) - int(b.samples[i])
		sum += max(d, -d)
	}
	return float64(sum) / float64(len(a.samples))
}

// The quadrants are 80 x 40 pixels each; every case names what is to be where.
func TestFitsPutPixelsWhereTheyBelong(t *testing.T) {
	type spot struct {
		x, y int
		want color.NRGBA
	}
	data := pngOf(t, quadrants(160, 80))
	for _, c := range []struct {
		text  string
		w, h  int64
		spots []spot
	}{
		{"w=80", 80, 40, []spot{{5, 5, red}, {75, 5, green}, {5, 35, blue}, {75, 35, yellow}}},
		{"w=40,h=40", 40, 20, []spot{{2, 2, red}, {37, 17, yellow}}},
		{"w=40,h=40,fit=contain", 40, 20, []spot{{2, 2, red}, {37, 17, yellow}}},
		{"w=40,h=40,fit=fill", 40, 40, []spot{{2, 2, red}, {37, 2, green}, {2, 37, blue}, {37, 37, yellow}}},
		{"w=40,h=40,fit=cover", 40, 40, []spot{{2, 2, red}, {37, 2, green}, {2, 37, blue}, {37, 37, yellow}}},
		{"w=40,h=40,fit=cover,pos=left", 40, 40, []spot{{2, 2, red}, {35, 2, red}, {2, 37, blue}, {35, 37, blue}}},
		{"w=40,h=40,fit=cover,pos=top-right", 40, 40, []spot{{4, 2, green}, {37, 2, green}, {4, 37, yellow}}},
		{"w=80,h=20,fit=cover,pos=top", 80, 20, []spot{{2, 2, red}, {77, 2, green}, {2, 16, red}, {77, 16, green}}},
		{"w=80,h=20,fit=cover,pos=bottom", 80, 20, []spot{{2, 3, blue}, {77, 3, yellow}, {2, 17, blue}}},
		{"w=40,h=40,fit=cover,pos=0.3x0.5", 40, 40, []spot{{2, 2, red}, {30, 2, red}, {37, 2, green}, {30, 37, blue}}},
		{"w=40,h=40,fit=pad,bg=ffffff", 40, 40, []spot{{20, 4, white}, {2, 12, red}, {37, 27, yellow}, {20, 36, white}}},
		{"w=40,h=40,fit=pad,pos=top,bg=000000", 40, 40, []spot{{2, 2, red}, {37, 17, yellow}, {20, 24, ink}}},
		{"w=40,h=40,fit=pad,pos=bottom", 40, 40, []spot{{20, 16, nothing}, {2, 22, red}, {37, 37, yellow}}},
		{"w=300,h=300,fit=pad,bg=ffffff", 300, 300, []spot{{150, 100, white}, {75, 115, red}, {224, 184, yellow}, {60, 150, white}}},
		{"w=80,rot=90", 40, 80, []spot{{2, 5, blue}, {37, 5, red}, {2, 75, yellow}, {37, 75, green}}},
		{"w=80,rot=180", 80, 40, []spot{{5, 5, yellow}, {75, 5, blue}, {5, 35, green}, {75, 35, red}}},
		{"w=80,rot=270", 40, 80, []spot{{2, 5, green}, {37, 5, yellow}, {2, 75, red}, {37, 75, blue}}},
		{"w=80,flip=h", 80, 40, []spot{{5, 5, green}, {75, 5, red}, {5, 35, yellow}, {75, 35, blue}}},
		{"w=80,flip=v", 80, 40, []spot{{5, 5, blue}, {75, 5, yellow}, {5, 35, red}, {75, 35, green}}},
		{"w=80,flip=hv", 80, 40, []spot{{5, 5, yellow}, {75, 5, blue}, {5, 35, green}, {75, 35, red}}},
		{"w=80,rot=90,flip=h", 40, 80, []spot{{2, 5, red}, {37, 5, blue}, {2, 75, green}, {37, 75, yellow}}},
		{"w=40,dpr=2", 80, 40, []spot{{5, 5, red}, {75, 35, yellow}}},
	} {
		t.Run(c.text, func(t *testing.T) {
			o := one(t, data, c.text+",fmt=png")
			mustMeasure(t, o, c.w, c.h)
			s := see(t, o.Body)
			for _, p := range c.spots {
				s.mustBe(t, p.x, p.y, p.want, 3)
			}
		})
	}
}

func TestNothingIsEnlargedUnlessAskedTo(t *testing.T) {
	data := pngOf(t, quadrants(60, 40))
	for text, want := range map[string][2]int64{
		"w=120": {60, 40}, "w=120,h=120": {60, 40}, "w=120,h=120,fit=contain": {60, 40},
		"w=120,h=120,fit=cover": {40, 40}, "w=120,h=120,fit=fill": {40, 40}, "w=120,h=120,fit=pad": {120, 120},
		"w=120,up=1,fit=contain": {120, 80}, "w=120,h=120,fit=cover,up=1": {120, 120},
		"w=120,h=120,fit=fill,up=1": {120, 120}, "h=80,fit=contain,up=1": {120, 80}, "w=180,h=120,fit=pad,up=1": {180, 120},
	} {
		mustMeasure(t, one(t, data, text+",fmt=png"), want[0], want[1])
	}
}

func TestALosslessResultOfTheFullSizeHasTheVeryPixels(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 37, 23))
	for i := range img.Pix {
		img.Pix[i] = byte(i*i>>3 ^ i)
	}
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 255 - byte(i%3) // what is fully transparent has no colour to keep
	}
	data := pngOf(t, img)
	for _, text := range []string{"fmt=png", "fmt=webp,lossless=1", "fmt=tiff,lossless=1", "fmt=png,progressive=1", "fmt=png,rot=180,flip=hv"} {
		s := see(t, one(t, data, text).Body)
		for y := range 23 {
			for x := range 37 {
				if got, want := s.at(x, y), img.NRGBAAt(x, y); got != want {
					t.Fatalf("%s: pixel %d,%d is %v, want %v", text, x, y, got, want)
				}
			}
		}
	}
}

func TestAResultBeyondTheLimitsIsRefusedAndTheOthersAreNot(t *testing.T) {
	under(t, func(o *Options) { o.Limits = core.Limits{Pixels: 10_000, Side: 400} })
	data := pngOf(t, quadrants(80, 80))
	for text, slug := range map[string]core.Slug{
		"w=100,h=100,fit=fill,up=1":  "",
		"w=101,h=100,fit=fill,up=1":  core.InvalidTransform,
		"w=101,h=100,fit=pad":        core.InvalidTransform,
		"w=120,fit=contain,up=1":     core.InvalidTransform,
		"w=401,h=2,fit=pad":          core.InvalidTransform,
		"w=400,h=20,fit=cover,up=1":  core.InvalidTransform, // on its way it is 400 x 400
		"w=400,h=25,fit=pad,rot=180": "",
	} {
		all := outputs(t, data, variant(t, "a", text), variant(t, "b", "w=10"))
		if len(all) != 2 {
			t.Fatalf("%s: %d outputs, want 2", text, len(all))
		}
		for _, o := range all {
			want := slug
			if o.Name == "b" {
				want = ""
			}
			if got := core.SlugOf(o.Err); got != want {
				t.Errorf("%s beside w=10: %s got %q (%v), want %q", text, o.Name, got, o.Err, want)
			}
		}
	}
}
