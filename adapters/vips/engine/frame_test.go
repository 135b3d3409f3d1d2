package engine

import (
	"image"
	"image/color"
	"testing"

	"imgd/core"
)

func TestPadAndBorderAreExact(t *testing.T) {
	inner := quadrants(20, 10)
	data := pngOf(t, inner)
	padded := framed(inner, blue, 1, 2, 3, 4)
	for text, want := range map[string]*image.NRGBA{
		"pad=1:2:3:4,bg=283cd2":                   padded,
		"pad=1:2:3:4":                             framed(inner, nothing, 1, 2, 3, 4),
		"pad=1:2:3:4,bg=1ec83c80":                 framed(inner, color.NRGBA{30, 200, 60, 128}, 1, 2, 3, 4),
		"border=3:dc1e28":                         framed(inner, red, 3, 3, 3, 3),
		"pad=1:2:3:4,bg=283cd2,border=2:000000":   framed(padded, ink, 2, 2, 2, 2),
		"pad=2,border=1:000000,dpr=2,bg=ffffff":   framed(framed(inner, white, 4, 4, 4, 4), ink, 2, 2, 2, 2),
		"pad=0:0:0:5,bg=283cd2":                   framed(inner, blue, 0, 0, 0, 5),
		"pad=4,dpr=0.5,bg=283cd2,border=1:000000": framed(framed(inner, blue, 2, 2, 2, 2), ink, 1, 1, 1, 1),
	} {
		t.Run(text, func(t *testing.T) {
			see(t, one(t, data, text+",fmt=png").Body).mustShow(t, want, want.Rect, 0)
		})
	}
	white := see(t, one(t, data, "pad=8,fmt=jpeg,q=100").Body)
	white.mustBe(t, 2, 2, color.NRGBA{255, 255, 255, 255}, 4)
	white.mustBe(t, 10, 10, red, 40)
}

func TestTheFrameComesAfterTheTurn(t *testing.T) {
	s := see(t, one(t, pngOf(t, quadrants(20, 10)), "rot=90,pad=0:0:0:5,bg=000000,fmt=png").Body)
	if s.w != 15 || s.h != 20 {
		t.Fatalf("it is %d x %d, want 15 x 20", s.w, s.h)
	}
	s.mustBe(t, 4, 10, ink, 0)
	s.mustBe(t, 5, 0, blue, 0)
	s.mustBe(t, 14, 0, red, 0)
}

// A border of a transparent picture does not shine through it.
func TestABorderLeavesThePictureTransparent(t *testing.T) {
	for _, text := range []string{"border=4:dc1e28", "border=4:dc1e28,radius=12"} {
		s := see(t, one(t, pngOf(t, flat(40, 30, nothing)), text+",fmt=png").Body)
		s.mustBe(t, 24, 2, red, 0)
		s.mustBe(t, 2, 19, red, 0)
		s.mustBe(t, 24, 19, nothing, 0)
	}
}

func TestRoundedCornersAreCutOffSoftly(t *testing.T) {
	data := pngOf(t, flat(60, 40, blue))
	for text, radius := range map[string]float64{"radius=10": 10, "radius=max": 20, "radius=500": 20, "radius=5,dpr=2": 10, "radius=1": 1} {
		s := see(t, one(t, data, text+",fmt=png").Body)
		var area float64
		for y := range s.h {
			for x := range s.w {
				c := s.at(x, y)
				area += float64(c.A) / 255
				if want := (color.NRGBA{blue.R, blue.G, blue.B, c.A}); !near(c, want, 0) {
					t.Fatalf("%s: pixel %d,%d is %v, want its colour unchanged", text, x, y, c)
				}
				if m := s.at(s.w-1-x, s.h-1-y); m != c {
					t.Fatalf("%s: %d,%d is %v, and %v on the other side", text, x, y, c, m)
				}
			}
		}
		if want := 60*40 - (4-3.14159265)*radius*radius; area < want-1 || area > want+1 {
			t.Errorf("%s: %.1f pixels are left, want %.1f", text, area, want)
		}
		if radius > 2 && s.at(0, 0).A != 0 {
			t.Errorf("%s: the corner is %v, want nothing", text, s.at(0, 0))
		}
	}
}

func TestRoundedCornersAreFilledWhereNothingMayBeTransparent(t *testing.T) {
	for _, img := range []*image.NRGBA{flat(60, 40, blue), flat(60, 40, color.NRGBA{40, 60, 210, 254})} {
		for text, want := range map[string]color.NRGBA{"": white, ",bg=dc1e28": red} {
			s := see(t, one(t, pngOf(t, img), "radius=16,fmt=jpeg,chroma=444,q=98"+text).Body)
			s.mustBe(t, 1, 1, want, 12)
			s.mustBe(t, 58, 38, want, 12)
			s.mustBe(t, 30, 20, blue, 12)
		}
	}
}

// Along the diagonal a border of a rounded picture is as wide as along a side.
func TestABorderFollowsTheCorners(t *testing.T) {
	s := see(t, one(t, pngOf(t, flat(80, 80, blue)), "border=10:dc1e28,radius=30,fmt=png").Body)
	if s.w != 100 || s.h != 100 {
		t.Fatalf("it is %d x %d, want 100 x 100", s.w, s.h)
	}
	// The circle is 30 around 30,30: it meets the diagonal at 8.8, the inner one of
	// 20 at 15.9.
	for i, want := range map[int]color.NRGBA{5: nothing, 7: nothing, 10: red, 12: red, 14: red, 18: blue, 25: blue} {
		s.mustBe(t, i, i, want, 0)
		s.mustBe(t, 99-i, i, want, 0)
		s.mustBe(t, i, 99-i, want, 0)
	}
	s.mustBe(t, 50, 9, red, 0)
	s.mustBe(t, 50, 10, blue, 0)
}

func TestAFrameCountsForWhatIsAllowed(t *testing.T) {
	data := pngOf(t, quadrants(60, 60))
	t.Run("limits", func(t *testing.T) {
		under(t, func(o *Options) { o.Limits.Pixels = 10_000 })
		for text, want := range map[string]core.Slug{
			"pad=20": "", "pad=21": core.InvalidTransform, "pad=10,dpr=2.1": core.InvalidTransform, "border=20:000000": "", "border=21:000000": core.InvalidTransform,
			"rot=45": "", "w=80,h=80,fit=pad,rot=45": core.InvalidTransform, "rot=45,pad=8": core.InvalidTransform,
		} {
			if o := outputs(t, data, variant(t, "a", text))[0]; core.SlugOf(o.Err) != want {
				t.Errorf("%s: got %q (%v), want %q", text, core.SlugOf(o.Err), o.Err, want)
			}
		}
	})
	t.Run("memory", func(t *testing.T) {
		under(t, func(o *Options) { o.Limits.MemoryBytes = 4 * 10_000 })
		for text, want := range map[string]core.Slug{
			"w=100,h=100,fit=pad": "", "w=100,h=100,fit=pad,blur=1": core.InvalidTransform, "w=70,h=70,fit=pad,gray=1": "", "w=100,h=100,fit=pad,radius=3": core.InvalidTransform,
		} {
			if o := outputs(t, data, variant(t, "a", text))[0]; core.SlugOf(o.Err) != want {
				t.Errorf("%s: got %q (%v), want %q", text, core.SlugOf(o.Err), o.Err, want)
			}
		}
	})
	o := one(t, pngOf(t, flat(1, 40, red)), "pad=0:4096:0:4096,dpr=2,fmt=webp")
	if o.ContentType != "image/jpeg" || len(o.Warnings) != 1 {
		t.Errorf("of %d x %d it is %s with warnings %v, want a JPEG instead and a warning", o.Width, o.Height, o.ContentType, o.Warnings)
	}
}

func TestExtremeShapesComeOut(t *testing.T) {
	long := pngOf(t, quadrants(8000, 1))
	for text, want := range map[string][2]int64{
		"rot=90": {1, 8000}, "rot=45,w=800": {567, 567}, "blur=5": {8000, 1}, "blur=250": {8000, 1}, "sharpen=3": {8000, 1}, "pixelate=1024": {8000, 1},
		"pad=1": {8002, 3}, "radius=max": {8000, 1}, "border=1:000000,radius=max": {8002, 3}, "w=1": {1, 1}, "w=100,linear=1": {100, 1},
		"w=20,h=1,fit=cover,pos=attention": {20, 1}, "w=20,h=1,fit=cover,pos=entropy": {20, 1}, "trim=10": {4000, 1}, "crop=7999:0:1:1": {1, 1},
	} {
		mustMeasure(t, one(t, long, text+",fmt=png"), want[0], want[1])
	}
}
