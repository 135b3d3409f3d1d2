package engine

import (
	"image"
	"image/color"
	"strconv"
	"testing"

	reference "github.com/bbrks/go-blurhash"

	"imgd/core"
)

// mostly is of one colour but for a part of the rows, which have another.
func mostly(c, other color.NRGBA, part float64) *image.NRGBA {
	img := flat(50, 100, c)
	for y := range int(100 * part) {
		for x := range 50 {
			img.SetNRGBA(x, y, other)
		}
	}
	return img
}

func described(t testing.TB, img *image.NRGBA) *core.Facts {
	t.Helper()
	return describe(img)
}

// parsed reads #rrggbb.
func parsed(t testing.TB, s string) color.NRGBA {
	t.Helper()
	v, err := strconv.ParseUint(s[1:], 16, 32)
	if err != nil || len(s) != 7 || s[0] != '#' {
		t.Fatalf("%q is no colour", s)
	}
	return color.NRGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255}
}

func TestTheDominantColourIsTheMostCommonNotTheMean(t *testing.T) {
	f := described(t, mostly(red, blue, 0.4))
	if got := parsed(t, f.DominantColor); got != red {
		t.Errorf("60 %% red and 40 %% blue: the dominant colour is %v, want %v", got, red)
	}
	if got, want := parsed(t, f.AverageColor), (color.NRGBA{148, 42, 108, 255}); !near(got, want, 1) {
		t.Errorf("60 %% red and 40 %% blue: the average is %v, want %v", got, want)
	}
}

// Shades of one colour are one colour, though no two pixels are equal and though
// they lie on both sides of a border of the grid.
func TestShadesOfOneColourCountTogether(t *testing.T) {
	img := flat(60, 60, yellow)
	for y := range 60 {
		for x := range 34 { // 57 %, spread; the yellow is all of one value
			img.SetNRGBA(x, y, color.NRGBA{uint8(110 + (x*7+y*3)%20), uint8(58 + (x*5+y)%12), uint8(60 + (x+y*11)%10), 255})
		}
	}
	if got, want := parsed(t, described(t, img).DominantColor), (color.NRGBA{119, 63, 64, 255}); !near(got, want, 6) {
		t.Errorf("the dominant colour is %v, want about %v", got, want)
	}
}

func TestWhatCannotBeSeenDoesNotCount(t *testing.T) {
	f := described(t, mostly(green, color.NRGBA{255, 0, 255, 0}, 0.8))
	if f.DominantColor != hexOf(green) || f.AverageColor != hexOf(green) {
		t.Errorf("a fifth green and the rest clear: dominant %s, average %s; want %s for both", f.DominantColor, f.AverageColor, hexOf(green))
	}
	f = described(t, mostly(green, color.NRGBA{200, 0, 0, 51}, 0.5))
	if got, want := parsed(t, f.AverageColor), (color.NRGBA{58, 167, 50, 255}); !near(got, want, 1) {
		t.Errorf("half green, half red of a fifth opacity: the average is %v, want %v", got, want)
	}
	f = described(t, flat(8, 8, color.NRGBA{10, 20, 30, 0}))
	if len(f.DominantColor) != 7 || f.AverageColor != "#0a141e" {
		t.Errorf("all clear: dominant %s, average %s; want some colour, and #0a141e", f.DominantColor, f.AverageColor)
	}
}

func TestABlurhashDecodesToAboutThePicture(t *testing.T) {
	for name, c := range map[string]struct {
		img    *image.NRGBA
		length int
	}{
		"upright": {mostly(red, blue, 0.4), 28}, "wide": {quadrants(100, 40), 28}, "square": {quadrants(64, 64), 28},
		"a pixel": {flat(1, 1, green), 28}, "clear": {flat(30, 30, nothing), 28}, "disc": {disc(60, yellow), 28},
	} {
		t.Run(name, func(t *testing.T) {
			f := described(t, c.img)
			if len(f.Blurhash) != c.length {
				t.Fatalf("the hash %q has %d characters, want %d", f.Blurhash, len(f.Blurhash), c.length)
			}
			img, err := reference.Decode(f.Blurhash, 32, 32, 1)
			if err != nil {
				t.Fatalf("the hash %q cannot be decoded: %v", f.Blurhash, err)
			}
			var all sum
			for y := range 32 {
				for x := range 32 {
					all.add(color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA), 1)
				}
			}
			// It averages in linear light, the fact does not.
			if got, want := all.mean(), parsed(t, f.AverageColor); !near(got, want, 40) {
				t.Errorf("it decodes to %v on average, want about %v", got, want)
			}
		})
	}
}

func TestTheUpperHalfOfABlurhashIsTheUpperHalfOfThePicture(t *testing.T) {
	img, err := reference.Decode(described(t, mostly(yellow, blue, 0.5)).Blurhash, 32, 32, 1)
	if err != nil {
		t.Fatal(err)
	}
	top, bottom := color.NRGBAModel.Convert(img.At(16, 4)).(color.NRGBA), color.NRGBAModel.Convert(img.At(16, 28)).(color.NRGBA)
	if !near(top, blue, 60) || !near(bottom, yellow, 60) {
		t.Errorf("the hash of blue on yellow decodes to %v on %v", top, bottom)
	}
}

func TestFactsOfFiles(t *testing.T) {
	p3 := made(t, pngOf(t, flat(300, 200, color.NRGBA{160, 80, 70, 255})), "icc_transform output-profile=p3,input-profile=srgb", "pngsave_buffer")
	for name, c := range map[string]struct {
		data []byte
		want color.NRGBA
	}{
		"large":       {jpegOf(t, flat(2400, 1600, green)), green},
		"small":       {pngOf(t, flat(5, 3, blue)), blue},
		"grey":        {made(t, pngOf(t, flat(90, 90, color.NRGBA{77, 77, 77, 255})), "colourspace space=b-w", "pngsave_buffer"), color.NRGBA{77, 77, 77, 255}},
		"transparent": {pngOf(t, disc(300, yellow)), yellow},
		"animation":   {film(t, 90, 60, []int{10}, 0, red, green, green), red},
		"p3":          {p3, color.NRGBA{160, 80, 70, 255}},
	} {
		_, f, err := attempt(t.Context(), c.data, variants(t, "w=20"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := parsed(t, f.DominantColor); !near(got, c.want, 3) {
			t.Errorf("%s: the dominant colour is %v, want %v", name, got, c.want)
		}
		if got := parsed(t, f.AverageColor); !near(got, c.want, 3) {
			t.Errorf("%s: the average colour is %v, want %v", name, got, c.want)
		}
	}
}
