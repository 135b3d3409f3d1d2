package e2e

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/rig"
)

// plainPNG is a picture of one colour.
func plainPNG(t testing.TB, w, h int, c color.NRGBA) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAStoredImageIsTheWatermarkOfAnother(t *testing.T) {
	t.Parallel()
	for name, site := range map[string]*rig.Site{"a folder": rig.NewSite(t, shipped), "S3": rig.NewProduction(t, shipped)} {
		t.Run(name, func(t *testing.T) {
			p := site.Start(t, "serve")
			c := caller.At(p.URL)
			send := func(file []byte, key, variants string) job {
				t.Helper()
				a, err := c.Upload(t.Context(), file, "a.png", key, "variants", variants)
				if err != nil || a.Status != 202 {
					t.Fatalf("an upload was answered %d %s, %v", a.Status, a.Body, err)
				}
				return finished(t, p.URL, decode[job](t, answer{body: a.Body}).ID, time.Minute)
			}
			mark := send(plainPNG(t, 40, 40, color.NRGBA{255, 0, 0, 255}), "mark", `{"a": "w=10"}`)
			j := send(plainPNG(t, 200, 100, color.NRGBA{255, 255, 255, 255}), "marked", `{"marked": "fmt=png,wm=`+mark.ImageID+`:top-left:0.5:0.5"}`)
			if j.State != "succeeded" {
				t.Fatalf("the job ended %s with %+v", j.State, j.Error)
			}
			body, err := c.Get(t.Context(), "/v1/images/"+j.ImageID+"/variants/marked")
			if err != nil {
				t.Fatal(err)
			}
			m, err := png.Decode(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			for at, want := range map[image.Point]color.NRGBA{
				{10, 10}: {255, 127, 127, 255}, {49, 49}: {255, 127, 127, 255}, {51, 10}: {255, 255, 255, 255}, {10, 51}: {255, 255, 255, 255},
			} {
				got := color.NRGBAModel.Convert(m.At(at.X, at.Y)).(color.NRGBA)
				if d := int(got.G) - int(want.G); got.R != want.R || d > 1 || d < -1 {
					t.Errorf("pixel %v is %v, want %v", at, got, want)
				}
			}
		})
	}
}
