package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/webp"

	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// refusals are the files that must not come in, and how they are answered.
var refusals = map[string]struct {
	status int
	slug   string
}{
	"truncated.jpg":      {422, "image-truncated"},
	"corrupt-header.jpg": {422, ""}, // truncated or damaged: both are true of it
	"giant-image.jpg":    {422, "image-too-large"},
	"logo.svg":           {415, "unsupported-media-type"},
	"page-box.pdf":       {415, "unsupported-media-type"},
}

// corpus is a folder of pictures: the one IMGD_TEST_CORPUS names, and what this
// test makes itself.
func corpus(t *testing.T) map[string][]byte {
	t.Helper()
	files := made(t)
	dir := os.Getenv("IMGD_TEST_CORPUS")
	if dir == "" {
		return files
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatalf("IMGD_TEST_CORPUS: %v", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".md") {
			continue
		}
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// made are pictures of each kind that the standard library can write.
func made(t *testing.T) map[string][]byte {
	t.Helper()
	photo, err := scene.JPEG(900, 600)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{
		"truncated.jpg": photo[:len(photo)/3],
		"logo.svg":      []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>`),
		"page-box.pdf":  []byte("%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"),
		"moving.gif":    moving(t, 5),
	}
	upright := scene.Draw(900, 600)
	for n := 1; n <= 8; n++ {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, laid(upright, n), &jpeg.Options{Quality: 95}); err != nil {
			t.Fatal(err)
		}
		files[fmt.Sprintf("Scene_%d.jpg", n)] = scene.WithOrientation(b.Bytes(), n)
	}
	return files
}

// laid is a picture as a camera stores it that was held as EXIF orientation n
// says: reading it so gives the upright picture.
func laid(upright image.Image, n int) image.Image {
	w, h := upright.Bounds().Dx(), upright.Bounds().Dy()
	sw, sh := w, h
	if n >= 5 {
		sw, sh = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, sw, sh))
	for y := range h {
		for x := range w {
			// Where the upright pixel x, y is stored (EXIF 2.3, tag 0x0112).
			at := [9]image.Point{{}, {x, y}, {w - 1 - x, y}, {w - 1 - x, h - 1 - y}, {x, h - 1 - y}, {y, x}, {y, w - 1 - x}, {h - 1 - y, w - 1 - x}, {h - 1 - y, x}}[n]
			out.Set(at.X, at.Y, upright.At(x, y))
		}
	}
	return out
}

// moving is an animation of a square that moves.
func moving(t *testing.T, frames int) []byte {
	t.Helper()
	g := &gif.GIF{}
	for i := range frames {
		m := image.NewPaletted(image.Rect(0, 0, 120, 80), palette.Plan9)
		for y := 20; y < 40; y++ {
			for x := range 20 {
				m.Set(i*20+x, y, color.RGBA{200, 40, 40, 255})
			}
		}
		g.Image, g.Delay = append(g.Image, m), append(g.Delay, 7)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEveryPictureEndsAsPromised(t *testing.T) {
	p := rig.NewSite(t, shipped).Start(t, "serve")
	thumbnails := map[string]image.Image{}
	files := corpus(t)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			a := postForm(t, p.URL, files[name], name)
			if want, bad := refusals[name]; bad {
				if a.status != want.status || want.slug != "" && a.slug() != want.slug {
					t.Errorf("it is answered %d %s, want %d %s: %s", a.status, a.slug(), want.status, want.slug, a.body)
				}
				return
			}
			if a.status != 202 {
				t.Fatalf("it is answered %d: %s", a.status, a.body)
			}
			j := decode[job](t, a)
			if done := finished(t, p.URL, j.ID, time.Minute); done.State != "succeeded" {
				t.Fatalf("its job ended %s: %+v", done.State, done.Error)
			}
			m := read[picture](t, p.URL+"/v1/images/"+j.ImageID)
			for _, v := range m.Variants {
				if img := checkVariant(t, m, v); v.Name == "thumbnail" && img != nil {
					thumbnails[name] = img
				}
			}
		})
	}
	for _, family := range []string{"Scene", "Portrait", "Landscape"} {
		sameUpright(t, family, thumbnails)
	}
}

// What is drawn instead of decoded comes in where the operator wants it.
func TestVectorsEndAsPromisedWhereTheyAreSwitchedOn(t *testing.T) {
	p := rig.NewSite(t, shipped, "IMGD_FORMATS=png,svg,pdf").Start(t, "serve")
	var can struct {
		Formats struct{ Read []string }
	}
	if can = read[struct{ Formats struct{ Read []string } }](t, p.URL+"/v1/capabilities"); !slices.Equal(can.Formats.Read, []string{"png", "svg", "pdf"}) {
		t.Errorf("the capabilities list %v, want png, svg and pdf", can.Formats.Read)
	}
	files := corpus(t)
	for name, data := range map[string][]byte{
		"logo.svg":     files["logo.svg"],
		"page-box.pdf": files["page-box.pdf"],
		"pages.pdf":    scene.PDF("", scene.Filled(300, 200, 1, 0, 0), scene.Filled(10, 10, 0, 1, 0)),
	} {
		if name == "page-box.pdf" && os.Getenv("IMGD_TEST_CORPUS") == "" {
			continue // without the corpus it is a document without a page
		}
		t.Run(name, func(t *testing.T) {
			a := postForm(t, p.URL, data, name)
			if a.status != 202 {
				t.Fatalf("it is answered %d: %s", a.status, a.body)
			}
			j := decode[job](t, a)
			if done := finished(t, p.URL, j.ID, time.Minute); done.State != "succeeded" {
				t.Fatalf("its job ended %s: %+v", done.State, done.Error)
			}
			m := read[picture](t, p.URL+"/v1/images/"+j.ImageID)
			m.Pages = 1 // each variant is one page
			for _, v := range m.Variants {
				checkVariant(t, m, v)
			}
			original := get(t, p.URL+"/v1/images/"+j.ImageID+"/original")
			if !bytes.Equal(original.body, data) || original.header.Get("Content-Type") != "application/octet-stream" ||
				!strings.HasPrefix(original.header.Get("Content-Disposition"), "attachment") || !strings.Contains(original.header.Get("Content-Security-Policy"), "sandbox") {
				t.Errorf("the original is answered as %v, want bytes to be saved that run nowhere", original.header)
			}
		})
	}
	for name, c := range map[string]struct {
		data []byte
		slug string
	}{
		"laughs.svg":    {[]byte(`<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg"><desc>&b;</desc></svg>`), "svg-not-allowed"},
		"reads.svg":     {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>`), "svg-not-allowed"},
		"encrypted.pdf": {scene.PDF("/Encrypt 9 0 R", scene.Filled(9, 9, 1, 0, 0)), "image-undecodable"},
	} {
		if a := postForm(t, p.URL, c.data, name); a.status != 422 || a.slug() != c.slug {
			t.Errorf("%s is answered %d %s, want 422 %s: %s", name, a.status, a.slug(), c.slug, a.body)
		}
	}
}

// sides are the longest sides of the default preset.
var sides = map[string]int{"thumbnail": 150, "medium": 600, "large": 1200, "original": 4096}

// checkVariant fetches and decodes one variant and holds it to what is recorded.
func checkVariant(t *testing.T, m picture, v variant) image.Image {
	t.Helper()
	a := get(t, v.URL)
	if a.status != 200 || int64(len(a.body)) != v.Bytes || a.header.Get("Content-Type") != v.ContentType {
		t.Errorf("%s is answered %d with %d bytes of %s, want 200 with %d of %s", v.Name, a.status, len(a.body), a.header.Get("Content-Type"), v.Bytes, v.ContentType)
		return nil
	}
	longest := min(sides[v.Name], max(m.Width, m.Height))
	if max(v.Width, v.Height) != longest {
		t.Errorf("%s is %dx%d of a picture of %dx%d, want its longest side %d", v.Name, v.Width, v.Height, m.Width, m.Height, longest)
	}
	shorter := float64(longest) * float64(min(m.Width, m.Height)) / float64(max(m.Width, m.Height))
	if drift := math.Abs(float64(min(v.Width, v.Height)) - shorter); drift > 0.5 && shorter >= 1 {
		t.Errorf("%s is %dx%d of a picture of %dx%d: its aspect is off by %.2f pixels", v.Name, v.Width, v.Height, m.Width, m.Height, drift)
	}
	if m.Pages > 1 {
		// Equal frames in a row may be merged; their time stays.
		if v.Pages < 2 || v.Pages > m.Pages || !bytes.Contains(a.body[:64], []byte("VP8X")) || !bytes.Contains(a.body, []byte("ANMF")) {
			t.Errorf("%s has %d of %d frames; want the animation kept", v.Name, v.Pages, m.Pages)
		}
		return nil
	}
	img, err := webp.Decode(bytes.NewReader(a.body))
	if err != nil {
		t.Errorf("%s does not decode: %v", v.Name, err)
		return nil
	}
	if b := img.Bounds(); b.Dx() != v.Width || b.Dy() != v.Height {
		t.Errorf("%s decodes to %dx%d, want the recorded %dx%d", v.Name, b.Dx(), b.Dy(), v.Width, v.Height)
	}
	return img
}

// sameUpright holds the pictures of a family, which differ in how their file is
// turned, to the same size and the same pixels.
func sameUpright(t *testing.T, family string, thumbnails map[string]image.Image) {
	t.Helper()
	first, ok := thumbnails[family+"_1.jpg"]
	if !ok {
		if family == "Scene" {
			t.Errorf("%s_1.jpg has no thumbnail", family)
		}
		return
	}
	for n := 2; n <= 8; n++ {
		name := fmt.Sprintf("%s_%d.jpg", family, n)
		other, ok := thumbnails[name]
		if !ok {
			continue
		}
		if other.Bounds() != first.Bounds() {
			t.Errorf("%s is %v upright, want %v", name, other.Bounds(), first.Bounds())
			continue
		}
		if d := difference(first, other); d > 4 {
			t.Errorf("%s differs from %s_1.jpg by %.1f of 255 a pixel, want the same picture upright", name, family, d)
		}
	}
}

// difference is the mean difference of two pictures' channels.
func difference(a, b image.Image) float64 {
	var sum float64
	r := a.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			r1, g1, b1, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			sum += math.Abs(float64(r1)-float64(r2)) + math.Abs(float64(g1)-float64(g2)) + math.Abs(float64(b1)-float64(b2))
		}
	}
	return sum / 257 / 3 / float64(r.Dx()*r.Dy())
}
