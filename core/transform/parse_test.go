package transform_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"imgd/core"
	"imgd/core/transform"
)

const logo = "0198c0de-0000-7000-8000-000000000001"

// from returns the default with one change.
func from(change func(*transform.Spec)) transform.Spec {
	s := transform.Default()
	change(&s)
	return s
}

func TestGoodTransforms(t *testing.T) {
	for text, want := range map[string]transform.Spec{
		"":                     transform.Default(),
		"q=85":                 transform.Default(),
		"page=3":               from(func(s *transform.Spec) { s.Page = 3 }),
		"anim=0":               from(func(s *transform.Spec) { s.Anim = false }),
		"dpr=2.5":              from(func(s *transform.Spec) { s.DPR = 2.5 }),
		"trim=10":              from(func(s *transform.Spec) { s.Trim = 10 }),
		"trim=none":            transform.Default(),
		"crop=10:20:300:200":   from(func(s *transform.Spec) { s.Crop = transform.Crop{10, 20, 300, 200, transform.Pixels} }),
		"crop=0:0:1:1":         from(func(s *transform.Spec) { s.Crop = transform.Crop{0, 0, 1, 1, transform.Pixels} }),
		"crop=0.1:0.2:0.9:0.5": from(func(s *transform.Spec) { s.Crop = transform.Crop{0.1, 0.2, 0.9, 0.5, transform.Fraction} }),
		"crop=0.0:0:1:1":       transform.Default(),
		"w=65535,fmt=png":      from(func(s *transform.Spec) { s.W, s.Fmt = 65535, transform.PNG }),
		"h=300,w=0400":         from(func(s *transform.Spec) { s.W, s.H = 400, 300 }),
		"w=9,h=8,fit=contain,up=1": from(func(s *transform.Spec) {
			s.W, s.H, s.Fit, s.Up = 9, 8, transform.FitContain, true
		}),
		"w=9,h=8,fit=cover,pos=0.5x0.33": from(func(s *transform.Spec) {
			s.W, s.H, s.Fit, s.Pos = 9, 8, transform.FitCover, transform.Position{X: 0.5, Y: 0.33}
		}),
		"w=9,h=8,fit=cover,pos=0x1": from(func(s *transform.Spec) {
			s.W, s.H, s.Fit, s.Pos = 9, 8, transform.FitCover, transform.Position{X: 0, Y: 1}
		}),
		"w=9,h=8,fit=cover,pos=attention": from(func(s *transform.Spec) {
			s.W, s.H, s.Fit, s.Pos = 9, 8, transform.FitCover, transform.Position{X: 0.5, Y: 0.5, Smart: transform.Attention}
		}),
		"fit=scale%2Ddown":     transform.Default(),
		"rot=-90":              from(func(s *transform.Spec) { s.Rot = 270 }),
		"rot=360":              transform.Default(),
		"rot=-0.1":             from(func(s *transform.Spec) { s.Rot = 359.9 }),
		"flip=hv":              from(func(s *transform.Spec) { s.Flip = transform.FlipHV }),
		"blur=-0.0":            transform.Default(),
		"blur=1.500000":        from(func(s *transform.Spec) { s.Blur = 1.5 }),
		"sharpen=1":            from(func(s *transform.Spec) { s.Sharpen = 1 }),
		"pixelate=8":           from(func(s *transform.Spec) { s.Pixelate = 8 }),
		"brightness=0.5,hue=9": from(func(s *transform.Spec) { s.Brightness, s.Hue = 0.5, 9 }),
		"gray=1,linear=1":      from(func(s *transform.Spec) { s.Gray, s.Linear = true, true }),
		"tint=FF8800":          from(func(s *transform.Spec) { s.Tint = "ff8800" }),
		"bg=ff8800ff":          from(func(s *transform.Spec) { s.BG = "ff8800" }),
		"bg=ff880080":          from(func(s *transform.Spec) { s.BG = "ff880080" }),
		"pad=5":                from(func(s *transform.Spec) { s.Pad = [4]int{5, 5, 5, 5} }),
		"pad=1:2:3:4":          from(func(s *transform.Spec) { s.Pad = [4]int{1, 2, 3, 4} }),
		"border=2:00ff00":      from(func(s *transform.Spec) { s.Border = transform.Border{Width: 2, Color: "00ff00"} }),
		"radius=max":           from(func(s *transform.Spec) { s.Radius = transform.RadiusMax }),
		"wm=" + strings.ToUpper(logo): from(func(s *transform.Spec) {
			s.WM = transform.Watermark{Image: logo, Pos: transform.Position{X: 1, Y: 1}, Scale: 0.25, Opacity: 1}
		}),
		"wm=" + logo + ":top:1:1:0:" + strings.Repeat("0a", 32): from(func(s *transform.Spec) {
			s.WM = transform.Watermark{Image: logo, Pos: transform.Position{X: 0.5}, Scale: 1, Opacity: 1, SHA256: strings.Repeat("0a", 32)}
		}),
		"wm=" + logo + ":0.2x0.9:0.5:0.4:1": from(func(s *transform.Spec) {
			s.WM = transform.Watermark{Image: logo, Pos: transform.Position{X: 0.2, Y: 0.9}, Scale: 0.5, Opacity: 0.4, Repeat: true}
		}),
		"fmt=png,palette=16,progressive=1": from(func(s *transform.Spec) { s.Fmt, s.Palette, s.Progressive = transform.PNG, 16, true }),
		"lossless=1,effort=9":              from(func(s *transform.Spec) { s.Lossless, s.Effort = true, 9 }),
		"chroma=444,fmt=jpeg":              from(func(s *transform.Spec) { s.Fmt, s.Chroma = transform.JPEG, transform.Chroma444 }),
		"maxbytes=50000,fmt=auto":          from(func(s *transform.Spec) { s.Fmt, s.MaxBytes = transform.Auto, 50000 }),
		"meta=no-gps,icc=p3":               from(func(s *transform.Spec) { s.Meta, s.ICC = transform.MetaNoGPS, transform.ICCP3 }),
	} {
		t.Run(text, func(t *testing.T) {
			got, err := transform.Parse(text)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestBadTransforms(t *testing.T) {
	for _, c := range []struct {
		text       string
		key        any
		column     int
		suggestion any
		says       string
	}{
		{"width=300", "width", 1, "w", "did you mean w?"},
		{"w=300,heigth=4", "heigth", 7, "h", "did you mean h?"},
		{"w=300, h=4", " h", 7, "h", "did you mean h?"},
		{"W=300", "W", 1, "w", "did you mean w?"},
		{"qq=3", "qq", 1, "q", "did you mean q?"},
		{"ift=fill", "ift", 1, "fit", "did you mean fit?"},
		{"zebra=1", "zebra", 1, nil, `no key "zebra"`},
		{"=1", nil, 1, nil, `no key ""`},
		{"\xff\x00=1", "\xff\x00", 1, nil, `no key "\xff\x00"`},
		{",", nil, 1, nil, "a field is empty"},
		{"w=1,", nil, 5, nil, "a field is empty"},
		{"w=1,,h=1", nil, 5, nil, "a field is empty"},
		{"gray", "gray", 1, nil, "gray has no value; it takes 0 or 1"},
		{"w=", "w", 1, nil, "w has no value"},
		{"w=1,h=2,w=1", "w", 9, nil, "stands twice, first in column 1"},
		{"w=0", "w", 3, nil, "from 1 to 65535, or none"},
		{"w=65536", "w", 3, nil, "from 1 to 65535, or none"},
		{"w=-5", "w", 3, nil, "from 1 to 65535"},
		{"w=1.5", "w", 3, nil, "whole number"},
		{"w=1e3", "w", 3, nil, "whole number"},
		{"w=nnoe", "w", 3, "none", "or none"},
		{"w=99999999999999999999", "w", 3, nil, "from 1 to 65535"},
		{"w=5:6", "w", 5, nil, "whole number"},
		{"dpr=NaN", "dpr", 5, nil, "a number from 0.1 to 8"},
		{"dpr=Inf", "dpr", 5, nil, "a number from 0.1 to 8"},
		{"dpr=9", "dpr", 5, nil, "a number from 0.1 to 8"},
		{"blur=.5", "blur", 6, nil, "a number from 0 to 250"},
		{"blur=1.", "blur", 6, nil, "a number from 0 to 250"},
		{"blur=0.1234567", "blur", 6, nil, "at most 6 decimals"},
		{"blur=+1", "blur", 6, nil, "a number from 0 to 250"},
		{"blur=0x10", "blur", 6, nil, "a number from 0 to 250"},
		{"blur=١", "blur", 6, nil, "a number from 0 to 250"},
		{"rot=361", "rot", 5, nil, "degrees from -360 to 360"},
		{"anim=true", "anim", 6, nil, "0 or 1"},
		{"fmt=jpg", "fmt", 5, "jpeg", `or auto, not "jpg"`},
		{"fmt=bmp", "fmt", 5, nil, `webp, avif, jpeg, png, gif, tiff, jxl or auto, not "bmp"`},
		{"fit=crop", "fit", 5, nil, "scale-down, contain, cover, fill or pad"},
		{"fit=coverr", "fit", 5, "cover", "fit takes"},
		{"w=1,h=1,fit=cover,pos=topleft", "pos", 23, "top-left", "pos takes"},
		{"w=1,h=1,fit=cover,pos=0.5x1.5", "pos", 23, nil, "fractions"},
		{"q=%zz", "q", 3, nil, "broken percent escape"},
		{"q=%", "q", 3, nil, "write %25"},
		{"crop=1:2:3", "crop", 6, nil, "x:y:w:h"},
		{"crop=1:2:0:4", "crop", 10, nil, "whole pixels"},
		{"crop=0.5:0:0.6:1", "crop", 12, nil, "beyond the image"},
		{"crop=0.5:0:0.5:2", "crop", 16, nil, "fractions"},
		{"pad=1:2", "pad", 5, nil, "top:right:bottom:left"},
		{"pad=1:2:3:5000", "pad", 11, nil, "from 0 to 4096"},
		{"tint=fff", "tint", 6, nil, "a colour in hex such as ff8800"},
		{"tint=ff8800ff", "tint", 6, nil, "a colour in hex such as ff8800"},
		{"bg=gggggg", "bg", 4, nil, "a colour in hex"},
		{"border=2", "border", 8, nil, "px:rrggbb"},
		{"border=2:red", "border", 10, nil, "px:rrggbb"},
		{"radius=maxx", "radius", 8, "max", "or max"},
		{"wm=logo", "wm", 4, nil, "id of the image"},
		{"wm=" + logo + ":entropy", "wm", 41, nil, "a position"},
		{"wm=" + logo + ":center:1:1:1:1", "wm", 54, nil, "wm takes"},
		{"wm=" + logo + ":center:1:1:1:" + strings.Repeat("0A", 32), "wm", 54, nil, "the digest"},
		{"wm=" + logo + ":center:1:1:1:" + strings.Repeat("0a", 32) + ":1", "wm", 119, nil, "wm takes"},
		{"fit=cover,w=100", "fit", 1, nil, "need both w and h"},
		{"w=100,fit=pad", "fit", 7, nil, "need both w and h"},
		{"w=100,up=1", "up", 7, nil, "add fit=contain"},
		{"pos=top,w=1", "pos", 1, nil, "needs fit=cover or fit=pad"},
		{"w=1,h=1,fit=pad,pos=entropy", "pos", 17, nil, "need fit=cover"},
		{"fmt=jpeg,lossless=1", "lossless", 10, nil, "fmt=webp, fmt=avif, fmt=png, fmt=tiff or fmt=jxl"},
		{"progressive=1", "progressive", 1, nil, "fmt=jpeg, fmt=png or fmt=gif"},
		{"chroma=444", "chroma", 1, nil, "fmt=avif or fmt=jpeg"},
		{"palette=16", "palette", 1, nil, "fmt=png or fmt=gif"},
		{"fmt=gif,maxbytes=1000", "maxbytes", 9, nil, "needs fmt=webp"},
		{"lossless=1,maxbytes=1000", "maxbytes", 12, nil, "choose one"},
		{"w=16384", "w", 1, nil, "fmt=webp holds at most 16383"},
		{"dpr=8,h=2048", "h", 7, nil, "comes to 16384 px"},
		{"w=16380,pad=0:2:0:2", "w", 1, nil, "comes to 16384 px"},
		{"w=16380,pad=2:0:2:0,rot=90", "w", 1, nil, "comes to 16384 px"},
		{"fmt=jpeg,w=65535,border=1:000000", "w", 10, nil, "fmt=jpeg holds at most 65535"},
		{"dpr=8,w=8192,fmt=png", "w", 7, nil, "comes to 65536 px"},
		{"w=20000,h=20000,fit=pad,fmt=png", "w", 1, nil, "400000000 pixels"},
	} {
		t.Run(c.text, func(t *testing.T) {
			_, err := transform.Parse(c.text)
			e := refusal(t, err)
			if e.Facts["key"] != c.key || e.Facts["column"] != c.column || e.Facts["suggestion"] != c.suggestion {
				t.Errorf("got facts %v, want key %q, column %d, suggestion %v", e.Facts, c.key, c.column, c.suggestion)
			}
			if !strings.Contains(e.Detail, c.says) {
				t.Errorf("got %q, want it to say %q", e.Detail, c.says)
			}
		})
	}
}

func TestLongTransforms(t *testing.T) {
	t.Run("the longest is read to its end", func(t *testing.T) {
		text := "w=" + strings.Repeat("x", transform.MaxLength-2)
		_, err := transform.Parse(text)
		if e := refusal(t, err); e.Facts["key"] != "w" || len(e.Detail) > 200 {
			t.Errorf("got %q with %v, want a short refusal of w", e.Detail, e.Facts)
		}
	})
	t.Run("a longer one is refused at once", func(t *testing.T) {
		_, err := transform.Parse(strings.Repeat("x", transform.MaxLength+1))
		if e := refusal(t, err); e.Facts["limit"] != transform.MaxLength {
			t.Errorf("got %v, want the limit %d", e.Facts, transform.MaxLength)
		}
	})
}

// A rendition is stored under the digest of its canonical form: whoever changes
// a line here renames every variant in every store, and has to mean it.
func TestCanonicalForms(t *testing.T) {
	const rest = ",fmt=webp,q=85,lossless=0,effort=4,progressive=0,chroma=420,palette=none,maxbytes=none,meta=none,icc=srgb"
	const pixels = ",blur=0,sharpen=0,pixelate=none,brightness=1,contrast=1,saturation=1,hue=0,gray=0,tint=none,linear=0"
	const frame = ",bg=none,pad=0:0:0:0,border=none,radius=0,wm=none"
	for text, want := range map[string]string{
		"": "page=0,anim=1,dpr=1,trim=none,crop=none,w=none,h=none,fit=scale-down,up=0,pos=center,rot=0,flip=none" + pixels + frame + rest,
		"fmt=avif,w=400,fit=cover,h=300,pos=top-left,q=50": "page=0,anim=1,dpr=1,trim=none,crop=none,w=400,h=300,fit=cover,up=0,pos=top-left,rot=0,flip=none" + pixels + frame +
			",fmt=avif,q=50,lossless=0,effort=4,progressive=0,chroma=420,palette=none,maxbytes=none,meta=none,icc=srgb",
		"crop=0.10:0:0.5:1,rot=-1.5,dpr=1.50": "page=0,anim=1,dpr=1.5,trim=none,crop=0.1:0:0.5:1,w=none,h=none,fit=scale-down,up=0,pos=center,rot=358.5,flip=none" + pixels + frame + rest,
		"radius=max,pad=7,bg=FFFFFF00,border=01:0A0A0A,wm=" + logo: "page=0,anim=1,dpr=1,trim=none,crop=none,w=none,h=none,fit=scale-down,up=0,pos=center,rot=0,flip=none" + pixels +
			",bg=ffffff00,pad=7:7:7:7,border=1:0a0a0a,radius=max,wm=" + logo + ":bottom-right:0.25:1:0" + rest,
	} {
		t.Run(text, func(t *testing.T) {
			s, err := transform.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.String(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	t.Run("the digest of the default", func(t *testing.T) {
		const want = "8d7205de8250cf3608576777349db05f2b1fece0fdfd41be353995d15f67d90e"
		if got := transform.Default().Digest(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestDigest(t *testing.T) {
	s := transform.Default()
	if s.Digest() == from(func(s *transform.Spec) { s.Q = 84 }).Digest() {
		t.Error("another quality has the same digest")
	}
	mark := func(sha256 string) string {
		return from(func(s *transform.Spec) { s.WM = transform.Watermark{Image: logo, SHA256: sha256} }).Digest()
	}
	if mark(strings.Repeat("a", 64)) == mark(strings.Repeat("b", 64)) {
		t.Error("the watermark's content does not change the digest")
	}
}

func TestFormats(t *testing.T) {
	for text, want := range map[string]string{
		"fmt=webp": "webp image/webp", "fmt=avif": "avif image/avif", "fmt=jpeg": "jpg image/jpeg", "fmt=png": "png image/png",
		"fmt=gif": "gif image/gif", "fmt=tiff": "tiff image/tiff", "fmt=jxl": "jxl image/jxl", "fmt=auto": " ",
	} {
		t.Run(text, func(t *testing.T) {
			s, err := transform.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Ext() + " " + s.ContentType(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestOnlyJPEGHasNoAlpha(t *testing.T) {
	for _, f := range []transform.Format{transform.WebP, transform.AVIF, transform.JPEG, transform.PNG, transform.GIF, transform.TIFF, transform.JXL} {
		if got, want := f.Alpha(), f != transform.JPEG; got != want {
			t.Errorf("%s: got alpha %v, want %v", f, got, want)
		}
	}
}

func TestColorChannels(t *testing.T) {
	type channels struct {
		r, g, b, a uint8
		ok         bool
	}
	for text, want := range map[string]channels{
		"": {}, "bg=ff8800": {255, 136, 0, 255, true}, "bg=FF880080": {255, 136, 0, 128, true},
	} {
		t.Run(text, func(t *testing.T) {
			var got channels
			got.r, got.g, got.b, got.a, got.ok = parse(t, text).BG.RGBA()
			if got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestUnsupported(t *testing.T) {
	s, err := transform.Parse("meta=keep,w=100,blur=2,trim=9")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("asks in the order of the table about what is not at its default", func(t *testing.T) {
		var asked []string
		err := transform.Unsupported(s, func(key, value string) bool {
			asked = append(asked, key+"="+value)
			return true
		})
		if got, want := strings.Join(asked, ","), "trim=9,w=100,blur=2,meta=keep"; err != nil || got != want {
			t.Errorf("got %s and %v, want %s", got, err, want)
		}
	})
	t.Run("names the first step that cannot be done", func(t *testing.T) {
		err := transform.Unsupported(s, func(key, _ string) bool { return key == "trim" || key == "w" })
		e, ok := errors.AsType[*core.Error](err)
		if !ok || e.Slug != core.TransformUnsupported || e.Facts["key"] != "blur" {
			t.Errorf("got %v, want %s for blur", err, core.TransformUnsupported)
		}
	})
}

// A key that the generator does not draw would never be tried.
func TestEveryKeyIsDrawn(t *testing.T) {
	drawn := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		for _, f := range drawFields(t) {
			key, _, _ := strings.Cut(f, "=")
			drawn[key] = true
		}
	})
	for key := range transform.Able(func(string, string) bool { return true }) {
		if !drawn[key] {
			t.Errorf("no transform was drawn with %s", key)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fields := drawFields(t)
		s, err := transform.Parse(strings.Join(fields, ","))
		if err != nil {
			refusal(t, err) // keys that contradict each other
			return
		}
		holds(t, s)
		rand.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
		if other, err := transform.Parse(strings.Join(fields, ",")); err != nil || other != s {
			t.Errorf("the order matters: got %s and %v, want %s", other, err, s)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "w=400,h=300,fit=cover,pos=0.5x0.33,fmt=avif", "crop=0.1:0.1:0.5:0.5,rot=-0.1", "crop=1:2:3:4,pad=1:2:3:4",
		"wm=" + logo + ":top:0.5:1:1,border=2:ff0000", "fit=scale%2Ddown", "q=%zz", "w=1,w=1", ",=:", transform.Default().String(),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := transform.Parse(text)
		if err != nil {
			refusal(t, err)
			return
		}
		holds(t, s)
		s.Target(4000, 3000)
		if _, err := s.Crop.Within(4000, 3000); err != nil {
			refusal(t, err)
		}
	})
}

// tester is what testing.T and rapid.T share.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// holds checks the law of the canonical form.
func holds(t tester, s transform.Spec) {
	t.Helper()
	canonical := s.String()
	again, err := transform.Parse(canonical)
	if err != nil || again != s {
		t.Fatalf("the canonical form %s reads back as %s, %v", canonical, again, err)
	}
	if got := again.String(); got != canonical {
		t.Errorf("the canonical form is not stable: got %s, want %s", got, canonical)
	}
}

// refusal checks that err is for the caller to act on.
func refusal(t tester, err error) *core.Error {
	t.Helper()
	e, ok := errors.AsType[*core.Error](err)
	if !ok || e.Slug != core.InvalidTransform || e.Kind != core.Invalid || e.Detail == "" {
		t.Fatalf("got %v, want %s with a sentence", err, core.InvalidTransform)
	}
	if column, ok := e.Facts["column"].(int); ok && column < 1 {
		t.Errorf("got column %d, want one from 1", column)
	}
	return e
}

// drawFields draws some fields of values that are good on their own.
func drawFields(t *rapid.T) []string {
	whole := func(lo, hi int) *rapid.Generator[string] {
		return rapid.Map(rapid.IntRange(lo, hi), func(n int) string { return fmt.Sprint(n) })
	}
	decimal := func(lo, hi int) *rapid.Generator[string] {
		return rapid.Map(rapid.IntRange(lo*1e6, hi*1e6), func(n int) string { return fmt.Sprintf("%.6f", float64(n)/1e6) })
	}
	words := func(w ...string) *rapid.Generator[string] { return rapid.SampledFrom(w) }
	join := func(sep string, g ...*rapid.Generator[string]) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			var parts []string
			for _, p := range g {
				parts = append(parts, p.Draw(t, "part"))
			}
			return strings.Join(parts, sep)
		})
	}
	hex := rapid.StringMatching(`[0-9a-fA-F]{6}`)
	point := join("x", decimal(0, 1), decimal(0, 1))
	fields := []string{}
	for _, k := range []struct {
		key    string
		values *rapid.Generator[string]
	}{
		{"page", whole(0, 9999)}, {"anim", words("0", "1")}, {"dpr", rapid.OneOf(words("0.1", "0.5"), decimal(1, 8))},
		{"trim", rapid.OneOf(words("none"), whole(1, 254))},
		{"crop", rapid.OneOf(words("none"), join(":", whole(0, 9), whole(0, 9), whole(1, 9), whole(1, 9)), join(":", decimal(0, 1), words("0", "0.25"), words("0.000001", "0.5", "1"), words("0.5", "0.75")))},
		{"w", rapid.OneOf(words("none"), whole(1, 2000))}, {"h", rapid.OneOf(words("none"), whole(1, 2000))},
		{"fit", words("scale-down", "contain", "cover", "fill", "pad")}, {"up", words("0", "1")},
		{"pos", rapid.OneOf(words("center", "top", "left", "bottom-right", "entropy", "attention"), point)},
		{"rot", decimal(-360, 360)}, {"flip", words("none", "h", "v", "hv")},
		{"blur", decimal(0, 250)}, {"sharpen", decimal(0, 10)}, {"pixelate", rapid.OneOf(words("none"), whole(2, 1024))},
		{"brightness", decimal(0, 10)}, {"contrast", decimal(0, 10)}, {"saturation", decimal(0, 10)}, {"hue", decimal(-360, 360)},
		{"gray", words("0", "1")}, {"tint", rapid.OneOf(words("none"), hex)}, {"linear", words("0", "1")},
		{"bg", rapid.OneOf(words("none"), hex, rapid.StringMatching(`[0-9a-fA-F]{6}(ff|FF|00)`))},
		{"pad", rapid.OneOf(whole(0, 4096), join(":", whole(0, 9), whole(0, 9), whole(0, 9), whole(0, 9)))},
		{"border", rapid.OneOf(words("none"), join(":", whole(1, 1024), hex))}, {"radius", rapid.OneOf(words("max"), whole(0, 32767))},
		{"wm", rapid.OneOf(words("none", logo), join(":", words(logo), point, words("0.01", "1"), words("0.5"), words("0", "1")), words(logo+":center:1:1:0:"+strings.Repeat("0a", 32)))},
		{"fmt", words("webp", "avif", "jpeg", "png", "gif", "tiff", "jxl", "auto")}, {"q", whole(1, 100)},
		{"lossless", words("0", "1")}, {"effort", whole(0, 9)}, {"progressive", words("0", "1")}, {"chroma", words("420", "444")},
		{"palette", rapid.OneOf(words("none"), whole(2, 256))}, {"maxbytes", rapid.OneOf(words("none"), whole(256, 100<<20))},
		{"meta", words("none", "copyright", "no-gps", "keep")}, {"icc", words("srgb", "p3", "keep")},
	} {
		if rapid.IntRange(0, 3).Draw(t, "has "+k.key) == 0 {
			fields = append(fields, k.key+"="+k.values.Draw(t, k.key))
		}
	}
	return fields
}
