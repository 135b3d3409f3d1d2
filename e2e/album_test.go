package e2e

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// snap is a picture with a name.
type snap struct {
	name string
	file []byte
}

// views are parts of one landscape in another light: which channel each colour is
// taken from, and how much of it.
var views = []struct {
	name    string
	part    image.Rectangle
	from    [3]int
	much    [3]float64
	flipped bool
}{
	{"still-water.jpg", image.Rect(150, 540, 1150, 900), [3]int{0, 2, 1}, [3]float64{.9, 1, 1}, false},
	{"ridges.jpg", image.Rect(0, 250, 750, 750), [3]int{1, 0, 2}, [3]float64{.8, 1, .9}, false},
	{"embers.jpg", image.Rect(600, 150, 1050, 750), [3]int{0, 1, 2}, [3]float64{1.25, .8, .6}, true},
	{"blue-hour.jpg", image.Rect(50, 50, 850, 650), [3]int{2, 1, 0}, [3]float64{.7, .85, 1.1}, true},
	{"far-shore.jpg", image.Rect(450, 250, 1050, 650), [3]int{0, 1, 2}, [3]float64{1.05, 1, .92}, false},
	{"lake-at-dusk.jpg", image.Rect(0, 0, 1200, 900), [3]int{0, 1, 2}, [3]float64{1, 1, 1}, false},
}

var developed = sync.OnceValues(func() (snaps []snap, err error) {
	whole := scene.Draw(1200, 900)
	for _, v := range views {
		out := image.NewRGBA(image.Rectangle{Max: v.part.Size()})
		for y := range v.part.Dy() {
			for x := range v.part.Dx() {
				from := v.part.Min.Add(image.Pt(x, y))
				if v.flipped {
					from.X = v.part.Max.X - 1 - x
				}
				was := whole.RGBAAt(from.X, from.Y)
				light := [3]float64{float64(was.R), float64(was.G), float64(was.B)}
				is := func(c int) uint8 { return uint8(min(255, light[v.from[c]]*v.much[c])) }
				out.SetRGBA(x, y, color.RGBA{is(0), is(1), is(2), 255})
			}
		}
		var file bytes.Buffer
		if err := jpeg.Encode(&file, out, &jpeg.Options{Quality: 92}); err != nil {
			return nil, err
		}
		snaps = append(snaps, snap{v.name, file.Bytes()})
	}
	return snaps, nil
})

// album are six pictures that look different.
func album(t *testing.T) []snap {
	t.Helper()
	snaps, err := developed()
	if err != nil {
		t.Fatal(err)
	}
	return snaps
}

// picturesKept is the folder for screenshots, empty when they are not kept.
func picturesKept() string { return os.Getenv("IMGD_TEST_SCREENSHOTS") }

// lightest is the most bytes of a picture that goes into the repository.
const lightest = 240_000

// shoot takes a picture of what the window shows. Where pictures are kept, imgd
// makes it small.
func (w *window) shoot(name string) {
	w.t.Helper()
	// What is still to be drawn, or on its way to another colour, is no picture of it.
	inPage[bool](w, `Promise.all([...document.images].map((i) => i.decode().catch(() => 0)))
		.then(() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => 0)))).then(() => true)`, chromedp.EvalAwaitPromise)
	shot, err := chromedp.Run(w.page, chromedp.CaptureScreenshot())
	if err != nil {
		w.t.Fatal(err)
	}
	if picturesKept() == "" {
		return
	}
	p := rig.NewSite(w.t, shipped).Start(w.t, "serve")
	body, contentType := form(shot, name+".png", "variants", `{"page":"fmt=png,palette=128,effort=9"}`)
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, p.URL+"/v1/images", body)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Prefer", "wait=30")
	a, err := send(req)
	if err != nil || a.status != http.StatusCreated {
		w.t.Fatalf("the screenshot is answered %d, %v: %s", a.status, err, a.body)
	}
	small := get(w.t, p.URL+"/v1/images/"+decode[job](w.t, a).ImageID+"/variants/page").body
	if len(shot) < len(small) { // the dither of few colours does not pack well
		small = shot
	}
	if len(small) > lightest {
		w.t.Errorf("the picture of %s has %d bytes, more than %d", name, len(small), lightest)
	}
	if err := os.WriteFile(filepath.Join(picturesKept(), name+".png"), small, 0o600); err != nil {
		w.t.Fatal(err)
	}
}
