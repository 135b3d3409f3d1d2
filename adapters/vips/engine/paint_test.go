package engine

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"
	"testing"
)

// The wanted colours were computed by hand from the definitions of sRGB, CIE Lab
// and LCh.
func TestColoursComeOutAsDefined(t *testing.T) {
	grey := func(v byte) color.NRGBA { return color.NRGBA{v, v, v, 255} }
	for _, c := range []struct {
		text       string
		have, want color.NRGBA
	}{
		{"brightness=1", red, red},
		{"brightness=0", yellow, ink},
		{"brightness=1.2", grey(119), grey(144)}, // L from 50.0 to 60.0
		{"brightness=0.5", grey(119), grey(59)},  // to 25.0
		{"brightness=10", grey(119), white},
		{"contrast=1", red, red},
		{"contrast=0", red, grey(128)},
		{"contrast=2", color.NRGBA{100, 128, 160, 255}, color.NRGBA{73, 129, 193, 255}},
		{"contrast=10", color.NRGBA{100, 128, 160, 255}, color.NRGBA{0, 133, 255, 255}},
		{"contrast=0.5", color.NRGBA{0, 255, 100, 255}, color.NRGBA{64, 191, 114, 255}},
		{"saturation=0", red, grey(112)}, // of L 47.6
		{"saturation=5", grey(119), grey(119)},
		{"hue=360", red, red},
		{"hue=120", grey(119), grey(119)},
		{"gray=1", red, grey(110)}, // with weights of 0.2, 0.7 and 0.1
		{"gray=1", white, white},
		{"gray=1,saturation=3,hue=50", red, color.NRGBA{}}, // grey, whatever it is
		{"tint=8040c0", ink, ink},
		{"tint=8040c0", white, white},
		{"tint=777777", grey(200), grey(200)},
	} {
		t.Run(c.text, func(t *testing.T) {
			s := see(t, one(t, pngOf(t, flat(9, 9, c.have)), c.text+",fmt=png").Body)
			got := s.at(4, 4)
			if c.want == (color.NRGBA{}) {
				c.want = grey(got.R)
			}
			s.mustBe(t, 4, 4, c.want, 2)
		})
	}
}

func lch(c color.NRGBA) (l, chroma, hue float64) {
	l, a, b := labOf(c.R, c.G, c.B)
	return l, math.Hypot(a, b), math.Mod(math.Atan2(b, a)*180/math.Pi+360, 360)
}

func TestHueSaturationAndTintKeepTheLightness(t *testing.T) {
	have := color.NRGBA{140, 120, 100, 255}
	l, c, h := lch(have)
	_, _, purple := lch(color.NRGBA{128, 64, 192, 255})
	for text, want := range map[string][3]float64{
		"hue=90": {l, c, h + 90}, "hue=-60": {l, c, h - 60}, "saturation=2": {l, 2 * c, h}, "saturation=0.5": {l, c / 2, h},
		"tint=8040c0": {l, -1, purple}, "brightness=1.1": {1.1 * l, c, h},
	} {
		gl, gc, gh := lch(see(t, one(t, pngOf(t, flat(9, 9, have)), text+",fmt=png").Body).at(4, 4))
		away := math.Abs(math.Mod(gh-want[2]+540, 360) - 180)
		if math.Abs(gl-want[0]) > 1 || want[1] >= 0 && math.Abs(gc-want[1]) > 1.5 || away > 5 {
			t.Errorf("%s: lightness, chroma and hue are %.1f, %.1f, %.1f; want %.1f", text, gl, gc, gh, want)
		}
	}
}

func TestColoursOfWhatIsHalfTransparentChangeAndAlphaDoesNot(t *testing.T) {
	img := disc(60, color.NRGBA{140, 120, 100, 160})
	data := pngOf(t, img)
	grey := made(t, data, "colourspace space=b-w", "pngsave_buffer")
	for _, text := range []string{"brightness=1.4", "contrast=1.7", "saturation=2", "hue=70", "gray=1", "tint=ff0000"} {
		solid := see(t, one(t, pngOf(t, flat(9, 9, color.NRGBA{140, 120, 100, 255})), text+",fmt=png").Body).at(4, 4)
		s := see(t, one(t, data, text+",fmt=png").Body)
		for y := range 60 {
			for x := range 60 {
				if got, want := s.at(x, y).A, img.NRGBAAt(x, y).A; got != want {
					t.Fatalf("%s: alpha at %d,%d is %d, want %d", text, x, y, got, want)
				}
			}
		}
		solid.A = 160
		s.mustBe(t, 30, 30, solid, 1)
		if g := see(t, one(t, grey, text+",fmt=png").Body); g.at(30, 30).A != 160 || g.at(0, 0).A != 0 {
			t.Errorf("%s of a grey picture: its alpha is %d and %d, want 160 and 0", text, g.at(30, 30).A, g.at(0, 0).A)
		}
	}
}

// The ground is laid after the colours are changed, and is not changed with them.
func TestTheGroundIsNotPainted(t *testing.T) {
	data := pngOf(t, disc(60, blue))
	for _, text := range []string{"brightness=0.2", "gray=1", "hue=180", "w=60,h=90,fit=pad,contrast=0", "rot=10,brightness=0", "pad=9,tint=00ff00", "pixelate=3,radius=20"} {
		for _, f := range []string{"png", "jpeg"} {
			s := see(t, one(t, data, text+",bg=dc1e28,fmt="+f).Body)
			if want := red; !strings.Contains(text, "radius") || f == "jpeg" {
				s.mustBe(t, 2, 2, want, 10)
			}
		}
	}
}

func TestBlurSpreadsALineAsAGaussianDoes(t *testing.T) {
	img := flat(121, 31, white)
	for y := range 31 {
		for x := range 60 {
			img.SetNRGBA(x, y, ink)
		}
	}
	data := pngOf(t, img)
	for _, sigma := range []float64{2, 6, 11, 20} {
		s := see(t, one(t, data, fmt.Sprintf("fmt=png,blur=%g", sigma)).Body)
		if s.w != 121 || s.h != 31 {
			t.Fatalf("sigma %g: %d x %d, want the size unchanged", sigma, s.w, s.h)
		}
		for _, far := range []float64{-1, -0.5, 0, 0.5, 1} {
			x := 60 + int(math.Round(far*sigma))
			want := 255 * (1 + math.Erf((float64(x)+0.5-60)/sigma/math.Sqrt2)) / 2
			got := float64(s.at(x, 15).R)
			if math.Abs(got-want) > 14 { // the tails are cut off
				t.Errorf("sigma %g, %g of it from the edge: got %.0f, want %.0f", sigma, far, got, want)
			}
		}
	}
}

func TestBlurAndSharpenLeaveNoDarkEdge(t *testing.T) {
	for _, text := range []string{"blur=3", "blur=30", "sharpen=2", "pixelate=7", "linear=1,w=40", "w=40,blur=2,rot=20", "blur=1.5,dpr=2"} {
		s := see(t, one(t, pngOf(t, disc(100, yellow)), text+",fmt=png").Body)
		soft := 0
		for y := range s.h {
			for x := range s.w {
				c := s.at(x, y)
				if c.A > 0 && c.A < 255 {
					soft++
				}
				want := color.NRGBA{yellow.R, yellow.G, yellow.B, c.A}
				if text == "sharpen=2" { // an edge may get lighter
					want = color.NRGBA{max(want.R, c.R), max(want.G, c.G), max(want.B, c.B), c.A}
				}
				if c.A >= 48 && !near(c, want, 8) {
					t.Fatalf("%s: the edge at %d,%d is %v, want %v", text, x, y, c, want)
				}
			}
		}
		if soft == 0 && text != "sharpen=2" {
			t.Errorf("%s: there is no soft edge", text)
		}
	}
}

func TestSharpenSteepensEdgesAndLeavesFlatColoursAlone(t *testing.T) {
	img := flat(80, 80, color.NRGBA{90, 90, 90, 255})
	draw.Draw(img, image.Rect(0, 40, 80, 80), image.NewUniform(color.NRGBA{160, 160, 160, 255}), image.Point{}, draw.Src)
	data := made(t, pngOf(t, img), "gaussblur sigma=1.5", "pngsave_buffer")
	before, after := see(t, data), see(t, one(t, data, "sharpen=1,fmt=png").Body)
	after.mustBe(t, 10, 10, color.NRGBA{90, 90, 90, 255}, 1)
	after.mustBe(t, 70, 70, color.NRGBA{160, 160, 160, 255}, 1)
	step := func(s seen) int { return int(s.at(10, 41).B) - int(s.at(10, 38).B) }
	if step(after) <= step(before) {
		t.Errorf("the edge rises by %d levels, before it did by %d", step(after), step(before))
	}
}

func TestPixelateGivesEachBlockItsMean(t *testing.T) {
	img := noise(23, 17)
	s := see(t, one(t, pngOf(t, img), "pixelate=5,fmt=png").Body)
	for _, b := range [][4]int{{0, 0, 5, 5}, {10, 5, 15, 10}, {20, 0, 23, 5}, {20, 15, 23, 17}} {
		var sum [4]float64
		n := 0.0
		for y := b[1]; y < b[3]; y++ {
			for x := b[0]; x < b[2]; x++ {
				c := img.NRGBAAt(x, y)
				a := float64(c.A)
				sum[0], sum[1], sum[2], sum[3], n = sum[0]+a*float64(c.R), sum[1]+a*float64(c.G), sum[2]+a*float64(c.B), sum[3]+a, n+1
			}
		}
		mean := func(v float64) byte { return byte(math.Round(v / sum[3])) }
		want := color.NRGBA{mean(sum[0]), mean(sum[1]), mean(sum[2]), byte(math.Round(sum[3] / n))}
		for y := b[1]; y < b[3]; y++ {
			for x := b[0]; x < b[2]; x++ {
				s.mustBe(t, x, y, want, 1)
			}
		}
	}
}

// Black and white in turn are half the light, which is a brighter grey than half
// the number.
func TestLinearResizesLight(t *testing.T) {
	img := flat(64, 64, white)
	for y := range 64 {
		for x := range 64 {
			if (x+y)%2 == 0 {
				img.SetNRGBA(x, y, ink)
			}
		}
	}
	colour := pngOf(t, img)
	half := flat(64, 64, nothing)
	copy(half.Pix, img.Pix)
	for i := 3; i < len(half.Pix); i += 4 {
		half.Pix[i] = 128
	}
	for name, data := range map[string][]byte{"colour": colour, "grey": made(t, colour, "colourspace space=b-w", "pngsave_buffer"), "transparent": pngOf(t, half)} {
		alpha := byte(255)
		if name == "transparent" {
			alpha = 128
		}
		for _, o := range outputs(t, data, variant(t, "light", "w=16,linear=1,fmt=png"), variant(t, "numbers", "w=16,fmt=png"), variant(t, "smaller", "w=8,linear=1,fmt=png"), variant(t, "whole", "linear=1,fmt=png")) {
			s := see(t, o.Body)
			switch o.Name {
			case "light", "smaller":
				s.mustBe(t, s.w/2, s.h/2, color.NRGBA{188, 188, 188, alpha}, 3)
			case "numbers":
				s.mustBe(t, 8, 8, color.NRGBA{128, 128, 128, alpha}, 3)
			case "whole":
				s.mustBe(t, 8, 8, color.NRGBA{0, 0, 0, alpha}, 0)
				s.mustBe(t, 8, 9, color.NRGBA{255, 255, 255, alpha}, 0)
			}
		}
	}
}

func TestEveryFrameIsPainted(t *testing.T) {
	data := film(t, 40, 30, []int{10}, 0, red, color.NRGBA{100, 128, 160, 255}, blue)
	o := one(t, data, "contrast=2,fmt=webp,lossless=1")
	mustPlay(t, o, 3, color.NRGBA{255, 0, 0, 255}, color.NRGBA{73, 129, 193, 255}, color.NRGBA{0, 0, 255, 255})
	for text, want := range map[string][2]int64{
		"rot=45": {50, 50}, "pad=3,border=2:00ff00": {50, 40}, "radius=max": {40, 30}, "blur=3,pixelate=4": {40, 30},
		"trim=5": {40, 30}, "crop=10:10:20:10,w=10": {10, 5}, "gray=1": {40, 30}, "w=20,linear=1,tint=ff0000": {20, 15},
	} {
		for _, f := range []string{"webp", "gif"} {
			o := one(t, data, text+",fmt="+f)
			if o.Pages != 3 {
				t.Errorf("%s: %d frames, want 3", text, o.Pages)
			}
			mustMeasure(t, o, want[0], want[1])
		}
	}
}
