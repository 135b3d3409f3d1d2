// Package scene draws a picture that behaves like a photograph: a lake in the
// evening, with smooth sky, fine detail, hard edges and grain. It is the same
// picture every time, at any size.
package scene

import (
	"bytes"
	"image"
	"image/jpeg"
	"runtime"
	"sync"
	"sync/atomic"
)

// horizon is where the far shore lies, as a part of the height.
const horizon = 0.60

// painter draws one picture. Places are given in heights of the picture, from the
// upper left, so that a larger picture shows the same with more detail.
type painter struct {
	w, h    int
	img     *image.RGBA
	width   float64 // in heights
	sunX    float64
	sunY    float64
	shore   int // the first row of water
	ridges  []ridge
	crests  [][]float64 // of each ridge, a height for every column
	workers int
}

// Draw paints the scene at a size.
func Draw(w, h int) *image.RGBA {
	p := &painter{
		w: w, h: h, img: image.NewRGBA(image.Rect(0, 0, w, h)),
		width: float64(w) / float64(h), sunY: 0.335, shore: max(1, int(horizon*float64(h))), workers: runtime.GOMAXPROCS(0),
	}
	p.sunX = 0.63 * p.width
	p.ridges = landscape
	p.survey()
	p.each(p.shore, p.farRow)
	p.each(h-p.shore, func(i int) { p.lakeRow(p.shore + i) })
	p.bank()
	p.each(h, p.develop)
	return p.img
}

// JPEG is the scene as a camera would hand it over.
func JPEG(w, h int) ([]byte, error) {
	var b bytes.Buffer
	err := jpeg.Encode(&b, Draw(w, h), &jpeg.Options{Quality: 90})
	return b.Bytes(), err
}

// each calls do for 0..n-1 on all cores.
func (p *painter) each(n int, do func(i int)) {
	const batch = 16
	var next atomic.Int64
	var wg sync.WaitGroup
	for range p.workers {
		wg.Go(func() {
			for {
				from := int(next.Add(batch)) - batch
				if from >= n {
					return
				}
				for i := from; i < min(from+batch, n); i++ {
					do(i)
				}
			}
		})
	}
	wg.Wait()
}

func (p *painter) set(x, y int, c color) {
	i := p.img.PixOffset(x, y)
	px := p.img.Pix[i : i+4 : i+4]
	px[0], px[1], px[2], px[3] = eightBit(c.r), eightBit(c.g), eightBit(c.b), 255
}

func (p *painter) at(x, y int) color {
	i := p.img.PixOffset(x, y)
	px := p.img.Pix[i : i+4 : i+4]
	return color{float64(px[0]) / 255, float64(px[1]) / 255, float64(px[2]) / 255}
}

// over lays c on a pixel, as far as it covers it.
func (p *painter) over(x, y int, c color, cover float64) {
	if cover > 0 {
		p.set(x, y, p.at(x, y).mix(c, min(cover, 1)))
	}
}

func eightBit(v float64) uint8 { return uint8(clamp(v)*255 + 0.5) }

// develop gives a row what lens and film give: darker corners and grain.
func (p *painter) develop(y int) {
	dy := float64(y)/float64(p.h) - 0.5
	for x := range p.w {
		dx := (float64(x)/float64(p.w) - 0.5)
		c := p.at(x, y).times(1.03 - 0.42*(dx*dx+dy*dy))
		n := hash(x, y, 77)
		grain := (float64(n&0xff)+float64(n>>8&0xff)-255)/255*0.030*(1-0.5*c.g) + (float64(n>>16&0xff)/255-0.5)*0.006
		p.set(x, y, color{c.r + grain, c.g + grain, c.b + grain*1.1})
	}
}
