package engine

import (
	"fmt"
	"image"
	"image/color"
	"testing"
)

// inP3 is what colours are in Display P3, as a PNG whose numbers say so.
func inP3(t testing.TB, colours ...color.NRGBA) []byte {
	t.Helper()
	return made(t, pngOf(t, stripes(colours...)), "icc_transform output-profile=p3,input-profile=srgb", "pngsave_buffer")
}

// asSRGB are an output's pixels by way of its own profile.
func asSRGB(t *testing.T, o Output) seen {
	t.Helper()
	return see(t, one(t, o.Body, "fmt=png").Body)
}

func TestDisplayP3IsWhatItSays(t *testing.T) {
	drawn := []color.NRGBA{{160, 80, 70, 255}, {80, 130, 90, 255}, {70, 90, 140, 255}, {128, 128, 128, 255}} // within reach of inks
	plain, want := pngOf(t, stripes(drawn...)), see(t, inP3(t, drawn...))
	for name, c := range map[string]struct {
		data      []byte
		tolerance int
	}{
		"srgb":                   {plain, 3},
		"srgb with a profile":    {made(t, plain, "icc_transform output-profile=srgb,input-profile=srgb", "pngsave_buffer"), 3},
		"p3":                     {inP3(t, drawn...), 3},
		"p3, 16 bit":             {made(t, plain, "icc_transform output-profile=p3,input-profile=srgb,depth=16", "pngsave_buffer"), 3},
		"p3 with alpha":          {made(t, plain, "icc_transform output-profile=p3,input-profile=srgb", "bandjoin_const c=255", "pngsave_buffer"), 3},
		"16 bit without profile": {made(t, plain, "colourspace space=rgb16", "pngsave_buffer"), 3},
		"cmyk":                   {made(t, plain, "icc_transform output-profile=cmyk,input-profile=srgb,intent=relative,black-point-compensation=true", "tiffsave_buffer"), 14},
	} {
		for _, f := range []string{"png", "webp,lossless=1", "tiff", "jpeg,q=100,chroma=444", "avif,effort=0,q=95,chroma=444", "jxl,q=100,effort=0"} {
			for _, meta := range []string{"none", "copyright"} {
				t.Run(fmt.Sprintf("%s as %s meta=%s", name, f, meta), func(t *testing.T) {
					under(t, func(o *Options) { o.Formats = readable })
					trust("VipsForeignLoadJxl")
					o := one(t, c.data, "w=64,icc=p3,meta="+meta+",fmt="+f)
					out := see(t, o.Body)
					if n := out.read.profileLength(); n < 300 {
						t.Fatalf("its profile has %d bytes, want that of Display P3", n)
					}
					tolerance := c.tolerance
					if f[0] == 'a' || f[0] == 'j' {
						tolerance += 4
					}
					through := asSRGB(t, o)
					for i := range drawn {
						out.mustBe(t, (16*i+8)*out.w/(16*len(drawn)), out.h/2, want.at(16*i+8, 16), tolerance)
						through.mustBe(t, (16*i+8)*out.w/(16*len(drawn)), out.h/2, drawn[i], tolerance+1)
					}
				})
			}
		}
	}
}

// What is drawn in Display P3 must not lose it on the way.
func TestColoursBeyondSRGBSurviveInDisplayP3(t *testing.T) {
	img := stripes(color.NRGBA{255, 0, 0, 255}, color.NRGBA{0, 255, 0, 255})
	// Numbers of the corners, with the profile put on them without a conversion.
	p3 := made(t, made(t, pngOf(t, img), "pngsave_buffer profile=p3"), "pngsave_buffer")
	for _, icc := range []string{"p3", "keep"} {
		for _, size := range []string{"", "w=16,"} {
			s := see(t, one(t, p3, size+"fmt=png,icc="+icc).Body)
			s.mustBe(t, s.w/4, s.h/2, color.NRGBA{255, 0, 0, 255}, 2)
			s.mustBe(t, 3*s.w/4, s.h/2, color.NRGBA{0, 255, 0, 255}, 2)
		}
	}
}

func TestAKeptProfileComesWithItsNumbers(t *testing.T) {
	p3 := inP3(t, muted...)
	deep := made(t, pngOf(t, stripes(muted...)), "icc_transform output-profile=p3,input-profile=srgb,depth=16", "pngsave_buffer")
	numbers := see(t, p3)
	length := numbers.read.profileLength()
	for name, data := range map[string][]byte{"8 bit": p3, "16 bit": deep} {
		for _, f := range []string{"png", "webp,lossless=1", "tiff", "jpeg,q=100,chroma=444", "avif,effort=0,q=95,chroma=444"} {
			t.Run(name+" as "+f, func(t *testing.T) {
				o := one(t, data, "icc=keep,fmt="+f)
				s := see(t, o.Body)
				if got := s.read.profileLength(); got != length {
					t.Errorf("its profile has %d bytes, want the original's %d", got, length)
				}
				for i := range muted {
					s.mustBe(t, 16*i+8, 16, numbers.at(16*i+8, 16), map[bool]int{true: 6, false: 1}[f[0] == 'a' || f[0] == 'j'])
				}
				if len(o.Warnings) != 0 {
					t.Errorf("warnings are %v, want none", o.Warnings)
				}
			})
		}
	}
}

func TestWhatCannotKeepItsProfileIsSRGBAndSaysSo(t *testing.T) {
	inks := made(t, pngOf(t, stripes(muted...)), "icc_transform output-profile=cmyk,input-profile=srgb,intent=relative,black-point-compensation=true", "tiffsave_buffer")
	for name, c := range map[string]struct {
		data      []byte
		text      string
		tolerance int
	}{
		"inks as webp": {inks, "icc=keep,fmt=webp,lossless=1", 10},
		"inks as jpeg": {inks, "icc=keep,fmt=jpeg,q=100,chroma=444", 12},
		"gif, keep":    {inP3(t, muted...), "icc=keep,fmt=gif", 4},
		"gif, p3":      {inP3(t, muted...), "icc=p3,fmt=gif", 4},
	} {
		t.Run(name, func(t *testing.T) {
			o := one(t, c.data, c.text)
			if len(o.Warnings) != 1 || o.Warnings[0].Slug != "profile-converted" {
				t.Errorf("warnings are %v, want one profile-converted", o.Warnings)
			}
			mustHaveStripes(t, o, c.tolerance, muted...)
		})
	}
	o := one(t, pngOf(t, stripes(muted...)), "icc=keep,fmt=png")
	if n := see(t, o.Body).read.profileLength(); n != 0 || len(o.Warnings) != 0 {
		t.Errorf("an original without a profile has one of %d bytes, and warnings %v; want none", n, o.Warnings)
	}
}

// One render, three spaces: none of them may be drawn from another.
func TestSpacesOfOneFileDoNotMix(t *testing.T) {
	p3 := inP3(t, muted...)
	numbers := see(t, p3)
	for _, o := range outputs(t, p3, variant(t, "srgb", "fmt=png"), variant(t, "p3", "fmt=png,icc=p3"), variant(t, "small", "fmt=png,w=40"), variant(t, "smallp3", "fmt=png,w=40,icc=p3"), variant(t, "keep", "fmt=png,icc=keep,w=48")) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		s := see(t, o.Body)
		for i := range muted {
			want := numbers.at(16*i+8, 16)
			if o.Name == "srgb" || o.Name == "small" {
				want = muted[i]
			}
			s.mustBe(t, (16*i+8)*s.w/(16*len(muted)), s.h/2, want, 2)
		}
	}
}

// A colour of the transform is sRGB, whatever the picture is.
func TestAGroundIsTheColourItIsCalledInDisplayP3(t *testing.T) {
	o := one(t, pngOf(t, image.NewNRGBA(image.Rect(0, 0, 32, 32))), "fmt=png,icc=p3,bg=c83c3c")
	asSRGB(t, o).mustBe(t, 16, 16, color.NRGBA{200, 60, 60, 255}, 2)
	if got := see(t, o.Body).at(16, 16); near(got, color.NRGBA{200, 60, 60, 255}, 2) {
		t.Errorf("its numbers are %v, which are those of sRGB", got)
	}
}
