package engine

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"slices"
	"testing"

	"imgd/core"
	"imgd/core/transform"
	"imgd/e2e/scene"
)

// drawing has the engine read SVG and PDF until the test ends.
func drawing(t *testing.T) {
	t.Helper()
	under(t, func(o *Options) { o.Formats = readable })
}

// patch is a document of w x h with a red rectangle from a quarter to a half, both
// ways.
func patch(w, h int) []byte {
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 4 4" preserveAspectRatio="none">
<rect x="1" y="1" width="1" height="1" fill="#f00"/></svg>`, w, h)
}

// holds compares every pixel with what it has to be.
func holds(t *testing.T, what string, body []byte, w, h int, want func(x, y int) color.NRGBA) {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if b := m.Bounds(); b.Dx() != w || b.Dy() != h {
		t.Fatalf("%s: it is %d x %d, want %d x %d", what, b.Dx(), b.Dy(), w, h)
	}
	for y := range h {
		for x := range w {
			if got, want := color.NRGBAModel.Convert(m.At(x, y)), want(x, y); got != want {
				t.Fatalf("%s: pixel %d, %d is %v, want %v", what, x, y, got, want)
			}
		}
	}
}

func within(r image.Rectangle, c color.NRGBA) func(x, y int) color.NRGBA {
	return func(x, y int) color.NRGBA {
		if image.Pt(x, y).In(r) {
			return c
		}
		return color.NRGBA{}
	}
}

var fullRed = color.NRGBA{255, 0, 0, 255}

func TestAnSVGIsDrawnAtTheSizeThatIsWanted(t *testing.T) {
	drawing(t)
	for _, c := range []struct {
		transform string
		w, h      int
	}{
		{"fmt=png", 40, 80},
		{"w=20,fmt=png", 20, 40},
		{"w=400,fmt=png", 40, 80}, // never enlarged
		{"w=400,fit=contain,up=1,fmt=png", 400, 800},
		{"w=1200,fit=contain,up=1,fmt=png", 1200, 2400}, // in several tiles
		{"w=200,h=120,fit=fill,up=1,fmt=png", 200, 120},
	} {
		// Edges are where they are without a pixel in between: nothing was resampled.
		r := image.Rect(c.w/4, c.h/4, c.w/2, c.h/2)
		holds(t, c.transform, one(t, patch(40, 80), c.transform).Body, c.w, c.h, within(r, fullRed))
	}
}

func TestACutOfAnSVGIsDrawnLarger(t *testing.T) {
	drawing(t)
	for _, c := range []struct {
		transform string
		w, h      int
		red       image.Rectangle
	}{
		{"crop=0:0:20:40,fmt=png", 20, 40, image.Rect(10, 20, 20, 40)},
		{"crop=0:0:20:40,w=100,fit=contain,up=1,fmt=png", 100, 200, image.Rect(50, 100, 100, 200)},
		{"crop=10:20:10:20,w=100,fit=contain,up=1,fmt=png", 100, 200, image.Rect(0, 0, 100, 200)},
		{"trim=10,w=100,fit=contain,up=1,fmt=png", 100, 200, image.Rect(0, 0, 100, 200)},
	} {
		holds(t, c.transform, one(t, patch(40, 80), c.transform).Body, c.w, c.h, within(c.red, fullRed))
	}
}

func TestVariantsOfAnSVGAreEachSharp(t *testing.T) {
	drawing(t)
	sizes := []int{16, 20, 24, 40, 64, 200}
	var vs []transform.Variant
	for _, w := range sizes {
		vs = append(vs, variant(t, fmt.Sprint(w), fmt.Sprintf("w=%d,fit=contain,up=1,fmt=png", w)))
	}
	for _, o := range outputs(t, patch(40, 40), vs...) {
		var w int
		if _, err := fmt.Sscan(o.Name, &w); err != nil || o.Err != nil {
			t.Fatal(err, o.Err)
		}
		holds(t, o.Name, o.Body, w, w, within(image.Rect(w/4, w/4, w/2, w/2), fullRed))
	}
}

func TestAnSVGKeepsItsAlpha(t *testing.T) {
	drawing(t)
	data := []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8" fill="#f00" opacity=".5"/></svg>`)
	holds(t, "half", one(t, data, "fmt=png").Body, 8, 8, func(int, int) color.NRGBA { return color.NRGBA{255, 0, 0, 128} })
	flat := func(int, int) color.NRGBA { return color.NRGBA{255, 127, 127, 255} }
	holds(t, "half on white", one(t, data, "bg=ffffff,fmt=png").Body, 8, 8, flat)
	p, err := Probe(data)
	if err != nil || !p.HasAlpha || p.Width != 8 || p.Height != 8 || p.Pages != 1 || p.Format != "svg" || p.ContentType != "image/svg+xml" {
		t.Errorf("Probe: got %+v and %v", p, err)
	}
}

func TestRootsOfAnSVGOfEveryKind(t *testing.T) {
	drawing(t)
	body := `<rect width="5" height="10" fill="#f00"/>`
	for root, want := range map[string]struct{ w, h, red int }{
		`xmlns="http://www.w3.org/2000/svg" width="10" height="10"`:                                                    {10, 10, 5},
		`xmlns="http://www.w3.org/2000/svg" width="1in" height="72pt" viewBox="0 0 10 10"`:                             {96, 96, 48},
		`xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"`:                                                       {10, 10, 5},
		`xmlns="http://www.w3.org/2000/svg" x="50" y="50" width="20" viewBox="0 0 10 10"`:                              {20, 20, 10},
		`xmlns="http://www.w3.org/2000/svg" width="9" height="9" style="width:20px;height:20px"  viewBox="0 0 10 10"`:  {20, 20, 10},
		`xmlns="http://www.w3.org/2000/svg" width="40" height="20" viewBox="0 0 10 10" preserveAspectRatio="xMinYMin"`: {40, 20, 10},
	} {
		data := fmt.Appendf(nil, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- drawn by hand -->\n<svg %s>%s</svg>\n", root, body)
		holds(t, root, one(t, data, "fmt=png").Body, want.w, want.h, within(image.Rect(0, 0, want.red, want.h), fullRed))
	}
}

func TestWhatADocumentRefersToInsideIsDrawn(t *testing.T) {
	drawing(t)
	var b bytes.Buffer
	m := image.NewNRGBA(image.Rect(0, 0, 2, 2))
	for i := range 4 {
		m.SetNRGBA(i%2, i/2, fullRed)
	}
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"a use":     `<defs><rect id="r" width="8" height="8" fill="#f00"/></defs><use href="#r"/>`,
		"a pattern": `<pattern id="p" width="1" height="1"><rect width="8" height="8" fill="#f00"/></pattern><rect width="8" height="8" fill="url(#p)"/>`,
		"a class":   `<style>.a{fill:#f00}</style><rect class="a" width="8" height="8"/>`,
		"a picture": `<image width="8" height="8" href="data:image/png;base64,` + base64.StdEncoding.EncodeToString(b.Bytes()) + `"/>`,
		"a filter":  `<filter id="f" x="0" y="0" width="1" height="1"><feFlood flood-color="#f00"/></filter><rect width="8" height="8" filter="url(#f)"/>`,
	} {
		data := []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8">` + body + `</svg>`)
		holds(t, name, one(t, data, "fmt=png").Body, 8, 8, func(int, int) color.NRGBA { return fullRed })
	}
}

func TestTextOfAnSVGIsLeftOutAndSaidToBe(t *testing.T) {
	drawing(t)
	data := []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><style>text{display:inline}</style><text y="30" font-size="30">M</text></svg>`)
	holds(t, "text", one(t, data, "fmt=png").Body, 40, 40, func(int, int) color.NRGBA { return color.NRGBA{} })
	p, err := Probe(data)
	if err != nil || len(p.Warnings) != 1 || p.Warnings[0].Slug != "text-not-drawn" {
		t.Errorf("Probe: got %+v and %v, want a warning text-not-drawn", p.Warnings, err)
	}
}

func TestPagesOfAPDF(t *testing.T) {
	drawing(t)
	data := scene.PDF("", scene.Filled(100.3, 50.2, 1, 0, 0), scene.Filled(30, 60, 0, 1, 0), scene.Filled(20, 20, 0, 0, 1))
	p, err := Probe(data)
	if err != nil || p.Pages != 3 || p.Width != 100 || p.Height != 50 || p.HasAlpha || p.Animated || p.Format != "pdf" || p.ContentType != "application/pdf" {
		t.Errorf("Probe: got %+v and %v, want three opaque pages, the first of 100 x 50", p, err)
	}
	blue := color.NRGBA{0, 0, 255, 255}
	green := color.NRGBA{0, 255, 0, 255}
	for _, c := range []struct {
		transform string
		w, h      int
		want      color.NRGBA
	}{
		{"fmt=png", 100, 50, fullRed},
		{"page=1,fmt=png", 30, 60, green},
		{"page=2,fmt=png", 20, 20, blue},
		{"page=2,w=7,fmt=png", 7, 7, blue},
		{"page=1,w=300,fmt=png", 30, 60, green},
		{"page=1,w=300,fit=contain,up=1,fmt=png", 300, 600, green},
		{"page=1,crop=0:0:10:10,w=95,fit=contain,up=1,fmt=png", 95, 95, green},
	} {
		m, err := png.Decode(bytes.NewReader(one(t, data, c.transform).Body))
		if err != nil {
			t.Fatal(err)
		}
		if b := m.Bounds(); b.Dx() != c.w || b.Dy() != c.h {
			t.Errorf("%s: got %v, want %d x %d", c.transform, b, c.w, c.h)
		}
		if got := color.NRGBAModel.Convert(m.At(c.w/2, c.h/2)); got != c.want {
			t.Errorf("%s: got %v in the middle, want %v", c.transform, got, c.want)
		}
	}
	all := outputs(t, data, variant(t, "one", "page=3"))
	if core.SlugOf(all[0].Err) != core.InvalidTransform {
		t.Errorf("page 3 of pages 0 to 2: got %v, want %s", all[0].Err, core.InvalidTransform)
	}
}

func TestAPDFIsDrawnSharpAtEverySize(t *testing.T) {
	drawing(t)
	data := scene.PDF("", scene.Page{Width: 40, Height: 40, Content: "1 0 0 rg 10 20 10 10 re f"})
	for _, w := range []int{20, 40, 80, 400, 1600} {
		body := one(t, data, fmt.Sprintf("w=%d,fit=contain,up=1,fmt=png", w)).Body
		holds(t, fmt.Sprint(w), body, w, w, func(x, y int) color.NRGBA {
			if image.Pt(x, y).In(image.Rect(w/4, w/4, w/2, w/2)) {
				return fullRed
			}
			return color.NRGBA{255, 255, 255, 255}
		})
	}
}

func TestVectorsAreRefusedWithinTheLimits(t *testing.T) {
	drawing(t)
	for name, c := range map[string]struct {
		data []byte
		want core.Slug
	}{
		"an encrypted PDF":      {scene.PDF("/Encrypt<</Filter/Standard/V 1>>", scene.Filled(9, 9, 1, 0, 0)), core.ImageUndecodable},
		"a PDF without pages":   {scene.PDF(""), core.ImageUndecodable},
		"a page that is huge":   {scene.PDF("", scene.Filled(14000, 14000, 1, 0, 0)), core.ImageTooLarge},
		"an SVG that is huge":   {patch(14000, 14000), core.ImageTooLarge},
		"layers without memory": {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" width="3000" height="3000"><g opacity=".5"><g opacity=".5"><g opacity=".5"/></g></g></svg>`), core.ImageTooComplex},
		"a script":              {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script/></svg>`), core.SVGNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			under(t, func(o *Options) { o.Limits = core.Limits{Side: 65500, Pixels: 100e6, MemoryBytes: 160 << 20} })
			if got := refusal(t, c.data); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	under(t, func(o *Options) { o.Limits = core.Limits{Side: 4000, Pixels: 100e6, MemoryBytes: 100 << 20} })
	for transform, want := range map[string]core.Slug{
		"w=3000,fit=contain,up=1,fmt=png": "", "w=3990,fit=contain,up=1,fmt=png": core.InvalidTransform, "w=4001,fit=contain,up=1,fmt=png": core.InvalidTransform,
		"crop=0:0:1:1,w=3000,fit=contain,up=1,fmt=png": "", // the page is enlarged less than that
	} {
		all := outputs(t, patch(30, 30), variant(t, "one", transform))
		if got := core.SlugOf(all[0].Err); got != want {
			t.Errorf("%s: got %v, want %q", transform, all[0].Err, want)
		}
	}
}

func TestVectorsAreListedWhereTheyAreOn(t *testing.T) {
	if got := Capabilities().Read; slices.Contains(got, "svg") || slices.Contains(got, "pdf") {
		t.Errorf("by default the engine reads %v", got)
	}
	drawing(t)
	if got := Capabilities().Read; !slices.Contains(got, "svg") || !slices.Contains(got, "pdf") {
		t.Errorf("switched on, the engine reads %v", got)
	}
}
