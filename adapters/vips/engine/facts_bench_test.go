package engine

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"testing"

	"imgd/e2e/scene"
)

// BenchmarkFacts is what the facts of one picture cost beside its rendition: of a
// photo, and of noise, in which every pixel is a colour of its own.
func BenchmarkFacts(b *testing.B) {
	for name, img := range map[string]*image.NRGBA{"photo": landscape(b, 64, 43), "noise": speckled(64, 64, 20, 250)} {
		b.Run(name, func(b *testing.B) {
			before := spent()
			for b.Loop() {
				describe(img)
			}
			b.ReportMetric(float64((spent()-before).Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
}

// landscape is the scene as a picture of the given size.
func landscape(t testing.TB, w, h int) *image.NRGBA {
	t.Helper()
	data, err := scene.JPEG(w, h)
	if err != nil {
		t.Fatal(err)
	}
	src, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewNRGBA(src.Bounds())
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBAModel.Convert(src.At(x, y)).(color.NRGBA))
		}
	}
	return img
}
