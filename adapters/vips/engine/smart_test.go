package engine

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"testing"
)

// spotted is of one colour but for a spot of noise.
func spotted(w, h int, at image.Rectangle) *image.NRGBA {
	img := flat(w, h, color.NRGBA{120, 130, 120, 255})
	for y := at.Min.Y; y < at.Max.Y; y++ {
		for x := at.Min.X; x < at.Max.X; x++ {
			v := byte(x*x*7 ^ y*y*13 ^ x*y)
			img.SetNRGBA(x, y, color.NRGBA{200 | v, v >> 1, v >> 2, 255})
		}
	}
	return img
}

// lively counts the pixels that are of the spot.
func (s seen) lively(top, bottom int) (n int) {
	for y := top; y < bottom; y++ {
		for x := range s.w {
			if !near(s.at(x, y), color.NRGBA{120, 130, 120, 255}, 30) {
				n++
			}
		}
	}
	return n
}

func TestASmartPositionKeepsWhatMatters(t *testing.T) {
	for name, at := range map[string]image.Rectangle{"left": image.Rect(10, 30, 60, 80), "right": image.Rect(240, 20, 290, 70), "between": image.Rect(150, 20, 200, 70)} {
		data := pngOf(t, spotted(300, 100, at))
		for _, pos := range []string{"entropy", "attention"} {
			o := one(t, data, "w=100,h=100,fit=cover,fmt=png,pos="+pos)
			mustMeasure(t, o, 100, 100)
			if n := see(t, o.Body).lively(0, 100); n < 1500 {
				t.Errorf("%s, %s: %d of 2500 pixels of what matters are kept", pos, name, n)
			}
		}
	}
}

func TestTheFirstFrameDecidesForTheAnimation(t *testing.T) {
	g := &gif.GIF{Config: image.Config{Width: 300, Height: 100}}
	for _, at := range []image.Rectangle{image.Rect(10, 20, 60, 70), image.Rect(10, 20, 60, 70), image.Rect(240, 20, 290, 70)} {
		img := spotted(300, 100, at)
		p := image.NewPaletted(img.Rect, color.Palette{color.NRGBA{120, 130, 120, 255}, color.NRGBA{250, 20, 20, 255}, color.NRGBA{210, 90, 40, 255}})
		for y := range 100 {
			for x := range 300 {
				p.Set(x, y, img.At(x, y))
			}
		}
		g.Image, g.Delay = append(g.Image, p), append(g.Delay, 10)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	for _, pos := range []string{"entropy", "attention"} {
		s := see(t, one(t, b.Bytes(), "w=100,h=100,fit=cover,fmt=gif,pos="+pos).Body)
		if first, third := s.lively(0, 100), s.lively(200, 300); first < 1500 || third != 0 {
			t.Errorf("%s: %d pixels of the first frame's spot and %d of the third's are kept, want all and none", pos, first, third)
		}
	}
}
