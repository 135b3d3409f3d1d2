package engine

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"imgd/adapters/vips/structure"
	"imgd/core"
	"imgd/core/transform"
	"imgd/e2e/scene"
)

func TestMain(m *testing.M) {
	if err := Start(Options{Formats: readable}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	current.Formats = usual // as where nothing else is switched on
	os.Exit(m.Run())
}

// under has the engine work under other options until the test ends.
func under(t *testing.T, change func(*Options)) {
	t.Helper()
	was := current
	t.Cleanup(func() { current = was })
	change(&current)
}

// variant reads a transform under a name.
func variant(t testing.TB, name, text string) transform.Variant {
	t.Helper()
	s, err := transform.Parse(text)
	if err != nil {
		t.Fatalf("the test's own transform %q: %v", text, err)
	}
	return transform.Variant{Name: name, Spec: s}
}

// outputs renders variants and keeps what was emitted, in its order.
func outputs(t testing.TB, data []byte, vs ...transform.Variant) []Output {
	t.Helper()
	all, _, err := attempt(t.Context(), data, vs)
	if err != nil {
		t.Fatalf("Render: %v", err)
	}
	return all
}

func attempt(ctx context.Context, data []byte, vs []transform.Variant) (all []Output, f *core.Facts, err error) {
	f, err = Render(ctx, Task{Data: data, Variants: vs, Facts: true}, func(o Output) error {
		o.Body = slices.Clone(o.Body)
		all = append(all, o)
		return nil
	})
	return all, f, err
}

// one renders one variant that must work out.
func one(t testing.TB, data []byte, text string) Output {
	t.Helper()
	all := outputs(t, data, variant(t, "one", text))
	if len(all) != 1 {
		t.Fatalf("%s: %d outputs, want 1", text, len(all))
	}
	if all[0].Err != nil {
		t.Fatalf("%s: %v", text, all[0].Err)
	}
	return all[0]
}

// refusal is the slug with which the engine refuses a file, "" if it does not.
func refusal(t testing.TB, data []byte) core.Slug {
	t.Helper()
	_, _, err := attempt(t.Context(), data, []transform.Variant{variant(t, "one", "w=20,h=20")})
	return core.SlugOf(err)
}

// seen are the pixels of a file, decoded.
type seen struct {
	w, h, bands int
	samples     []byte
	read        picture // its header; freed with the test
}

// see decodes a file that the engine wrote, first frame first. Several frames
// stand one below the other.
func see(t testing.TB, body []byte) seen {
	t.Helper()
	f, ok := structure.Sniff(body[:min(len(body), structure.SniffBytes)])
	if !ok {
		t.Fatalf("the output begins with % x, which is no image", body[:min(len(body), 16)])
	}
	options := "access=random"
	if f == structure.GIF || f == structure.WebP {
		options += ",n=-1"
	}
	p, err := load(loader(f), body, options)
	if err != nil {
		t.Fatalf("the %s that was written cannot be read: %v", f, err)
	}
	t.Cleanup(p.free)
	if !p.eightBit() {
		t.Errorf("the %s that was written does not have 8 bits a sample", f)
	}
	samples, err := p.samples()
	if err != nil {
		t.Fatalf("the %s that was written cannot be decoded: %v", f, err)
	}
	return seen{p.width(), p.height(), p.bands(), samples, p}
}

func (s seen) at(x, y int) color.NRGBA {
	px := s.samples[(y*s.w+x)*s.bands:][:s.bands]
	switch s.bands {
	case 1:
		return color.NRGBA{px[0], px[0], px[0], 255}
	case 2:
		return color.NRGBA{px[0], px[0], px[0], px[1]}
	case 3:
		return color.NRGBA{px[0], px[1], px[2], 255}
	}
	return color.NRGBA{px[0], px[1], px[2], px[3]}
}

// mustBe holds a pixel against a colour, give or take so many levels.
func (s seen) mustBe(t testing.TB, x, y int, want color.NRGBA, tolerance int) {
	t.Helper()
	if got := s.at(x, y); !near(got, want, tolerance) {
		t.Errorf("pixel %d,%d of %dx%d: got %v, want %v within %d levels", x, y, s.w, s.h, got, want, tolerance)
	}
}

func near(a, b color.NRGBA, tolerance int) bool {
	if a.A == 0 && b.A == 0 {
		return true
	}
	for _, d := range []int{int(a.R) - int(b.R), int(a.G) - int(b.G), int(a.B) - int(b.B), int(a.A) - int(b.A)} {
		if max(d, -d) > tolerance {
			return false
		}
	}
	return true
}

func mustMeasure(t testing.TB, o Output, w, h int64) {
	t.Helper()
	if o.Width != w || o.Height != h {
		t.Errorf("%s says %d x %d, want %d x %d", o.Name, o.Width, o.Height, w, h)
	}
	if s := see(t, o.Body); int64(s.w) != w || int64(s.h) != h*o.Pages {
		t.Errorf("%s is %d x %d pixels large, want %d x %d in %d pages", o.Name, s.w, s.h, w, h, o.Pages)
	}
}

// The colours of test pictures.
var (
	red     = color.NRGBA{220, 30, 40, 255}
	green   = color.NRGBA{30, 200, 60, 255}
	blue    = color.NRGBA{40, 60, 210, 255}
	yellow  = color.NRGBA{240, 220, 50, 255}
	white   = color.NRGBA{255, 255, 255, 255}
	ink     = color.NRGBA{0, 0, 0, 255}
	nothing = color.NRGBA{}
)

// quadrants is red, green, blue and yellow, row by row.
func quadrants(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, [4]color.NRGBA{red, green, blue, yellow}[y*2/h*2+x*2/w])
		}
	}
	return img
}

// flat is of one colour.
func flat(w, h int, c color.NRGBA) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := 0; i < len(img.Pix); i += 4 {
		img.Pix[i], img.Pix[i+1], img.Pix[i+2], img.Pix[i+3] = c.R, c.G, c.B, c.A
	}
	return img
}

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// photo is a JPEG like that of a camera. Small ones are drawn; the others are cut out
// of one, since drawing it takes longer than what the tests do with it.
func photo(t testing.TB, w, h int) []byte {
	t.Helper()
	draw, _ := photos.LoadOrStore([2]int{w, h}, sync.OnceValue(func() []byte {
		const large, width, height = 1 << 20, 1927, 1443
		if w*h > large && (w != width || h != height) {
			return made(t, photo(t, width, height), fmt.Sprintf("extract_area left=0,top=0,width=%d,height=%d", w, h), "jpegsave_buffer Q=90")
		}
		b, err := scene.JPEG(w, h)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}))
	return slices.Clone(draw.(func() []byte)())
}

// photos are those that were made, by their sizes.
var photos sync.Map

// made puts a file through operations of libvips, "name options" each, and saves
// it with the last of them.
func made(t testing.TB, data []byte, chain ...string) []byte {
	t.Helper()
	f, _ := structure.Sniff(data[:min(len(data), structure.SniffBytes)])
	p, err := load(loader(f), data, "access=random")
	if err != nil {
		t.Fatal(err)
	}
	defer p.free()
	s := from(p)
	for _, step := range chain[:len(chain)-1] {
		operation, options, _ := strings.Cut(step, " ")
		s.do(operation, "%s", options)
	}
	last, err := s.end()
	if err != nil {
		t.Fatalf("%v: %v", chain, err)
	}
	defer last.free()
	saver, options, _ := strings.Cut(chain[len(chain)-1], " ")
	file, err := last.save(saver, options)
	if err != nil {
		t.Fatalf("%v: %v", chain, err)
	}
	defer file.free()
	return slices.Clone(file.bytes())
}

// variants reads one transform, named one.
func variants(t testing.TB, text string) []transform.Variant {
	t.Helper()
	return []transform.Variant{variant(t, "one", text)}
}

// formatOf is what a file is by its first bytes.
func formatOf(data []byte) structure.Format {
	f, _ := structure.Sniff(data[:min(len(data), structure.SniffBytes)])
	return f
}
