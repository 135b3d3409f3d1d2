package transform_test

import (
	"fmt"
	"image"
	"math"
	"testing"

	"pgregory.net/rapid"

	"imgd/core/transform"
)

func TestTarget(t *testing.T) {
	plain := func(w, h int) transform.Plan {
		return transform.Plan{ResizeW: w, ResizeH: h, CropW: w, CropH: h, Width: w, Height: h}
	}
	cover := func(rw, rh, x, y, w, h int) transform.Plan {
		return transform.Plan{ResizeW: rw, ResizeH: rh, CropX: x, CropY: y, CropW: w, CropH: h, Width: w, Height: h}
	}
	pad := func(w, h, x, y, cw, ch int) transform.Plan {
		return transform.Plan{ResizeW: w, ResizeH: h, CropW: w, CropH: h, OffsetX: x, OffsetY: y, Width: cw, Height: ch}
	}
	for _, c := range []struct {
		text          string
		width, height int
		want          transform.Plan
	}{
		{"", 4000, 3000, plain(4000, 3000)},
		{"w=400", 4000, 3000, plain(400, 300)},
		{"h=400", 4000, 3000, plain(533, 400)},
		{"w=150,h=150", 4000, 3000, plain(150, 113)},
		{"w=150,h=150", 3000, 4000, plain(113, 150)},
		{"w=150,h=150", 100, 50, plain(100, 50)},
		{"w=150,h=150", 10000, 1, plain(150, 1)},
		{"w=100,dpr=2", 4000, 3000, plain(200, 150)},
		{"w=3,dpr=0.1", 4000, 3000, plain(1, 1)},
		{"w=150,h=150,fit=contain", 100, 50, plain(100, 50)},
		{"w=150,h=150,fit=contain,up=1", 100, 50, plain(150, 75)},
		{"h=150,fit=contain,up=1", 100, 50, plain(300, 150)},
		{"w=200,h=200,fit=cover", 4000, 3000, cover(267, 200, 34, 0, 200, 200)},
		{"w=200,h=200,fit=cover,pos=left", 4000, 3000, cover(267, 200, 0, 0, 200, 200)},
		{"w=200,h=200,fit=cover,pos=top-right", 4000, 3000, cover(267, 200, 67, 0, 200, 200)},
		{"w=200,h=200,fit=cover,pos=bottom", 300, 400, cover(200, 267, 0, 67, 200, 200)},
		{"w=200,h=200,fit=cover,pos=0.4x0.5", 4000, 2000, cover(400, 200, 60, 0, 200, 200)},
		{"w=200,h=200,fit=cover,pos=0.05x0.5", 4000, 2000, cover(400, 200, 0, 0, 200, 200)},
		{"w=200,h=200,fit=cover,pos=attention", 4000, 2000, cover(400, 200, 100, 0, 200, 200)},
		{"w=200,h=200,fit=cover", 1000, 100, cover(1000, 100, 450, 0, 100, 100)},
		{"w=200,h=100,fit=cover", 50, 50, cover(50, 50, 0, 13, 50, 25)},
		{"w=200,h=100,fit=cover,up=1", 50, 50, cover(200, 200, 0, 50, 200, 100)},
		{"w=200,h=100,fit=fill", 4000, 3000, plain(200, 100)},
		{"w=300,h=200,fit=fill", 400, 100, plain(150, 100)},
		{"w=300,h=200,fit=fill,up=1", 40, 10, plain(300, 200)},
		{"w=200,h=200,fit=pad", 400, 300, pad(200, 150, 0, 25, 200, 200)},
		{"w=200,h=200,fit=pad,pos=bottom", 400, 300, pad(200, 150, 0, 50, 200, 200)},
		{"w=200,h=200,fit=pad,pos=top-left", 100, 50, pad(100, 50, 0, 0, 200, 200)},
		{"w=200,h=200,fit=pad,up=1", 100, 50, pad(200, 100, 0, 50, 200, 200)},
	} {
		t.Run(fmt.Sprintf("%s of %dx%d", c.text, c.width, c.height), func(t *testing.T) {
			if got := parse(t, c.text).Target(c.width, c.height); got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestEveryPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := transform.Default()
		s.Fit = rapid.SampledFrom([]transform.Fit{
			transform.FitScaleDown, transform.FitContain, transform.FitCover, transform.FitFill, transform.FitPad,
		}).Draw(t, "fit")
		boxed := s.Fit != transform.FitScaleDown && s.Fit != transform.FitContain
		least := 0
		if boxed {
			least = 1
		}
		side := rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(1, transform.MaxSide))
		s.W, s.H = max(side.Draw(t, "w")-1, least), max(side.Draw(t, "h")-1, least)
		s.Up = s.Fit != transform.FitScaleDown && rapid.Bool().Draw(t, "up")
		s.Pos = transform.Position{X: rapid.Float64Range(0, 1).Draw(t, "x"), Y: rapid.Float64Range(0, 1).Draw(t, "y")}
		s.DPR = rapid.SampledFrom([]float64{0.1, 1, 1.5, 3, 8}).Draw(t, "dpr")
		width, height := side.Draw(t, "width"), side.Draw(t, "height")

		p := s.Target(width, height)
		consistent(t, p)
		box := s.Scaled()
		if !s.Up && (p.ResizeW > width || p.ResizeH > height) {
			t.Errorf("enlarged %dx%d without up: %+v", width, height, p)
		}
		if box.W > 0 && p.Width > box.W || box.H > 0 && p.Height > box.H {
			t.Errorf("leaves the box %dx%d: %+v", box.W, box.H, p)
		}
		if s.Fit != transform.FitFill && !sameAspect(width, height, p.ResizeW, p.ResizeH) {
			t.Errorf("bends %dx%d by more than a pixel: %+v", width, height, p)
		}
		if s.Fit == transform.FitPad && (p.Width != box.W || p.Height != box.H) {
			t.Errorf("pad leaves the canvas %dx%d unfilled: %+v", box.W, box.H, p)
		}
		if s.Fit != transform.FitCover && s.Fit != transform.FitFill {
			return
		}
		fits := width >= box.W && height >= box.H
		if (s.Up || fits) && (p.Width != box.W || p.Height != box.H) {
			t.Errorf("does not fill the box %dx%d: %+v", box.W, box.H, p)
		}
		if !sameAspect(box.W, box.H, p.Width, p.Height) {
			t.Errorf("the box %dx%d lost its aspect ratio: %+v", box.W, box.H, p)
		}
	})
}

// consistent checks that each step of a plan fits into the one before.
func consistent(t tester, p transform.Plan) {
	t.Helper()
	resized := image.Rect(0, 0, p.ResizeW, p.ResizeH)
	crop := image.Rect(p.CropX, p.CropY, p.CropX+p.CropW, p.CropY+p.CropH)
	laid := image.Rect(p.OffsetX, p.OffsetY, p.OffsetX+p.CropW, p.OffsetY+p.CropH)
	canvas := image.Rect(0, 0, p.Width, p.Height)
	if crop.Empty() || canvas.Empty() || !crop.In(resized) || !laid.In(canvas) {
		t.Errorf("the steps do not fit together: %+v", p)
	}
	if p.Crops() != (crop != resized) || p.Pads() != (laid != canvas) {
		t.Errorf("got crops %v and pads %v of %+v", p.Crops(), p.Pads(), p)
	}
}

// sameAspect reports whether w x h is width x height at some scale, give or take
// half a pixel for rounding and the pixel that every side has at least.
func sameAspect(width, height, w, h int) bool {
	byW, byH := float64(w)/float64(width), float64(h)/float64(height)
	near := func(got int, exact float64) bool { return math.Abs(float64(got)-max(exact, 1)) <= 0.5+1e-6 }
	return near(h, float64(height)*byW) || near(w, float64(width)*byH)
}

func TestScaled(t *testing.T) {
	got := parse(t, "dpr=1.5,w=101,h=none,pad=1:2:0:3,border=1:000000,radius=max,blur=2,sharpen=2").Scaled()
	want := parse(t, "w=152,pad=2:3:0:5,border=2:000000,radius=max,blur=3,sharpen=2")
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCropWithin(t *testing.T) {
	for _, c := range []struct {
		text string
		want image.Rectangle
	}{
		{"", image.Rect(0, 0, 300, 200)},
		{"crop=10:20:100:50", image.Rect(10, 20, 110, 70)},
		{"crop=250:0:100:500", image.Rect(250, 0, 300, 200)},
		{"crop=0.5:0.25:0.5:0.5", image.Rect(150, 50, 300, 150)},
		{"crop=0.999999:0:0.000001:1", image.Rect(299, 0, 300, 200)},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := parse(t, c.text).Crop.Within(300, 200)
			if err != nil || got != c.want {
				t.Errorf("got %v and %v, want %v", got, err, c.want)
			}
		})
	}
	t.Run("crop=300:0:1:1 begins outside", func(t *testing.T) {
		_, err := parse(t, "crop=300:0:1:1").Crop.Within(300, 200)
		if e := refusal(t, err); e.Facts["key"] != "crop" {
			t.Errorf("got %v, want the key crop", e.Facts)
		}
	})
}

func parse(t *testing.T, text string) transform.Spec {
	t.Helper()
	s, err := transform.Parse(text)
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return s
}
