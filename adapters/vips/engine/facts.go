package engine

import (
	"fmt"
	"image"
	"image/color"

	"imgd/core"
)

// factSide is the longest side of the rendition that facts are taken from.
const factSide = 64

// factsOf looks at a small picture.
func factsOf(p picture) (*core.Facts, error) {
	s := from(p)
	s.coloured()
	small, err := s.end()
	if err != nil {
		return nil, err
	}
	defer small.free()
	samples, err := small.pixels()
	if err != nil {
		return nil, err
	}
	w, h, bands := small.width(), small.height(), small.bands()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		c := color.NRGBA{samples[i*bands], samples[i*bands+1], samples[i*bands+2], 255}
		if bands > 3 {
			c.A = samples[i*bands+3]
		}
		img.SetNRGBA(i%w, i/w, c)
	}
	return describe(img), nil
}

// describe takes the facts from pixels, each weighted by its opacity. Of a
// picture that cannot be seen at all everything counts the same.
func describe(img *image.NRGBA) *core.Facts {
	average, clusters := survey(img)
	return &core.Facts{DominantColor: hexOf(clusters.largest()), AverageColor: hexOf(average), Blurhash: placeholder(img, average)}
}

// sum adds up colours.
type sum struct{ r, g, b, weight int64 }

func (s *sum) add(c color.NRGBA, weight int64) {
	s.r += int64(c.R) * weight
	s.g += int64(c.G) * weight
	s.b += int64(c.B) * weight
	s.weight += weight
}

func (s *sum) mean() color.NRGBA {
	if s.weight == 0 {
		return color.NRGBA{A: 255}
	}
	level := func(sum int64) uint8 { return uint8((sum + s.weight/2) / s.weight) } // #nosec G115 -- a mean of bytes
	return color.NRGBA{level(s.r), level(s.g), level(s.b), 255}
}

// grid is the cube of colours, in cells of 16 levels a channel.
type grid [cells * cells * cells]sum

const cells = 16

// at returns a cell, or nil outside of the cube.
func (g *grid) at(r, gr, b int) *sum {
	if min(r, gr, b) < 0 || max(r, gr, b) >= cells {
		return nil
	}
	return &g[(r*cells+gr)*cells+b]
}

// of returns the cell of a colour.
func (g *grid) of(c color.NRGBA) *sum {
	return g.at(int(c.R)*cells/256, int(c.G)*cells/256, int(c.B)*cells/256)
}

// survey counts every pixel once.
func survey(img *image.NRGBA) (average color.NRGBA, g *grid) {
	g = &grid{}
	var total, blind sum
	for i := 0; i < len(img.Pix); i += 4 {
		c := color.NRGBA{img.Pix[i], img.Pix[i+1], img.Pix[i+2], img.Pix[i+3]}
		total.add(c, int64(c.A))
		blind.add(c, 1)
		g.of(c).add(c, int64(c.A))
	}
	if total.weight == 0 {
		return blind.mean(), g
	}
	return total.mean(), g
}

// largest is the mean of the heaviest cluster.
func (g *grid) largest() color.NRGBA {
	var best sum
	for r := range cells {
		for gr := range cells {
			for b := range cells {
				if c := g.cluster(r, gr, b); c.weight > best.weight {
					best = c
				}
			}
		}
	}
	return best.mean()
}

// cluster adds to a cell what its neighbours have, since a colour does not stop
// at the border of its cell. An empty cell has no cluster.
func (g *grid) cluster(r, gr, b int) (c sum) {
	if g.at(r, gr, b).weight == 0 {
		return c
	}
	for i := range 27 {
		if n := g.at(r+i%3-1, gr+i/3%3-1, b+i/9-1); n != nil {
			c.r, c.g, c.b, c.weight = c.r+n.r, c.g+n.g, c.b+n.b, c.weight+n.weight
		}
	}
	return c
}

// placeholder is the BlurHash of the picture on its average colour, with more
// components along its longer side. Its waves need room to cancel out, so that
// few pixels are repeated.
func placeholder(img *image.NRGBA, ground color.NRGBA) string {
	const room = 32
	w, h := img.Rect.Dx(), img.Rect.Dy()
	across, down := (room+w-1)/w, (room+h-1)/h
	flat := image.NewNRGBA(image.Rect(0, 0, w*across, h*down))
	for y := range h * down {
		for x := range w * across {
			flat.SetNRGBA(x, y, on(img.NRGBAAt(x/across, y/down), ground))
		}
	}
	x, y := 4, 3
	if h > w {
		x, y = 3, 4
	}
	return blurhash(flat, x, y)
}

// on lays a colour over an opaque one.
func on(c, ground color.NRGBA) color.NRGBA {
	mix := func(c, g, a uint8) uint8 {
		return uint8((int(c)*int(a) + int(g)*(255-int(a)) + 127) / 255) // #nosec G115 -- a mean of two bytes
	}
	return color.NRGBA{mix(c.R, ground.R, c.A), mix(c.G, ground.G, c.A), mix(c.B, ground.B, c.A), 255}
}

func hexOf(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }
