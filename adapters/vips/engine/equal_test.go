package engine

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"imgd/core/transform"
)

// BenchmarkEqualQuality measures the table behind transform.EqualQuality: for a few
// qualities of WebP the quality of other formats at which the mean DSSIM over a
// folder of photos, IMGD_TEST_CORPUS, comes out the same. It is slow and says what it
// finds; the table is set by hand.
func BenchmarkEqualQuality(b *testing.B) {
	photos, err := filepath.Glob(filepath.Join(os.Getenv("IMGD_TEST_CORPUS"), "*.jpg"))
	if err != nil || len(photos) == 0 {
		b.Fatalf("IMGD_TEST_CORPUS has no photos: %v", err)
	}
	var drawn []picture
	for _, name := range photos {
		data, err := os.ReadFile(name) // #nosec G304 -- of the folder that was named
		if err != nil {
			b.Fatal(err)
		}
		if p, err := Probe(data); err != nil || p.Width*p.Height < 1<<18 || p.Width*p.Height > 1<<26 || len(drawn) == 10 {
			continue
		}
		drawn = append(drawn, drawnAt(b, data, 400))
	}
	b.Logf("%d photos", len(drawn))
	for b.Loop() {
		for _, q := range []int{20, 40, 60, 75, 85, 95} {
			want := damage(b, drawn, transform.WebP, q)
			for _, f := range []transform.Format{transform.AVIF, transform.JPEG, transform.JXL} {
				lo, hi := 1, 100
				for lo < hi {
					if m := (lo + hi) / 2; damage(b, drawn, f, m) > want {
						lo = m + 1
					} else {
						hi = m
					}
				}
				b.Logf("webp q=%d (DSSIM %.5f) as %s: q=%d", q, want, f, lo)
			}
		}
	}
}

// drawnAt is a photo in a box of so many pixels.
func drawnAt(b *testing.B, data []byte, side int) picture {
	b.Helper()
	src, err := open(data, false)
	if err != nil {
		b.Fatal(err)
	}
	defer src.close()
	spec := transform.Default()
	spec.W, spec.H = side, side
	spec.BG = "ffffff"
	a := (&hold{}).page(src, nil)
	r := a.add(shape{Plan: spec.Target(src.upright(src.width, src.height)), flip: transform.FlipNone})
	a.link()
	if err := a.ready(b.Context(), r); err != nil {
		b.Fatal(err)
	}
	return r.frames[0]
}

// damage is the mean DSSIM of photos in a format.
func damage(b *testing.B, drawn []picture, f transform.Format, q int) float64 {
	b.Helper()
	spec := transform.Default()
	spec.Fmt, spec.Q, spec.Effort = f, q, 4
	var sum float64
	for _, p := range drawn {
		e, err := plate{picture: p, frames: 1}.write(spec)
		if err != nil {
			b.Fatal(err)
		}
		back, err := load(loader(formatOf(e.bytes())), e.bytes(), "access=random")
		if err != nil {
			b.Fatal(err)
		}
		sum += dssim(b, p, back)
		back.free()
		e.free()
	}
	return sum / float64(len(drawn))
}

// dssim is how much two pictures of one size differ for the eye: 1/SSIM - 1, of five
// scales, of luma with three quarters and of both colour differences with one.
func dssim(b *testing.B, p, q picture) float64 {
	b.Helper()
	x, y := ycc(b, p), ycc(b, q)
	weights := [5]float64{0.0448, 0.2856, 0.3001, 0.2363, 0.1333}
	mean := 0.0
	for channel, share := range [3]float64{0.75, 0.125, 0.125} {
		u, v := x[channel], y[channel]
		for _, w := range weights {
			mean += share * w * ssim(u, v)
			u, v = u.half(), v.half()
		}
	}
	return 1/mean - 1
}

// plane is one channel.
type plane struct {
	w, h int
	v    []float64
}

// ycc is luma and the two colour differences.
func ycc(b *testing.B, p picture) (all [3]plane) {
	b.Helper()
	samples, err := p.samples()
	if err != nil {
		b.Fatal(err)
	}
	w, h, bands := p.width(), p.height(), p.bands()
	for c := range all {
		all[c] = plane{w, h, make([]float64, w*h)}
	}
	for i := range w * h {
		px := samples[i*bands:]
		r, g, bl := float64(px[0]), float64(px[0]), float64(px[0])
		if bands >= 3 {
			g, bl = float64(px[1]), float64(px[2])
		}
		luma := 0.299*r + 0.587*g + 0.114*bl
		all[0].v[i], all[1].v[i], all[2].v[i] = luma, 0.564*(bl-luma), 0.713*(r-luma)
	}
	return all
}

func (p plane) half() plane {
	q := plane{p.w / 2, p.h / 2, make([]float64, (p.w/2)*(p.h/2))}
	for y := range q.h {
		for x := range q.w {
			at := 2*y*p.w + 2*x
			q.v[y*q.w+x] = (p.v[at] + p.v[at+1] + p.v[at+p.w] + p.v[at+p.w+1]) / 4
		}
	}
	return q
}

// ssim is the mean over blocks of eight that overlap by half.
func ssim(a, b plane) float64 {
	const side, c1, c2 = 8, 6.5025, 58.5225
	sum, n := 0.0, 0
	for top := 0; top+side <= a.h; top += side / 2 {
		for left := 0; left+side <= a.w; left += side / 2 {
			var ma, mb, aa, bb, ab float64
			for y := top; y < top+side; y++ {
				for x := left; x < left+side; x++ {
					u, v := a.v[y*a.w+x], b.v[y*a.w+x]
					ma, mb, aa, bb, ab = ma+u, mb+v, aa+u*u, bb+v*v, ab+u*v
				}
			}
			const m = side * side
			ma, mb = ma/m, mb/m
			va, vb, cov := aa/m-ma*ma, bb/m-mb*mb, ab/m-ma*mb
			sum += (2*ma*mb + c1) * (2*cov + c2) / ((ma*ma + mb*mb + c1) * (va + vb + c2))
			n++
		}
	}
	return sum / math.Max(1, float64(n))
}
