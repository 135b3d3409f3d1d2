package engine

import (
	"fmt"
	"image"
	"image/color"
	"slices"
	"strings"
	"testing"

	"imgd/e2e/scene"
)

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
