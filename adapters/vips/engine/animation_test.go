package engine

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"slices"
	"testing"

	"imgd/core"
)

// film is a GIF of a frame for each colour, shown for so many hundredths of a
// second, repeated loop times, 0 for ever.
func film(t testing.TB, w, h int, delays []int, loop int, colours ...color.NRGBA) []byte {
	t.Helper()
	g := &gif.GIF{LoopCount: loop, Config: image.Config{Width: w, Height: h}}
	for i, c := range colours {
		p := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{c, white})
		g.Image, g.Delay = append(g.Image, p), append(g.Delay, delays[i%len(delays)])
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (s seen) frames() int { return s.read.field("n-pages", 1) }

// mustPlay holds the frames of an animation against colours.
func mustPlay(t *testing.T, o Output, tolerance int, colours ...color.NRGBA) {
	t.Helper()
	s := see(t, o.Body)
	if s.frames() != len(colours) || o.Pages != int64(len(colours)) {
		t.Fatalf("%s has %d frames and says %d, want %d", o.Name, s.frames(), o.Pages, len(colours))
	}
	high := s.h / len(colours)
	for i, c := range colours {
		s.mustBe(t, s.w/2, i*high+high/2, c, tolerance)
		s.mustBe(t, 0, i*high, c, tolerance) // nothing of the frame before
		s.mustBe(t, s.w-1, (i+1)*high-1, c, tolerance)
	}
}

func TestAnAnimationKeepsItsFramesTimesAndLoops(t *testing.T) {
	data := film(t, 64, 48, []int{7, 12, 30}, 3, red, green, blue)
	p, err := Probe(data)
	if err != nil || !p.Animated || p.Pages != 3 || p.Width != 64 || p.Height != 48 {
		t.Fatalf("Probe says %+v, %v; want 3 animated pages of 64 x 48", p, err)
	}
	webp := one(t, data, "fmt=webp,lossless=1").Body
	for name, source := range map[string][]byte{"gif": data, "webp": webp} {
		want := see(t, source).read.field("loop", -1)
		for _, text := range []string{"fmt=webp", "fmt=gif", "w=31,fmt=webp", "w=31,fmt=gif", "w=32,h=32,fit=cover,fmt=webp", "w=200,h=200,fit=pad,bg=ffffff,fmt=webp", "w=100,fit=contain,up=1,fmt=gif"} {
			t.Run(name+" to "+text, func(t *testing.T) {
				o := one(t, source, text)
				s := see(t, o.Body)
				if s.frames() != 3 || o.Pages != 3 {
					t.Fatalf("%d frames and says %d, want 3", s.frames(), o.Pages)
				}
				if got := s.read.delays(); !slices.Equal(got, []int{70, 120, 300}) {
					t.Errorf("its frames are shown for %v ms, want 70, 120, 300", got)
				}
				if got := s.read.field("loop", -1); got != want {
					t.Errorf("it loops %d times, its source %d", got, want)
				}
				high := s.h / 3
				for i, c := range []color.NRGBA{red, green, blue} {
					s.mustBe(t, s.w/2, i*high+high/2, c, 14)
				}
			})
		}
	}
}

func TestFramesDoNotRunIntoEachOther(t *testing.T) {
	data := film(t, 50, 37, []int{10}, 0, red, blue, yellow, ink, white)
	for _, text := range []string{"w=23,fmt=webp,lossless=1", "w=90,fit=contain,up=1,fmt=webp,lossless=1", "rot=90,fmt=webp,lossless=1", "flip=v,fmt=webp,lossless=1"} {
		mustPlay(t, one(t, data, text), 2, red, blue, yellow, ink, white)
	}
}

func TestFramesThatAreTooFastAreSlowedDown(t *testing.T) {
	data := film(t, 20, 20, []int{0, 1, 2, 9}, 0, red, green, blue, yellow)
	for _, f := range []string{"webp", "gif"} {
		if got := see(t, one(t, data, "fmt="+f).Body).read.delays(); !slices.Equal(got, []int{100, 100, 20, 90}) {
			t.Errorf("%s: frames are shown for %v ms, want 100, 100, 20, 90", f, got)
		}
	}
}

// The encoder of WebP makes one frame of several that look the same.
func TestFramesThatLookTheSameAreShownAsLong(t *testing.T) {
	data := film(t, 40, 30, []int{10, 20, 30}, 0, red, red, green)
	for text, frames := range map[string]int64{"fmt=webp": 2, "fmt=gif": 3} {
		o := one(t, data, text)
		s := see(t, o.Body)
		if o.Pages != frames || s.frames() != int(frames) {
			t.Errorf("%s has %d frames and says %d, want %d", text, s.frames(), o.Pages, frames)
		}
		total := 0
		for _, d := range s.read.delays() {
			total += d
		}
		if total != 600 {
			t.Errorf("%s takes %d ms, want 600", text, total)
		}
	}
	if o := one(t, film(t, 40, 30, []int{10}, 0, red, red), "fmt=webp,lossless=1"); o.Pages != 1 {
		t.Errorf("an animation in which nothing moves has %d frames, want 1", o.Pages)
	} else {
		see(t, o.Body).mustBe(t, 20, 15, red, 2)
	}
}

func TestOneFrameOfAnAnimation(t *testing.T) {
	data := film(t, 40, 30, []int{10}, 0, red, green, blue)
	for text, want := range map[string]color.NRGBA{
		"fmt=png": red, "fmt=jpeg,q=95": red, "anim=0,fmt=webp,lossless=1": red, "anim=0,fmt=gif": red,
		"page=1,fmt=png": green, "page=2,fmt=webp,lossless=1": blue, "page=1,w=20,fmt=gif": green, "page=1,anim=0,w=80,up=1,fit=contain,fmt=webp,lossless=1": green,
	} {
		t.Run(text, func(t *testing.T) {
			o := one(t, data, text)
			s := see(t, o.Body)
			if o.Pages != 1 || s.frames() != 1 {
				t.Errorf("%d frames and says %d, want one", s.frames(), o.Pages)
			}
			if s.w*3 != s.h*4 {
				t.Errorf("it is %d x %d pixels large, want 4:3", s.w, s.h)
			}
			s.mustBe(t, s.w/2, s.h/2, want, 8)
		})
	}
}

func TestAPageThatIsNotThereIsThatVariantsError(t *testing.T) {
	data := film(t, 40, 30, []int{10}, 0, red, green)
	for _, o := range outputs(t, data, variant(t, "a", "page=2"), variant(t, "b", "page=1,fmt=png"), variant(t, "c", "w=10")) {
		if got, want := core.SlugOf(o.Err), map[string]core.Slug{"a": core.InvalidTransform}[o.Name]; got != want {
			t.Errorf("%s: got %q (%v), want %q", o.Name, got, o.Err, want)
		}
	}
}

func TestStillAndMovingVariantsOfOneFile(t *testing.T) {
	data := film(t, 400, 300, []int{10}, 0, red, green)
	want := map[string]int64{"film": 2, "small": 2, "poster": 1, "jpeg": 1, "second": 1}
	for _, o := range outputs(t, data, variant(t, "film", "fmt=webp"), variant(t, "small", "w=90,fmt=gif"),
		variant(t, "poster", "anim=0,w=200,fmt=webp"), variant(t, "jpeg", "w=90,fmt=jpeg"), variant(t, "second", "page=1,fmt=png")) {
		if o.Err != nil || o.Pages != want[o.Name] {
			t.Errorf("%s has %d pages, %v; want %d", o.Name, o.Pages, o.Err, want[o.Name])
		}
	}
}

func TestAnAnimationBeyondItsBudget(t *testing.T) {
	data := film(t, 40, 30, []int{10}, 0, red, green, blue, yellow)
	for name, limits := range map[string]core.Limits{
		"frames": {Frames: 3}, "pixels": {Pixels: 4*1200 - 1}, "memory": {MemoryBytes: 6*4*1200 - 1},
	} {
		t.Run(name, func(t *testing.T) {
			under(t, func(o *Options) { o.Limits = limits })
			if got := refusal(t, data); got != core.TooManyFrames {
				t.Errorf("got %q, want %q", got, core.TooManyFrames)
			}
			current.FirstFrame = true
			p, err := Probe(data)
			if err != nil || len(p.Warnings) != 1 || p.Warnings[0].Slug != "animation-first-frame" {
				t.Fatalf("Probe says %v, %v; want one warning animation-first-frame", p.Warnings, err)
			}
			o := one(t, data, "fmt=webp,lossless=1")
			if len(o.Warnings) != 1 || o.Warnings[0].Slug != "animation-first-frame" || o.Warnings[0].Variant != "one" {
				t.Errorf("the variant's warnings are %v, want one animation-first-frame", o.Warnings)
			}
			mustPlay(t, o, 2, red)
		})
	}
	t.Run("within", func(t *testing.T) {
		under(t, func(o *Options) { o.Limits = core.Limits{Frames: 4, Pixels: 4 * 1200, MemoryBytes: 6 * 4 * 1200} })
		mustPlay(t, one(t, data, "fmt=webp,lossless=1"), 2, red, green, blue, yellow)
	})
}

// The second page of a TIFF need not look like the first.
func TestPagesOfDifferentSizes(t *testing.T) {
	for _, text := range []string{"page=1,fmt=png", "page=1,w=50,fmt=png", "page=1,w=25,h=25,fit=cover,fmt=png"} {
		s := see(t, one(t, twoPages(t), text).Body)
		if want := map[string][2]int{"page=1,fmt=png": {100, 50}, "page=1,w=50,fmt=png": {50, 25}}[text]; want[0] != 0 && (s.w != want[0] || s.h != want[1]) {
			t.Errorf("%s is %d x %d, want %v", text, s.w, s.h, want)
		}
		s.mustBe(t, s.w/2, s.h/2, green, 0)
	}
}

// twoPages is a TIFF of a red page of 40 x 30 and a green one of 100 x 50.
func twoPages(t testing.TB) []byte {
	t.Helper()
	first := made(t, pngOf(t, flat(40, 30, red)), "tiffsave_buffer")
	second := made(t, pngOf(t, flat(100, 50, green)), "tiffsave_buffer")
	return joinTIFF(first, second)
}
