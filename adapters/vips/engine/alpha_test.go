package engine

import (
	"image"
	"image/color"
	"strings"
	"testing"

	"imgd/core"
	"imgd/core/transform"
)

// disc is a disc of a colour on nothing. What cannot be seen is black, as most
// programs leave it.
func disc(side int, c color.NRGBA) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			dx, dy := 2*x+1-side, 2*y+1-side
			if dx*dx+dy*dy < side*side*9/16 {
				img.SetNRGBA(x, y, c)
			}
		}
	}
	return img
}

func TestAlphaSurvivesAndEdgesKeepTheirColour(t *testing.T) {
	data := pngOf(t, disc(200, yellow))
	if p, err := Probe(data); err != nil || !p.HasAlpha {
		t.Fatalf("Probe says %v, %v; want alpha", p, err)
	}
	for _, text := range []string{"w=37,fmt=png", "w=37,fmt=webp,lossless=1", "w=37,fmt=tiff,lossless=1", "w=230,fit=contain,up=1,fmt=png"} {
		s := see(t, one(t, data, text).Body)
		if s.bands != 4 {
			t.Fatalf("%s has %d channels, want 4", text, s.bands)
		}
		s.mustBe(t, 0, 0, nothing, 0)
		s.mustBe(t, s.w/2, s.h/2, yellow, 2)
		partial := 0
		for y := range s.h {
			for x := range s.w {
				c := s.at(x, y)
				if c.A > 0 && c.A < 255 {
					partial++
				}
				// Of little opacity little of the colour is left in 8 bits.
				if want := (color.NRGBA{yellow.R, yellow.G, yellow.B, c.A}); c.A >= 32 && !near(c, want, 6) {
					t.Fatalf("%s: the edge at %d,%d is %v, want %v: what is transparent has darkened it", text, x, y, c, want)
				}
			}
		}
		if partial == 0 {
			t.Errorf("%s has no soft edge", text)
		}
	}
}

func TestAlphaSurvivesLossyFormats(t *testing.T) {
	data := pngOf(t, disc(200, yellow))
	for _, f := range []string{"webp", "gif", "avif"} {
		if !writes(transform.Format(f)) {
			continue
		}
		s := see(t, one(t, data, "w=100,fmt="+f).Body)
		if c := s.at(1, 1); c.A != 0 {
			t.Errorf("%s: the corner is %v, want nothing", f, c)
		}
		s.mustBe(t, 50, 50, yellow, 12)
	}
}

func TestWithoutAlphaTheGroundShows(t *testing.T) {
	data := pngOf(t, disc(200, blue))
	half := pngOf(t, flat(20, 20, color.NRGBA{0, 0, 0, 128}))
	grey := made(t, half, "colourspace space=b-w", "pngsave_buffer")
	for _, c := range []struct {
		data  []byte
		text  string
		x, y  int
		want  color.NRGBA
		bands int
	}{
		{data, "w=100,fmt=jpeg", 2, 2, white, 3},
		{data, "w=100,fmt=jpeg", 50, 50, blue, 3},
		{data, "w=100,fmt=jpeg,bg=1ec83c", 2, 2, green, 3},
		{data, "w=100,fmt=jpeg,bg=1ec83c80", 2, 2, color.NRGBA{142, 227, 157, 255}, 3}, // on white
		{data, "w=100,fmt=png,bg=1ec83c", 2, 2, green, 3},
		{data, "w=100,fmt=webp,lossless=1,bg=dc1e28", 2, 2, red, 3},
		{half, "fmt=jpeg", 5, 5, color.NRGBA{127, 127, 127, 255}, 3},
		{half, "fmt=png,bg=ff0000", 5, 5, color.NRGBA{127, 0, 0, 255}, 3},
		{grey, "fmt=png,bg=ff0000", 5, 5, color.NRGBA{127, 0, 0, 255}, 3},
		{grey, "fmt=jpeg", 5, 5, color.NRGBA{127, 127, 127, 255}, 0},
		// Half of black over half of white: three quarters of something, a third of it white.
		{half, "fmt=png,bg=ffffff80", 5, 5, color.NRGBA{85, 85, 85, 192}, 4},
		{grey, "fmt=png,bg=ffffff80", 5, 5, color.NRGBA{85, 85, 85, 192}, 4},
		{data, "w=100,fmt=png,bg=1ec83c80", 2, 2, color.NRGBA{30, 200, 60, 128}, 4},
		{data, "w=100,fmt=png,bg=1ec83c80", 50, 50, blue, 4},
	} {
		s := see(t, one(t, c.data, c.text).Body)
		if c.bands != 0 && s.bands != c.bands {
			t.Errorf("%s has %d channels, want %d", c.text, s.bands, c.bands)
		}
		t.Run(c.text, func(t *testing.T) { s.mustBe(t, c.x, c.y, c.want, loss(c.text, 3)) })
	}
}

// loss is the tolerance for a transform: more where the encoding loses something.
func loss(text string, exact int) int {
	if strings.Contains(text, "fmt=jpeg") {
		return 10
	}
	return exact
}

func TestACanvasHasTheGroundOfThePicture(t *testing.T) {
	solid := pngOf(t, flat(40, 20, red))
	grey := made(t, pngOf(t, flat(40, 20, color.NRGBA{90, 90, 90, 255})), "colourspace space=b-w", "pngsave_buffer")
	holed := pngOf(t, flat(40, 20, color.NRGBA{}))
	mid := color.NRGBA{90, 90, 90, 255}
	for _, c := range []struct {
		data         []byte
		text         string
		around, core color.NRGBA
	}{
		{solid, "fmt=png", nothing, red},
		{solid, "fmt=png,bg=1ec83c", green, red},
		{solid, "fmt=png,bg=1ec83c80", color.NRGBA{30, 200, 60, 128}, red},
		{solid, "fmt=jpeg", white, red},
		{solid, "fmt=jpeg,bg=1ec83c80", color.NRGBA{142, 227, 157, 255}, red},
		{grey, "fmt=png", nothing, mid},
		{grey, "fmt=png,bg=1ec83c", green, mid},
		{grey, "fmt=png,bg=1ec83c80", color.NRGBA{30, 200, 60, 128}, mid},
		{grey, "fmt=jpeg", white, mid},
		{grey, "fmt=jpeg,bg=dc1e28", red, mid},
		{holed, "fmt=png", nothing, nothing},
		{holed, "fmt=png,bg=1ec83c80", color.NRGBA{30, 200, 60, 128}, color.NRGBA{30, 200, 60, 128}},
		{holed, "fmt=jpeg", white, white},
		{holed, "fmt=jpeg,bg=dc1e28", red, red},
	} {
		t.Run(c.text, func(t *testing.T) {
			s := see(t, one(t, c.data, "w=40,h=40,fit=pad,"+c.text).Body)
			within := loss(c.text, 2)
			s.mustBe(t, 20, 3, c.around, within)
			s.mustBe(t, 20, 20, c.core, within)
			s.mustBe(t, 20, 36, c.around, within)
		})
	}
}

// A JPEG and a PNG of one picture differ in their ground, not in what is drawn.
func TestTransparentAndOpaqueVariantsOfOneFileDoNotMix(t *testing.T) {
	data := pngOf(t, disc(400, blue))
	for _, o := range outputs(t, data,
		variant(t, "jpeg", "w=200,fmt=jpeg"), variant(t, "png", "w=200,fmt=png"), variant(t, "ground", "w=100,fmt=png,bg=dc1e28"), variant(t, "small", "w=60,fmt=jpeg")) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		s := see(t, o.Body)
		want := map[string]color.NRGBA{"jpeg": white, "png": nothing, "ground": red, "small": white}[o.Name]
		s.mustBe(t, 1, 1, want, 10)
		s.mustBe(t, s.w/2, s.h/2, blue, 10)
	}
}

func TestALimitOfMemoryBoundsResultsToo(t *testing.T) {
	under(t, func(o *Options) { o.Limits = core.Limits{MemoryBytes: 4 << 20} })
	all := outputs(t, pngOf(t, flat(10, 10, red)), variant(t, "a", "w=1025,h=1024,fit=pad"), variant(t, "b", "w=1024,h=1024,fit=pad"))
	for _, o := range all {
		if got, want := core.SlugOf(o.Err), map[string]core.Slug{"a": core.InvalidTransform}[o.Name]; got != want {
			t.Errorf("%s: got %q, want %q", o.Name, got, want)
		}
	}
}
