package engine

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"imgd/adapters/vips/structure"
	"imgd/core"
	"imgd/core/transform"
	"imgd/e2e/scene"
)

// operation is a transform and what becomes of a picture of 160 x 120 pixels with a
// colour in each quarter.
type operation struct {
	text string
	w, h int64
	// corners are the colours at the corners of the result, row by row: a to d of the
	// quarters of the picture, # of colour 102030, w white, . transparent. Empty: what
	// is there depends on the picture.
	corners string
	// law is what becomes of a colour, in CIE Lab; nil: it stays.
	law law
	// still says that a picture with nothing to change may stay as it is.
	still bool
}

type law func(color.NRGBA) lab

var operations = []operation{
	{text: "", w: 160, h: 120, corners: "ab/cd", still: true},

	{text: "page=1", w: 160, h: 120, corners: "ba/dc"},
	{text: "anim=0", w: 160, h: 120, corners: "ab/cd", still: true},
	{text: "dpr=2,w=40", w: 80, h: 60, corners: "ab/cd"},
	{text: "dpr=0.5,w=80,pad=8,bg=102030", w: 48, h: 38, corners: "##/##"},

	{text: "trim=70", w: 160, h: 60, corners: "cd/cd"},
	{text: "crop=80:0:80:60", w: 80, h: 60, corners: "bb/bb"},
	{text: "crop=0.5:0.5:0.5:0.5", w: 80, h: 60, corners: "dd/dd"},
	{text: "trim=70,crop=0:0:80:60,w=40", w: 40, h: 30, corners: "cc/cc"},
	{text: "w=80", w: 80, h: 60, corners: "ab/cd"},
	{text: "h=30", w: 40, h: 30, corners: "ab/cd"},
	{text: "w=60,h=60,fit=scale-down", w: 60, h: 45, corners: "ab/cd"},
	{text: "w=60,h=60,fit=contain", w: 60, h: 45, corners: "ab/cd"},
	{text: "w=60,h=60,fit=cover", w: 60, h: 60, corners: "ab/cd"},
	{text: "w=60,h=60,fit=fill", w: 60, h: 60, corners: "ab/cd"},
	{text: "w=80,h=80,fit=pad", w: 80, h: 80, corners: "../.."},
	{text: "w=80,h=80,fit=pad,pos=top,bg=102030", w: 80, h: 80, corners: "ab/##"},
	{text: "w=500", w: 160, h: 120, corners: "ab/cd", still: true},
	{text: "w=320,h=320,fit=contain,up=1", w: 320, h: 240, corners: "ab/cd"},
	{text: "w=30,h=60,fit=cover,pos=left", w: 30, h: 60, corners: "aa/cc"},
	{text: "w=30,h=60,fit=cover,pos=right", w: 30, h: 60, corners: "bb/dd"},
	{text: "w=80,h=20,fit=cover,pos=top", w: 80, h: 20, corners: "ab/ab"},
	{text: "w=80,h=20,fit=cover,pos=bottom", w: 80, h: 20, corners: "cd/cd"},
	{text: "w=20,h=20,fit=cover,pos=0.1x0.9", w: 20, h: 20},
	{text: "w=30,h=60,fit=cover,pos=0.9x0.5", w: 30, h: 60, corners: "bb/dd"},
	{text: "w=30,h=60,fit=cover,pos=attention", w: 30, h: 60},
	{text: "w=30,h=60,fit=cover,pos=entropy", w: 30, h: 60},
	{text: "rot=90", w: 120, h: 160, corners: "ca/db"},
	{text: "rot=180", w: 160, h: 120, corners: "dc/ba"},
	{text: "rot=270", w: 120, h: 160, corners: "bd/ac"},
	{text: "w=80,rot=45", w: 99, h: 99, corners: "../.."},
	{text: "w=80,rot=-20,bg=102030", w: 96, h: 84, corners: "##/##"},
	{text: "flip=h", w: 160, h: 120, corners: "ba/dc"},
	{text: "flip=v", w: 160, h: 120, corners: "cd/ab"},
	{text: "flip=hv", w: 160, h: 120, corners: "dc/ba"},

	{text: "blur=2", w: 160, h: 120, corners: "ab/cd"},
	{text: "sharpen=2", w: 160, h: 120, corners: "ab/cd", still: true},
	{text: "pixelate=7", w: 160, h: 120, corners: "ab/cd"},
	{text: "brightness=0.8", w: 160, h: 120, corners: "ab/cd", law: byLCh(0.8, 0.8, 0)},
	{text: "contrast=1.2", w: 160, h: 120, corners: "ab/cd", law: aroundGrey(1.2)},
	{text: "saturation=0.5", w: 160, h: 120, corners: "ab/cd", law: byLCh(1, 0.5, 0), still: true},
	{text: "saturation=0", w: 160, h: 120, corners: "ab/cd", law: byLCh(1, 0, 0), still: true},
	{text: "hue=40", w: 160, h: 120, corners: "ab/cd", law: byLCh(1, 1, 40), still: true},
	{text: "gray=1", w: 160, h: 120, corners: "ab/cd", law: byLCh(1, 0, 0), still: true},
	{text: "tint=a08060", w: 160, h: 120, corners: "ab/cd", law: tinted(color.NRGBA{160, 128, 96, 255})},
	{text: "linear=1,w=50", w: 50, h: 38, corners: "ab/cd"},

	{text: "bg=102030", w: 160, h: 120, corners: "ab/cd", still: true},
	{text: "pad=4:8:12:16,bg=102030", w: 184, h: 136, corners: "##/##"},
	{text: "pad=4", w: 168, h: 128, corners: "../.."},
	{text: "border=5:102030", w: 170, h: 130, corners: "##/##"},
	{text: "radius=30", w: 160, h: 120, corners: "../.."},
	{text: "radius=max,bg=102030", w: 160, h: 120, corners: "../.."},
	{text: "wm=" + logo + ":top-left:0.25", w: 160, h: 120, corners: "wb/cd"},
	{text: "wm=" + logo + ":center:0.25:1:1", w: 160, h: 120, corners: "ww/ww"},
}

// encoding is a way to write a picture, and what the file is.
type encoding struct {
	text    string
	format  string
	moves   bool // animations stay ones
	clear   bool // what is transparent stays so
	profile bool // a colour profile is in it, if it has to be
	packets bool // metadata may be in it
	most    int  // bytes, if there is a limit
}

var encodings = []encoding{
	{text: "fmt=webp,q=95", format: "webp", moves: true, clear: true},
	{text: "fmt=webp,lossless=1,effort=2", format: "webp", moves: true, clear: true},
	{text: "fmt=webp,anim=0,lossless=1", format: "webp", clear: true},
	{text: "fmt=webp,q=95,maxbytes=9000,anim=0", format: "webp", clear: true, most: 9000},
	{text: "fmt=avif,q=90,effort=0", format: "avif", clear: true},
	{text: "fmt=avif,q=90,effort=0,chroma=444", format: "avif", clear: true},
	{text: "fmt=jpeg,q=95", format: "jpeg"},
	{text: "fmt=jpeg,q=95,progressive=1,chroma=444,effort=0", format: "jpeg"},
	{text: "fmt=png", format: "png", clear: true},
	{text: "fmt=png,palette=64", format: "png", clear: true},
	{text: "fmt=png,progressive=1,lossless=1", format: "png", clear: true},
	{text: "fmt=gif", format: "gif", moves: true, clear: true},
	{text: "fmt=gif,palette=32,progressive=1", format: "gif", moves: true, clear: true},
	{text: "fmt=tiff", format: "tiff", clear: true},
	{text: "fmt=jxl,q=95,effort=0", format: "jxl", clear: true},
	{text: "fmt=auto,q=95,effort=0", moves: true, clear: true},
	{text: "fmt=png,icc=p3", format: "png", clear: true, profile: true},
	{text: "fmt=jpeg,q=95,icc=keep", format: "jpeg", profile: true},
	{text: "fmt=webp,lossless=1,meta=keep", format: "webp", moves: true, clear: true, packets: true},
	{text: "fmt=jpeg,q=95,meta=copyright", format: "jpeg", packets: true},
	{text: "fmt=png,meta=no-gps", format: "png", clear: true, packets: true},
}

// specimen is a picture of 160 x 120 pixels in one kind of file.
type specimen struct {
	data    []byte
	grey    bool
	clear   bool  // it has alpha, and a hole in quarter d
	vague   bool  // its decoder sees alpha where nothing is transparent
	pages   int64 // the second of them is mirrored
	moves   bool
	profile bool // of its own, for red, green and blue
}

// The colours of the quarters, as they are and where there is grey alone. Presses can
// print them.
var (
	quarters     = [4]color.NRGBA{{160, 80, 70, 255}, {100, 130, 90, 255}, {70, 90, 140, 255}, {210, 190, 120, 255}}
	greyQuarters = [4]color.NRGBA{{60, 60, 60, 255}, {120, 120, 120, 255}, {170, 170, 170, 255}, {220, 220, 220, 255}}
	hole         = image.Rect(100, 80, 130, 100)
)

func (s specimen) quarters() [4]color.NRGBA {
	if s.grey {
		return greyQuarters
	}
	return quarters
}

func quartered(c [4]color.NRGBA, mirrored bool) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, 160, 120))
	for y := range 120 {
		for x := range 160 {
			column := x / 80
			if mirrored {
				column = 1 - column
			}
			img.SetNRGBA(x, y, c[y/60*2+column])
		}
	}
	return img
}

// specimens are a picture in every kind of file that is read.
func specimens(t *testing.T) map[string]specimen {
	t.Helper()
	plain := pngOf(t, quartered(quarters, false))
	grey := made(t, pngOf(t, quartered(greyQuarters, false)), "colourspace space=b-w", "pngsave_buffer")
	holed, greyHoled := quartered(quarters, false), quartered(greyQuarters, false)
	for y := hole.Min.Y; y < hole.Max.Y; y++ {
		for x := hole.Min.X; x < hole.Max.X; x++ {
			holed.SetNRGBA(x, y, color.NRGBA{})
			greyHoled.SetNRGBA(x, y, color.NRGBA{})
		}
	}
	clear := pngOf(t, holed)
	const p3, inks = "icc_transform output-profile=p3,input-profile=srgb", "icc_transform output-profile=cmyk,input-profile=srgb,intent=relative,black-point-compensation=true"
	kinds := map[string]specimen{
		"png":                  {data: plain},
		"png, interlaced":      {data: made(t, plain, "pngsave_buffer interlace=true")},
		"png, palette":         {data: made(t, plain, "pngsave_buffer palette=true")},
		"png, 16 bit":          {data: made(t, plain, "colourspace space=rgb16", "pngsave_buffer")},
		"png, display p3":      {data: made(t, plain, p3, "pngsave_buffer"), profile: true},
		"png, grey":            {data: grey, grey: true},
		"png, grey, 16 bit":    {data: made(t, grey, "colourspace space=grey16", "pngsave_buffer"), grey: true},
		"png, alpha":           {data: clear, clear: true},
		"png, grey with alpha": {data: made(t, pngOf(t, greyHoled), "colourspace space=b-w", "pngsave_buffer"), grey: true, clear: true},
		"png, text":            {data: withText(plain)},
		"jpeg":                 {data: made(t, plain, "jpegsave_buffer Q=98")},
		"jpeg, progressive":    {data: made(t, plain, "jpegsave_buffer Q=98,interlace=true")},
		"jpeg, grey":           {data: made(t, grey, "jpegsave_buffer Q=98"), grey: true},
		"jpeg, display p3":     {data: made(t, plain, p3, "jpegsave_buffer Q=98,subsample-mode=off"), profile: true},
		"jpeg, cmyk":           {data: made(t, plain, inks, "jpegsave_buffer Q=100")},
		"jpeg, metadata":       {data: withXMP(made(t, plain, "jpegsave_buffer Q=98"))},
		"webp":                 {data: made(t, plain, "webpsave_buffer Q=98")},
		"webp, alpha":          {data: made(t, clear, "webpsave_buffer lossless=true"), clear: true},
		"gif":                  {data: made(t, plain, "gifsave_buffer"), vague: true},
		"gif, alpha":           {data: made(t, clear, "gifsave_buffer"), clear: true},
		"tiff":                 {data: made(t, plain, "tiffsave_buffer compression=deflate")},
		"tiff, cmyk":           {data: made(t, plain, inks, "tiffsave_buffer")},
		"tiff, two pages":      {data: joinTIFF(made(t, plain, "tiffsave_buffer"), made(t, pngOf(t, quartered(quarters, true)), "tiffsave_buffer")), pages: 2},
		"avif":                 {data: made(t, plain, "heifsave_buffer compression=av1,Q=95,effort=0")},
		"avif, alpha":          {data: made(t, clear, "heifsave_buffer compression=av1,Q=95,effort=0"), clear: true},
		"jxl":                  {data: made(t, plain, "jxlsave_buffer lossless=true"), profile: true},
		"jxl, alpha":           {data: made(t, clear, "jxlsave_buffer lossless=true"), clear: true, profile: true},
		"gif, moving":          {data: reel(t, "gifsave_buffer"), pages: 2, moves: true, vague: true},
		"webp, moving":         {data: reel(t, "webpsave_buffer lossless=true"), pages: 2, moves: true, vague: true},
	}
	kinds["svg"], kinds["pdf"] = drawnQuarters()
	if heic, ok := heicOf(t, plain); ok {
		kinds["heic"] = specimen{data: heic}
	}
	for n := 1; n <= 8; n++ {
		kinds["jpeg, orientation "+string(rune('0'+n))] = specimen{data: orientedQuarters(t, n)}
	}
	for name, s := range kinds {
		s.pages = max(1, s.pages)
		kinds[name] = s
	}
	return kinds
}

// drawnQuarters is the picture as four shapes: of an SVG, with the hole, and of a PDF,
// where they stand on its bottom.
func drawnQuarters() (svg, pdf specimen) {
	var shapes, content strings.Builder
	for i, c := range quarters {
		x, y := i%2*80, i/2*60
		missing := ""
		if at := image.Pt(x, y); hole.In(image.Rectangle{at, at.Add(image.Pt(80, 60))}) {
			missing = fmt.Sprintf("M%d %dh%dv%dh-%dz", hole.Min.X, hole.Min.Y, hole.Dx(), hole.Dy(), hole.Dx())
		}
		fmt.Fprintf(&shapes, "<path d='M%d %dh80v60h-80z%s' fill-rule='evenodd' fill='%s'/>", x, y, missing, hexOf(c))
		fmt.Fprintf(&content, "%g %g %g rg %d %d 80 60 re f\n", float64(c.R)/255, float64(c.G)/255, float64(c.B)/255, x, 60-y)
	}
	svg.clear = true
	svg.data = []byte("<svg xmlns='http://www.w3.org/2000/svg' width='160' height='120'>" + shapes.String() + "</svg>")
	pdf.data = scene.PDF("", scene.Page{Width: 160, Height: 120, Content: content.String()})
	return svg, pdf
}

// reel is an animation of the picture and its mirror image.
func reel(t *testing.T, saver string) []byte {
	t.Helper()
	var frames []picture
	for _, mirrored := range []bool{false, true} {
		data := pngOf(t, quartered(quarters, mirrored))
		p, err := load("pngload_buffer", data, "access=random")
		if err != nil {
			t.Fatal(err)
		}
		defer p.free()
		s := from(p)
		s.keep()
		f, err := s.end()
		if err != nil {
			t.Fatal(err)
		}
		defer f.free()
		frames = append(frames, f)
	}
	joined, err := join(frames, animation{delays: []int{100, 200}})
	if err != nil {
		t.Fatal(err)
	}
	defer joined.free()
	name, options, _ := strings.Cut(saver, " ")
	file, err := joined.save(name, options)
	if err != nil {
		t.Fatal(err)
	}
	defer file.free()
	return slices.Clone(file.bytes())
}

// heicOf is a picture as a phone stores it, if there is an encoder for it.
func heicOf(t *testing.T, data []byte) ([]byte, bool) {
	t.Helper()
	p, err := load("pngload_buffer", data, "access=random")
	if err != nil {
		t.Fatal(err)
	}
	defer p.free()
	file, err := p.save("heifsave_buffer", "compression=hevc,Q=95")
	forget()
	if err != nil {
		t.Logf("there is no HEIC in the table: %v", err)
		return nil, false
	}
	defer file.free()
	return slices.Clone(file.bytes()), true
}

func orientedQuarters(t *testing.T, orientation int) []byte {
	t.Helper()
	return scene.WithOrientation(jpegOf(t, held(quartered(quarters, false), orientation)), orientation)
}

// The laws of the operations on colours, as docs/transforms.md has them.

func asLab(c color.NRGBA) lab {
	l, a, b := labOf(c.R, c.G, c.B)
	return lab{l, a, b}
}

// byLCh multiplies lightness and chroma and turns the hue by degrees.
func byLCh(lightness, chroma, turn float64) law {
	sin, cos := math.Sincos(turn * math.Pi / 180)
	return func(c color.NRGBA) lab {
		p := asLab(c)
		return lab{lightness * p[0], chroma * (cos*p[1] - sin*p[2]), chroma * (sin*p[1] + cos*p[2])}
	}
}

func aroundGrey(factor float64) law {
	channel := func(v uint8) uint8 {
		return uint8(math.Round(min(max(127.5+factor*(float64(v)-127.5), 0), 255)))
	}
	return func(c color.NRGBA) lab {
		return asLab(color.NRGBA{channel(c.R), channel(c.G), channel(c.B), 255})
	}
}

// tinted keeps the lightness and has of the other colour most in the middle.
func tinted(with color.NRGBA) law {
	return func(c color.NRGBA) lab {
		l, of := asLab(c)[0], asLab(with)
		share := 1 - 4*(l/100-0.5)*(l/100-0.5)
		return lab{l, share * of[1], share * of[2]}
	}
}

// mostDelta is how far a colour may be from what it should be.
const mostDelta = 3

func TestEveryOperationOfEveryKindOfFile(t *testing.T) {
	under(t, func(o *Options) { o.Formats = readable })
	for name, s := range specimens(t) {
		t.Run(name, func(t *testing.T) {
			results := operated(t, s.data, "")
			for _, op := range operations {
				o := results[op.text]
				if op.text == "page=1" && s.pages < 2 {
					if core.SlugOf(o.Err) != core.InvalidTransform {
						t.Errorf("page=1 of one page: got %v, want %s", o.Err, core.InvalidTransform)
					}
					continue
				}
				if o.Err != nil {
					t.Errorf("%s: %v", op.text, o.Err)
					continue
				}
				if o.Width != op.w || o.Height != op.h || o.Pages != 1 {
					t.Errorf("%s: %d x %d in %d pages, want %d x %d", op.text, o.Width, o.Height, o.Pages, op.w, op.h)
					continue
				}
				s.mustShow(t, op.text, see(t, o.Body), op.corners, op.law)
				if !op.still && bytes.Equal(o.Body, results[""].Body) {
					t.Errorf("%s changes nothing", op.text)
				}
			}
		})
	}
}

// operated is a picture put through all operations at once, without loss. Those
// without a size of their own get one.
func operated(t *testing.T, data []byte, size string) map[string]Output {
	t.Helper()
	var vs []transform.Variant
	for _, op := range operations {
		text := op.text
		if size != "" && !strings.Contains(text, "w=") && !strings.Contains(text, "h=") {
			text = strings.TrimPrefix(text+","+size, ",")
		}
		vs = append(vs, variant(t, op.text, strings.TrimPrefix(text+",fmt=png,effort=1", ",")))
	}
	results := map[string]Output{}
	task := Task{Data: data, Variants: vs, Marks: map[core.ID][]byte{logo: pngOf(t, flat(40, 20, white))}}
	if _, err := Render(t.Context(), task, func(o Output) error {
		o.Body = slices.Clone(o.Body)
		results[o.Name] = o
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return results
}

// mustShow holds the corners of a result against the quarters of the picture.
func (s specimen) mustShow(t *testing.T, text string, got seen, corners string, becomes law) {
	t.Helper()
	if corners == "" {
		return
	}
	const in = 2 // pixels from the corner
	height := got.h / got.frames()
	for i, at := range []image.Point{{in, in}, {got.w - 1 - in, in}, {in, height - 1 - in}, {got.w - 1 - in, height - 1 - in}} {
		letter, have := strings.ReplaceAll(corners, "/", "")[i], got.at(at.X, at.Y)
		want := white
		switch letter {
		case '.':
			if have.A != 0 {
				t.Errorf("%s: at %v is %v, want nothing", text, at, have)
			}
			continue
		case '#':
			want = color.NRGBA{0x10, 0x20, 0x30, 255}
		case 'a', 'b', 'c', 'd':
			want = s.quarters()[letter-'a']
		}
		wanted := asLab(want)
		if becomes != nil {
			wanted = becomes(want)
		}
		if d := deltaE(asLab(have), wanted); d > mostDelta || have.A != 255 {
			t.Errorf("%s: at %v is %v, %.1f away from %v, which is to be %c", text, at, have, d, want, letter)
		}
	}
}

func TestEveryKindOfFileInEveryFormat(t *testing.T) {
	under(t, func(o *Options) { o.Formats = readable })
	for name, s := range specimens(t) {
		t.Run(name, func(t *testing.T) {
			for _, e := range encodings {
				o := one(t, s.data, e.text)
				e.mustBe(t, o, s)
				got := see(t, o.Body)
				if e.profile {
					got = asSRGB(t, o)
				}
				s.mustShow(t, e.text, got, "ab/cd", nil)
				if middle := hole.Min.Add(hole.Max).Div(2); s.clear && e.clear != (got.at(middle.X, middle.Y).A == 0) {
					t.Errorf("%s: in the hole is %v", e.text, got.at(middle.X, middle.Y))
				}
			}
		})
	}
}

// mustBe holds what a file is against what it should be.
func (e encoding) mustBe(t *testing.T, o Output, s specimen) {
	t.Helper()
	p, err := Probe(o.Body)
	if err != nil {
		t.Fatalf("%s cannot be read: %v", e.text, err)
	}
	if e.format != "" && p.Format != e.format || p.ContentType != o.ContentType {
		t.Errorf("%s is %s, and called %s", e.text, p.ContentType, o.ContentType)
	}
	pages := int64(1)
	if e.moves && s.moves {
		pages = s.pages
	}
	if p.Width != 160 || p.Height != 120 || p.Pages != pages || o.Pages != pages {
		t.Errorf("%s is %d x %d in %d pages, want 160 x 120 in %d", e.text, p.Width, p.Height, p.Pages, pages)
	}
	switch want := s.clear && e.clear; {
	case want == p.HasAlpha:
	case !want && (s.vague || p.Format == "gif"): // may have it
	default:
		t.Errorf("%s has alpha: %v", e.text, p.HasAlpha)
	}
	e.mustCarry(t, o, s.profile || strings.Contains(e.text, "icc=p3"))
	if e.most > 0 && len(o.Body) > e.most {
		t.Errorf("%s has %d bytes", e.text, len(o.Body))
	}
}

// mustCarry holds what is in a file beside the pixels against what may be.
func (e encoding) mustCarry(t *testing.T, o Output, profiled bool) {
	t.Helper()
	out := see(t, o.Body)
	// The decoder of JPEG XL makes a profile of what the file says of its colours.
	if has, want := out.read.profileLength() > 0, e.profile && profiled; has != want && formatOf(o.Body) != structure.JXL {
		t.Errorf("%s has a profile: %v, want %v", e.text, has, want)
	}
	if n := out.read.field("orientation", 1); n != 1 {
		t.Errorf("%s has an orientation, %d", e.text, n)
	}
	for _, trace := range []string{"Exif\x00", "EXIF", "http://ns.adobe.com", "xmpmeta", "Photoshop", "tEXt", "iTXt"} {
		if !e.packets && bytes.Contains(o.Body, []byte(trace)) {
			t.Errorf("%s: %q is in the file", e.text, trace)
		}
	}
}

// The tables are whole: every key of the language, every format that is read and
// every one that is written is in them.
func TestTheTablesAreWhole(t *testing.T) {
	said := map[string]bool{"q": true}
	note := func(text string) {
		for field := range strings.SplitSeq(text, ",") {
			key, value, _ := strings.Cut(field, "=")
			said[key], said[key+"="+value] = true, true
		}
	}
	for _, op := range operations {
		note(op.text)
	}
	for _, e := range encodings {
		note(e.text)
	}
	for key, words := range transform.Able(Can) {
		if !said[key] {
			t.Errorf("no row has %s", key)
		}
		for _, w := range words {
			if (key == "fmt" || key == "fit" || key == "flip" && w != "none") && !said[key+"="+w] {
				t.Errorf("no row has %s=%s", key, w)
			}
		}
	}
	kinds := slices.Collect(maps.Keys(specimens(t)))
	for _, f := range readable {
		if f == "heic" { // not every libvips writes what the test needs
			continue
		}
		if !slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasPrefix(kind, f) }) {
			t.Errorf("there is no specimen of %s", f)
		}
	}
}

// The same tables over the files of a folder, IMGD_TEST_CORPUS. What is at which point
// of them nobody knows: the mean colours of the quarters are held against those of the
// picture as it is, where all of it is in the result.
func TestEveryOperationOfEveryFileOfAFolder(t *testing.T) {
	dir := os.Getenv("IMGD_TEST_CORPUS")
	if dir == "" {
		t.Skip("IMGD_TEST_CORPUS names no folder of pictures")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("IMGD_TEST_CORPUS has no files: %v", err)
	}
	under(t, func(o *Options) {
		o.Formats = readable
		o.Limits = core.Limits{Pixels: 268e6, Side: 65500, Frames: 100, MemoryBytes: 1 << 30}
		o.FirstFrame = true
	})
	for _, name := range files {
		data, err := os.ReadFile(name) // #nosec G304 -- of the folder that was named
		if err != nil {
			t.Fatal(err)
		}
		p, err := Probe(data)
		if err != nil {
			t.Logf("%s is refused: %v", filepath.Base(name), err)
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			if !mayBeDrawn(t, data) {
				return
			}
			operatedAsPredicted(t, data)
			encodedAsAsked(t, data, p)
		})
	}
}

// mayBeDrawn reports whether a file is whole; if it is not that is said of all of it.
func mayBeDrawn(t *testing.T, data []byte) bool {
	t.Helper()
	_, _, err := attempt(t.Context(), data, variants(t, "w=20"))
	if err != nil && core.KindOf(err) != core.Undecodable {
		t.Errorf("it is neither drawn nor undecodable: %v", err)
	}
	if err != nil {
		t.Logf("it is refused: %v", err)
	}
	return err == nil
}

func operatedAsPredicted(t *testing.T, data []byte) {
	t.Helper()
	const size = "w=300,h=300"
	results := operated(t, data, size)
	whole := means(see(t, results[""].Body))
	for _, op := range operations {
		o := results[op.text]
		w, h, refused := predicted(t, data, op.text, size)
		if (o.Err != nil) != (refused != nil) || o.Err != nil && core.KindOf(o.Err) == core.Internal {
			t.Errorf("%s: got %v, predicted was %v", op.text, o.Err, refused)
			continue
		}
		if o.Err == nil && (o.Width != int64(w) || o.Height != int64(h)) {
			t.Errorf("%s: %d x %d, predicted was %d x %d", op.text, o.Width, o.Height, w, h)
			continue
		}
		letters := strings.ReplaceAll(op.corners, "/", "")
		permuted := []byte(letters)
		slices.Sort(permuted)
		changed := strings.Contains(op.text, "cover") || strings.Contains(op.text, "page") || strings.Contains(op.text, "blur") ||
			strings.Contains(op.text, "pixelate") || strings.Contains(op.text, "sharpen") || strings.Contains(op.text, "linear") || strings.Contains(op.text, "bg=")
		if o.Err != nil || op.law != nil || string(permuted) != "abcd" || changed || o.Width < 16 || o.Height < 16 {
			continue
		}
		for i, m := range means(see(t, o.Body)) {
			if want := whole[letters[i]-'a']; m.alpha > 0.1 && deltaE(m.lab, want.lab) > mostDelta {
				t.Errorf("%s: quarter %d is %.1f away from what it should be", op.text, i, deltaE(m.lab, want.lab))
			}
		}
	}
}

// predicted is the size of a result, without drawing it.
func predicted(t *testing.T, data []byte, text, size string) (w, h int, err error) {
	t.Helper()
	if !strings.Contains(text, "w=") && !strings.Contains(text, "h=") {
		text = strings.TrimPrefix(text+","+size, ",")
	}
	src, err := open(data, false)
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	v := variant(t, "one", text+",fmt=png")
	page := src
	if v.Spec.Page > 0 {
		if page, err = src.at(v.Spec.Page); err != nil {
			return 0, 0, err
		}
	}
	a := &arrangement{src: page}
	defer a.close()
	_, to, err := a.order(t.Context(), v)
	w, h = to.size()
	return w, h, err
}

// average is the mean of a quarter, of what of it can be seen.
type average struct {
	lab   lab
	alpha float64
}

func means(s seen) (list [4]average) {
	h := s.h / s.frames()
	for i := range list {
		var sum [4]float64
		n := 0.0
		for y := i / 2 * h / 2; y < (i/2+1)*h/2; y++ {
			for x := i % 2 * s.w / 2; x < (i%2+1)*s.w/2; x++ {
				c := s.at(x, y)
				a := float64(c.A) / 255
				sum[0], sum[1], sum[2], sum[3], n = sum[0]+a*float64(c.R), sum[1]+a*float64(c.G), sum[2]+a*float64(c.B), sum[3]+a, n+1
			}
		}
		if sum[3] == 0 {
			continue
		}
		level := func(v float64) uint8 { return uint8(math.Round(v / sum[3])) }
		list[i] = average{asLab(color.NRGBA{level(sum[0]), level(sum[1]), level(sum[2]), 255}), sum[3] / n}
	}
	return list
}

func encodedAsAsked(t *testing.T, data []byte, p core.Probe) {
	t.Helper()
	const size = "w=300,h=300,"
	want := means(see(t, one(t, data, size+"fmt=png,bg=ffffff").Body))
	for _, e := range encodings {
		o := one(t, data, size+e.text)
		q, err := Probe(o.Body)
		if err != nil || e.format != "" && q.Format != e.format {
			t.Errorf("%s: Probe says %s, %v", e.text, q.Format, err)
			continue
		}
		moves := e.moves && p.Animated
		if q.Width != o.Width || q.Height != o.Height || q.Pages > 1 && !moves {
			t.Errorf("%s is %d x %d in %d pages, and called %d x %d", e.text, q.Width, q.Height, q.Pages, o.Width, o.Height)
		}
		if !e.profile {
			e.mustCarry(t, o, false)
		}
		if q.Width < 16 || q.Height < 16 || e.most > 0 || strings.Contains(e.text, "palette") || e.format == "gif" {
			continue // few colours are not those of the picture
		}
		got := see(t, one(t, o.Body, "anim=0,fmt=png,bg=ffffff").Body)
		for i, m := range means(got) {
			if d := deltaE(m.lab, want[i].lab); d > mostDelta {
				t.Errorf("%s: quarter %d is %.1f away from what was drawn", e.text, i, d)
			}
		}
	}
}
