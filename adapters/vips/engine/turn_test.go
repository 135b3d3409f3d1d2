package engine

import (
	"image"
	"image/color"
	"testing"
)

func TestQuarterTurnsAndFlipsMovePixelsAndNothingElse(t *testing.T) {
	const w, h = 37, 23
	img := chart(w, h)
	data := pngOf(t, img)
	for text, from := range map[string]func(x, y int) image.Point{
		"rot=90":         func(x, y int) image.Point { return image.Pt(y, h-1-x) },
		"rot=-270":       func(x, y int) image.Point { return image.Pt(y, h-1-x) },
		"rot=180":        func(x, y int) image.Point { return image.Pt(w-1-x, h-1-y) },
		"rot=270":        func(x, y int) image.Point { return image.Pt(w-1-y, x) },
		"rot=360":        func(x, y int) image.Point { return image.Pt(x, y) },
		"flip=h":         func(x, y int) image.Point { return image.Pt(w-1-x, y) },
		"flip=v":         func(x, y int) image.Point { return image.Pt(x, h-1-y) },
		"rot=90,flip=h":  func(x, y int) image.Point { return image.Pt(y, x) },
		"rot=270,flip=h": func(x, y int) image.Point { return image.Pt(w-1-y, h-1-x) },
	} {
		s := see(t, one(t, data, text+",fmt=png").Body)
		for y := range s.h {
			for x := range s.w {
				at := from(x, y)
				if got, want := s.at(x, y), img.NRGBAAt(at.X, at.Y); got != want {
					t.Fatalf("%s: pixel %d,%d is %v, want %v", text, x, y, got, want)
				}
			}
		}
	}
}

func TestATurnGrowsTheCanvasToHoldThePicture(t *testing.T) {
	for _, c := range []struct {
		w, h int
		text string
		want [2]int64
	}{
		{100, 50, "rot=45", [2]int64{107, 107}}, {100, 50, "rot=30", [2]int64{112, 94}}, {100, 50, "rot=-30", [2]int64{112, 94}},
		{100, 50, "rot=0.000001", [2]int64{100, 50}}, {1, 1, "rot=45", [2]int64{2, 2}}, {100, 1, "rot=45", [2]int64{72, 72}},
		{100, 50, "w=50,rot=45", [2]int64{54, 54}}, {100, 50, "w=60,h=60,fit=pad,rot=45", [2]int64{85, 85}},
	} {
		for _, f := range []string{"png", "jpeg"} {
			mustMeasure(t, one(t, pngOf(t, quadrants(c.w, c.h)), c.text+",fmt="+f), c.want[0], c.want[1])
		}
	}
}

func TestATurnedPictureIsInTheMiddleAndItsCornersShowTheGround(t *testing.T) {
	data := pngOf(t, quadrants(100, 60))
	for text, corner := range map[string]color.NRGBA{
		"fmt=png": nothing, "fmt=webp,lossless=1": nothing, "bg=1ec83c,fmt=png": green, "bg=1ec83c80,fmt=png": {30, 200, 60, 128},
		"fmt=jpeg": white, "bg=dc1e28,fmt=jpeg": red,
	} {
		s := see(t, one(t, data, "rot=45,"+text).Body)
		within := loss(text, 2)
		for _, at := range [][2]int{{1, 1}, {s.w - 2, 1}, {1, s.h - 2}, {s.w - 2, s.h - 2}} {
			s.mustBe(t, at[0], at[1], corner, within)
		}
		m := s.w / 2
		for _, spot := range []struct {
			x, y int
			want color.NRGBA
		}{{-7, -28, red}, {28, 7, green}, {-28, -7, blue}, {7, 28, yellow}} { // of what were the middles of the quadrants
			s.mustBe(t, m+spot.x, m+spot.y, spot.want, within)
		}
	}
}

// Half a turn more is the same picture the other way round, to the pixel: only so
// it is in the middle.
func TestATurnIsAboutTheMiddle(t *testing.T) {
	data := pngOf(t, quadrants(61, 40))
	a, b := see(t, one(t, data, "rot=30,fmt=png").Body), see(t, one(t, data, "rot=210,fmt=png").Body)
	for y := range a.h {
		for x := range a.w {
			p, q := a.at(x, y), b.at(a.w-1-x, a.h-1-y)
			if p.A > 40 && !near(p, q, 6) {
				t.Fatalf("at %d,%d it is %v, and %v the other way round", x, y, p, q)
			}
		}
	}
}

func TestATurnLeavesNoDarkEdge(t *testing.T) {
	for name, img := range map[string]*image.NRGBA{"solid": flat(80, 50, yellow), "disc": disc(80, yellow)} {
		s := see(t, one(t, pngOf(t, img), "rot=33,fmt=png").Body)
		soft := 0
		for y := range s.h {
			for x := range s.w {
				c := s.at(x, y)
				if c.A > 0 && c.A < 255 {
					soft++
				}
				if want := (color.NRGBA{yellow.R, yellow.G, yellow.B, c.A}); c.A >= 32 && !near(c, want, 6) {
					t.Fatalf("%s: the edge at %d,%d is %v, want %v", name, x, y, c, want)
				}
			}
		}
		if soft == 0 {
			t.Errorf("%s has no soft edge", name)
		}
	}
}
