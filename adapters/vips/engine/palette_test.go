package engine

import (
	"image"
	"image/color"
	"image/draw"
	"slices"
	"testing"
)

// striped has stripes of these colours, so many rows of each.
func striped(w int, rows []int, colours ...color.NRGBA) *image.NRGBA {
	h := 0
	for _, n := range rows {
		h += n
	}
	img, y := image.NewNRGBA(image.Rect(0, 0, w, h)), 0
	for i, c := range colours {
		draw.Draw(img, image.Rect(0, y, w, y+rows[i]), image.NewUniform(c), image.Point{}, draw.Src)
		y += rows[i]
	}
	return img
}

func TestThePaletteHasTheColoursInTheOrderOfTheirParts(t *testing.T) {
	grey := func(l uint8) color.NRGBA { return color.NRGBA{l, l, l, 255} }
	for name, c := range map[string]struct {
		img  *image.NRGBA
		want []color.NRGBA
	}{
		"one colour":                      {flat(30, 20, green), []color.NRGBA{green}},
		"a pixel":                         {flat(1, 1, blue), []color.NRGBA{blue}},
		"two":                             {mostly(red, blue, 0.4), []color.NRGBA{red, blue}},
		"three":                           {striped(20, []int{10, 30, 20}, red, green, blue), []color.NRGBA{green, blue, red}},
		"what nobody notices":             {striped(10, []int{99, 1}, yellow, blue), []color.NRGBA{yellow}},
		"shades that look the same":       {striped(10, []int{40, 30}, grey(100), grey(112)), []color.NRGBA{grey(105)}},
		"more than there is room for":     {striped(10, []int{7, 6, 5, 4, 3, 2}, red, green, blue, yellow, grey(0), grey(255)), []color.NRGBA{red, green, blue, yellow, grey(0)}},
		"a colour that cannot be seen":    {mostly(green, color.NRGBA{255, 0, 255, 0}, 0.8), []color.NRGBA{green}},
		"a colour that is hardly visible": {striped(10, []int{50, 50}, color.NRGBA{200, 0, 0, 3}, green), []color.NRGBA{green}},
		"nothing to see":                  {flat(8, 8, color.NRGBA{10, 20, 30, 0}), nil},
	} {
		var want []string
		for _, colour := range c.want {
			want = append(want, hexOf(colour))
		}
		f := described(t, c.img)
		if !slices.Equal(f.Palette, want) {
			t.Errorf("%s: the palette is %v, want %v", name, f.Palette, want)
		}
		if len(want) > 0 && f.DominantColor != want[0] {
			t.Errorf("%s: the dominant colour is %s, want %s, the first of the palette", name, f.DominantColor, want[0])
		}
	}
}

func TestThePaletteOfAPhotoIsFiveColoursThatDiffer(t *testing.T) {
	f := described(t, landscape(t, 64, 43))
	if len(f.Palette) < 3 || len(f.Palette) > 5 {
		t.Fatalf("the palette is %v, want up to five colours", f.Palette)
	}
	for i, one := range f.Palette {
		for _, other := range f.Palette[:i] {
			if near(parsed(t, one), parsed(t, other), 15) {
				t.Errorf("the palette has both %s and %s", one, other)
			}
		}
	}
}

// The edge between two colours is no third one, however it is drawn.
func TestThePaletteOfAFileWithTwoColoursHasTwo(t *testing.T) {
	half := striped(901, []int{251, 352}, red, blue)
	for name, data := range map[string][]byte{
		"jpeg": jpegOf(t, half), "png": pngOf(t, half), "disc": pngOf(t, disc(301, yellow)),
		"animation": film(t, 90, 60, []int{10}, 0, red, green, green),
	} {
		want := map[string][]color.NRGBA{"jpeg": {blue, red}, "png": {blue, red}, "disc": {yellow}, "animation": {red}}[name]
		_, f, err := attempt(t.Context(), data, variants(t, "w=20"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(f.Palette) != len(want) {
			t.Errorf("%s: the palette is %v, want %v", name, f.Palette, want)
			continue
		}
		for i, c := range f.Palette {
			if !near(parsed(t, c), want[i], 4) {
				t.Errorf("%s: the palette is %v, want %v", name, f.Palette, want)
			}
		}
	}
}
