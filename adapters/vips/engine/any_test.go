package engine

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"imgd/core"
	"imgd/core/transform"
	"imgd/e2e/scene"
)

// anyTransform draws a few keys of the language, each with a value it may have.
func anyTransform(t *rapid.T) string {
	part := func(format string, args ...any) string { return fmt.Sprintf(format, args...) }
	whole := func(lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, "n") }
	any := func(words ...string) string { return rapid.SampledFrom(words).Draw(t, "word") }
	hundredths := func(lo, hi int) float64 { return float64(whole(lo, hi)) / 100 }
	draws := []func() string{
		func() string { return part("dpr=%g", hundredths(10, 300)) },
		func() string { return part("trim=%d", whole(1, 254)) },
		func() string { return part("crop=%d:%d:%d:%d", whole(0, 40), whole(0, 40), whole(1, 60), whole(1, 60)) },
		func() string {
			return part("crop=0.%d:0.%d:0.%d:0.%d", whole(0, 4), whole(0, 4), whole(1, 5), whole(1, 5))
		},
		func() string {
			return part("w=%d,h=%d,fit=%s", whole(1, 70), whole(1, 70), rapid.SampledFrom([]string{"contain", "fill", "pad", "scale-down"}).Draw(t, "fit"))
		},
		func() string {
			return part("w=%d,h=%d,fit=cover,pos=%s", whole(1, 70), whole(1, 70), rapid.SampledFrom([]string{"entropy", "attention", "top", "0.3x0.9"}).Draw(t, "pos"))
		},
		func() string { return part("w=%d,fit=contain,up=1", whole(1, 70)) },
		func() string { return part("rot=%g", hundredths(-36000, 36000)) },
		func() string { return part("rot=%d", 90*whole(0, 3)) },
		func() string { return part("flip=%s", rapid.SampledFrom([]string{"h", "v", "hv"}).Draw(t, "flip")) },
		func() string { return part("blur=%g", hundredths(0, 25000)) },
		func() string { return part("sharpen=%g", hundredths(0, 1000)) },
		func() string { return part("pixelate=%d", whole(2, 50)) },
		func() string { return part("brightness=%g", hundredths(0, 1000)) },
		func() string { return part("contrast=%g", hundredths(0, 1000)) },
		func() string { return part("saturation=%g", hundredths(0, 1000)) },
		func() string { return part("hue=%d", whole(-360, 360)) },
		func() string { return "gray=1" },
		func() string { return part("tint=%06x", whole(0, 0xffffff)) },
		func() string { return "linear=1" },
		func() string { return part("bg=%08x", whole(0, 0xffffffff)) },
		func() string { return part("pad=%d:%d:%d:%d", whole(0, 20), whole(0, 20), whole(0, 20), whole(0, 20)) },
		func() string { return part("border=%d:%06x", whole(1, 20), whole(0, 0xffffff)) },
		func() string { return part("radius=%d", whole(0, 60)) },
		func() string { return "radius=max" },
		func() string { return part("page=%d", whole(0, 3)) },
		func() string { return "anim=0" },
		func() string {
			return part("wm=%s:%s:%g", logo, any("top-left", "center", "0.2x0.7"), hundredths(1, 100))
		},
		func() string {
			return part("wm=%s:bottom:%g:%g:1", logo, hundredths(5, 100), hundredths(1, 100))
		},
	}
	encodings := []func() string{
		func() string { return part("q=%d", whole(1, 100)) },
		func() string { return "lossless=1" },
		func() string { return "progressive=1" },
		func() string { return "chroma=444" },
		func() string { return part("palette=%d", whole(2, 256)) },
		func() string { return part("maxbytes=%d", whole(256, 9000)) },
		func() string { return "meta=" + any("keep", "copyright", "no-gps") },
		func() string { return "icc=" + any("p3", "keep", "srgb") },
	}
	var keys []string
	seen := map[string]bool{}
	add := func(from []func() string) {
		for kv := range strings.SplitSeq(rapid.SampledFrom(from).Draw(t, "key")(), ",") {
			if key, _, _ := strings.Cut(kv, "="); !seen[key] {
				seen[key], keys = true, append(keys, kv)
			}
		}
	}
	for range whole(1, 6) {
		add(draws)
	}
	for range whole(0, 2) {
		add(encodings)
	}
	// More effort takes longer and is no other way.
	return strings.Join(append(keys, "fmt="+any("png", "jpeg", "webp", "gif", "tiff", "avif", "jxl", "auto"), part("effort=%d", whole(0, 1))), ",")
}

// noise has every colour and every opacity somewhere.
func noise(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = byte(i*i>>3 ^ i*7)
	}
	return img
}

// Whatever of the language is asked of whatever picture, either it is predicted how
// large the result becomes, or it is said why there is none.
func TestAnyTransformComesOutInItsSizeOrIsRefused(t *testing.T) {
	data := map[string][]byte{
		"noise":       pngOf(t, noise(50, 37)),
		"grey":        made(t, pngOf(t, flat(33, 48, color.NRGBA{90, 90, 90, 255})), "colourspace space=b-w", "pngsave_buffer"),
		"grey, holed": made(t, pngOf(t, disc(40, color.NRGBA{90, 90, 90, 200})), "colourspace space=b-w", "pngsave_buffer"),
		"one pixel":   pngOf(t, flat(1, 1, red)),
		"one row":     pngOf(t, quadrants(60, 1)),
		"one column":  pngOf(t, quadrants(1, 60)),
		"nothing":     pngOf(t, flat(30, 20, nothing)),
		"photo":       photo(t, 64, 48),
		"film":        film(t, 24, 18, []int{10}, 0, red, green),
		"pages":       joinTIFF(made(t, pngOf(t, quadrants(40, 30)), "tiffsave_buffer"), made(t, pngOf(t, quadrants(20, 50)), "tiffsave_buffer")),
		"drawn":       patch(30, 20),
		"printed":     scene.PDF("", scene.Filled(30, 40, 1, 0, 0), scene.Filled(50, 20, 0, 1, 0)),
	}
	under(t, func(o *Options) { o.Formats = readable })
	sign := map[core.ID][]byte{logo: pngOf(t, disc(16, blue))}
	names := slices.Sorted(maps.Keys(data))
	understood := rapid.Custom(anyTransform).Filter(func(text string) bool { // the others are refused by the language
		_, err := transform.Parse(text)
		return err == nil
	})
	rapid.Check(t, func(rt *rapid.T) {
		name, text := rapid.SampledFrom(names).Draw(rt, "picture"), understood.Draw(rt, "transform")
		spec, err := transform.Parse(text)
		if err != nil {
			rt.Fatal(err)
		}
		src, err := open(data[name], false)
		if err != nil {
			rt.Fatal(err)
		}
		defer src.close()
		v := transform.Variant{Name: "any", Spec: spec}
		w, h, refused := sized(t.Context(), src, v)
		emitted := 0
		_, err = Render(t.Context(), Task{Data: data[name], Variants: []transform.Variant{v}, Marks: sign}, func(o Output) error {
			emitted++
			switch {
			case o.Err != nil && core.KindOf(o.Err) == core.Internal:
				rt.Errorf("%s of %s: %v", text, name, o.Err)
			case (o.Err != nil) != (refused != nil):
				rt.Errorf("%s of %s: got %v, predicted was %v", text, name, o.Err, refused)
			case o.Err == nil && (o.Width != int64(w) || o.Height != int64(h)):
				rt.Errorf("%s of %s: %d x %d, predicted was %d x %d", text, name, o.Width, o.Height, w, h)
			case o.Err == nil:
				if p, err := Probe(o.Body); err != nil || p.Width != o.Width || p.Height != o.Height || p.Pages != o.Pages || p.ContentType != o.ContentType {
					rt.Errorf("%s of %s: the file is %+v (%v), and was said to be %s of %d x %d in %d pages", text, name, p, err, o.ContentType, o.Width, o.Height, o.Pages)
				}
			}
			return nil
		})
		if err != nil || emitted != 1 {
			rt.Errorf("%s of %s: %v, and %d results", text, name, err, emitted)
		}
	})
}

// sized is how large a variant becomes, without drawing it.
func sized(ctx context.Context, src *source, v transform.Variant) (w, h int, err error) {
	if v.Spec.Page > 0 {
		if src, err = src.at(v.Spec.Page); err != nil {
			return 0, 0, err
		}
	}
	a := (&hold{}).page(src, nil)
	defer a.close()
	_, to, err := a.order(ctx, v)
	w, h = to.size()
	return w, h, err
}
