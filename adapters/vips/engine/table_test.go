package engine

import (
	"bytes"
	"image"
	"image/color"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"imgd/adapters/vips/structure"
	"imgd/core"
	"imgd/core/transform"
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
			results := written(t, s.data)
			for _, e := range encodings {
				o := results[e.text]
				if o.Err != nil {
					t.Errorf("%s: %v", e.text, o.Err)
					continue
				}
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

// written is a picture in every encoding, by its text.
func written(t *testing.T, data []byte) map[string]Output {
	t.Helper()
	var vs []transform.Variant
	for _, e := range encodings {
		vs = append(vs, variant(t, e.text, e.text))
	}
	results := map[string]Output{}
	for _, o := range outputs(t, data, vs...) {
		results[o.Name] = o
	}
	return results
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
