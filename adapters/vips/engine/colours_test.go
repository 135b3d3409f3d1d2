package engine

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"slices"
	"testing"

	"imgd/core"
)

// Colours that every press and screen can show.
var muted = []color.NRGBA{{160, 80, 70, 255}, {80, 130, 90, 255}, {70, 90, 140, 255}, {128, 128, 128, 255}, {210, 190, 120, 255}, {40, 40, 40, 255}}

// stripes stand side by side, 16 pixels wide.
func stripes(colours ...color.NRGBA) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, 16*len(colours), 32))
	for y := range 32 {
		for x := range 16 * len(colours) {
			img.SetNRGBA(x, y, colours[x/16])
		}
	}
	return img
}

func mustHaveStripes(t *testing.T, o Output, tolerance int, want ...color.NRGBA) {
	t.Helper()
	s := see(t, o.Body)
	for i, c := range want {
		s.mustBe(t, (16*i+8)*s.w/(16*len(want)), s.h/2, c, tolerance)
	}
}

func TestEveryColourSpaceComesOutAsSRGB(t *testing.T) {
	plain := pngOf(t, stripes(muted...))
	for name, c := range map[string]struct {
		data      []byte
		tolerance int
	}{
		"srgb without a profile": {plain, 0},
		"srgb with a profile":    {made(t, plain, "icc_transform output-profile=srgb,input-profile=srgb", "pngsave_buffer"), 1},
		"display p3":             {made(t, plain, "icc_transform output-profile=p3,input-profile=srgb", "pngsave_buffer"), 2},
		"display p3, 16 bit":     {made(t, plain, "icc_transform output-profile=p3,input-profile=srgb,depth=16", "pngsave_buffer"), 2},
		"display p3 with alpha":  {made(t, plain, "icc_transform output-profile=p3,input-profile=srgb", "bandjoin_const c=255", "pngsave_buffer"), 2},
		"cmyk with a profile":    {made(t, plain, "icc_transform output-profile=cmyk,input-profile=srgb,intent=relative,black-point-compensation=true", "jpegsave_buffer Q=100"), 10},
		"cmyk without a profile": {made(t, plain, "icc_transform output-profile=cmyk,input-profile=srgb,intent=relative,black-point-compensation=true", "jpegsave_buffer Q=100,strip=true"), 10},
		"cmyk tiff":              {made(t, plain, "icc_transform output-profile=cmyk,input-profile=srgb,intent=relative,black-point-compensation=true", "tiffsave_buffer"), 10},
		"lab tiff":               {made(t, plain, "colourspace space=lab", "tiffsave_buffer"), 2},
		"16 bit srgb":            {made(t, plain, "colourspace space=rgb16", "pngsave_buffer"), 1},
		"palette":                {made(t, plain, "pngsave_buffer palette=true"), 1},
		"gif":                    {made(t, plain, "gifsave_buffer"), 4},
		"webp":                   {made(t, plain, "webpsave_buffer lossless=true"), 0},
		"jpeg":                   {made(t, plain, "jpegsave_buffer Q=100,subsample-mode=off"), 4},
		"jpeg with display p3":   {made(t, plain, "icc_transform output-profile=p3,input-profile=srgb", "jpegsave_buffer Q=100,subsample-mode=off"), 4},
		"webp with display p3":   {made(t, plain, "icc_transform output-profile=p3,input-profile=srgb", "webpsave_buffer lossless=true"), 3},
		"tiff with jpeg inside":  {made(t, plain, "tiffsave_buffer compression=jpeg,Q=100"), 6},
		"float tiff":             {made(t, plain, "colourspace space=scrgb", "tiffsave_buffer"), 2},
	} {
		t.Run(name, func(t *testing.T) {
			for _, text := range []string{"fmt=png", "w=48,fmt=png", "w=192,up=1,fit=contain,fmt=png"} {
				o := one(t, c.data, text)
				mustHaveStripes(t, o, c.tolerance, muted...)
				if n := see(t, o.Body).read.profileLength(); n != 0 {
					t.Errorf("%s carries a profile of %d bytes, want none: it is sRGB", text, n)
				}
			}
		})
	}
}

func TestAProfileMattersBeyondTheGamutOfSRGB(t *testing.T) {
	// The same numbers mean a more vivid colour in Display P3.
	vivid := color.NRGBA{200, 60, 60, 255}
	p3 := made(t, made(t, pngOf(t, stripes(vivid)), "icc_transform output-profile=srgb,input-profile=srgb", "pngsave_buffer"),
		"icc_transform output-profile=p3,input-profile=srgb", "pngsave_buffer")
	raw := see(t, p3).at(8, 16)
	if raw == vivid {
		t.Fatalf("the test's own picture has the numbers of sRGB, %v, in Display P3", raw)
	}
	mustHaveStripes(t, one(t, p3, "fmt=png"), 2, vivid)
}

func TestSixteenBitsBecomeEight(t *testing.T) {
	for name, img := range map[string]image.Image{
		"rgb":   fill(image.NewRGBA64(image.Rect(0, 0, 40, 40)), color.NRGBA64{0x8080, 0x4040, 0xc0c0, 0xffff}),
		"rgba":  fill(image.NewNRGBA64(image.Rect(0, 0, 40, 40)), color.NRGBA64{0x8080, 0x4040, 0xc0c0, 0x6060}),
		"grey":  fill(image.NewGray16(image.Rect(0, 0, 40, 40)), color.Gray16{0x5a5a}),
		"black": fill(image.NewRGBA64(image.Rect(0, 0, 40, 40)), color.NRGBA64{0, 0, 0, 0xffff}),
		"white": fill(image.NewNRGBA64(image.Rect(0, 0, 40, 40)), color.NRGBA64{0xffff, 0xffff, 0xffff, 0xfffe}),
	} {
		t.Run(name, func(t *testing.T) {
			want := color.NRGBAModel.Convert(img.At(0, 0)).(color.NRGBA)
			for _, text := range []string{"fmt=png", "w=13,fmt=png", "w=13,fmt=webp,lossless=1", "w=100,fmt=png,up=1,fit=contain"} {
				s := see(t, one(t, pngOf(t, img), text).Body)
				s.mustBe(t, s.w/2, s.h/2, want, 1)
				s.mustBe(t, 0, 0, want, 1)
			}
		})
	}
	t.Run("grey with alpha", func(t *testing.T) {
		img := fill(image.NewNRGBA64(image.Rect(0, 0, 40, 40)), color.NRGBA64{0x8080, 0x8080, 0x8080, 0x6060})
		data := made(t, pngOf(t, img), "colourspace space=grey16", "pngsave_buffer")
		s := see(t, one(t, data, "w=20,fmt=png").Body)
		if s.bands != 2 {
			t.Fatalf("%d channels, want grey and alpha", s.bands)
		}
		s.mustBe(t, 10, 10, color.NRGBA{128, 128, 128, 96}, 1)
	})
}

type settable interface {
	image.Image
	Set(x, y int, c color.Color)
}

func fill(img settable, c color.Color) image.Image {
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			img.Set(x, y, c)
		}
	}
	return img
}

func TestAGreyPictureStaysGrey(t *testing.T) {
	grey := made(t, photo(t, 300, 200), "colourspace space=b-w", "jpegsave_buffer")
	for text, bands := range map[string]int{"w=100,fmt=png": 1, "w=100,fmt=jpeg": 1, "w=100,fmt=webp": 3} {
		if s := see(t, one(t, grey, text).Body); s.bands != bands {
			t.Errorf("%s has %d channels, want %d", text, s.bands, bands)
		}
	}
}

// A profile that lies about the picture, or is no profile, is dropped and told of.
func TestAUselessProfileIsDroppedWithAWarning(t *testing.T) {
	good := made(t, pngOf(t, stripes(muted...)), "icc_transform output-profile=p3,input-profile=srgb", "jpegsave_buffer Q=100,subsample-mode=off")
	p, err := Probe(good)
	if err != nil || len(p.Warnings) != 0 {
		t.Fatalf("a good profile: %v, %v; want no warning", p.Warnings, err)
	}
	const tag = "ICC_PROFILE\x00" // then the number of the part and of all parts
	at := bytes.Index(good, []byte(tag)) + len(tag) + 2
	for name, spoil := range map[string]func([]byte){
		"no profile at all": func(b []byte) { clear(b[4:80]) },
		"for cmyk":          func(b []byte) { copy(b[16:], "CMYK") },
	} {
		t.Run(name, func(t *testing.T) {
			bad := slices.Clone(good)
			spoil(bad[at:])
			p, err := Probe(bad)
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Warnings) != 1 || p.Warnings[0].Slug != "profile-dropped" {
				t.Errorf("warnings are %v, want one that says profile-dropped", p.Warnings)
			}
			raw := see(t, good)
			s := see(t, one(t, bad, "fmt=png").Body)
			for i := range muted {
				s.mustBe(t, 16*i+8, 16, raw.at(16*i+8, 16), 3)
			}
		})
	}
}

func TestAFormatThatIsSwitchedOffIsRefused(t *testing.T) {
	under(t, func(o *Options) { o.Formats = []string{"png"} })
	if got := refusal(t, photo(t, 40, 30)); got != core.UnsupportedMediaType {
		t.Errorf("a JPEG: got %q, want %q", got, core.UnsupportedMediaType)
	}
	if got := refusal(t, pngOf(t, quadrants(40, 30))); got != "" {
		t.Errorf("a PNG: got %q, want none", got)
	}
	if err := Start(Options{Formats: []string{"png", "bmp"}}); err == nil {
		t.Error(fmt.Sprint("Start with bmp gave ", err, ", want an error that lists what is read"))
	}
}
