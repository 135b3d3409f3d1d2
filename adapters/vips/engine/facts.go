package engine

import (
	"fmt"
	"image"
	"image/color"

	"github.com/bbrks/go-blurhash"

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
	img := image.NewNRGBA(image.Rect(0, 0, small.width(), small.height()))
	bands := small.bands()
	for i := range small.width() * small.height() {
		c := color.NRGBA{samples[i*bands], samples[i*bands+1], samples[i*bands+2], 255}
		if bands > 3 {
			c.A = samples[i*bands+3]
		}
		img.SetNRGBA(i%small.width(), i/small.width(), c)
	}
	return describe(img)
}

// describe takes the facts from pixels, each weighted by its opacity. Of a
// picture that cannot be seen at all everything counts the same.
func describe(img *image.NRGBA) (*core.Facts, error) {
	average, clusters := survey(img)
	hash, err := placeholder(img, average)
	if err != nil {
		return nil, fmt.Errorf("blurhash: %w", err)
	}
	return &core.Facts{DominantColor: hexOf(clusters.largest()), AverageColor: hexOf(average), Blurhash: hash}, nil
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
	half := s.weight / 2
	return color.NRGBA{uint8((s.r + half) / s.weight), uint8((s.g + half) / s.weight), uint8((s.b + half) / s.weight), 255}
}

// grid is the cube of colours in cells of 32 levels a channel, so that a cell is
// what an eye would call one colour.
type grid [8 * 8 * 8]sum

func cell(c color.NRGBA) (r, g, b int) { return int(c.R >> 5), int(c.G >> 5), int(c.B >> 5) }

// survey counts every pixel once.
func survey(img *image.NRGBA) (average color.NRGBA, g *grid) {
	g = &grid{}
	var total, blind sum
	for i := 0; i < len(img.Pix); i += 4 {
		c := color.NRGBA{img.Pix[i], img.Pix[i+1], img.Pix[i+2], img.Pix[i+3]}
		total.add(c, int64(c.A))
		blind.add(c, 1)
		r, gr, b := cell(c)
		g[r<<6|gr<<3|b].add(c, int64(c.A))
	}
	if total.weight == 0 {
		return blind.mean(), g
	}
	return total.mean(), g
}

// largest is the mean of the heaviest cluster: a cell with its neighbours, since
// a colour does not stop at the border of its cell.
func (g *grid) largest() color.NRGBA {
	var best sum
	for r := range 8 {
		for gr := range 8 {
			for b := range 8 {
				if c := g.around(r, gr, b); c.weight > best.weight {
					best = c
				}
			}
		}
	}
	return best.mean()
}

// around adds to a cell what its six neighbours have; an empty cell has no
// cluster.
func (g *grid) around(r, gr, b int) (c sum) {
	at := func(r, gr, b int) sum {
		if min(r, gr, b) < 0 || max(r, gr, b) > 7 {
			return sum{}
		}
		return g[r<<6|gr<<3|b]
	}
	own := at(r, gr, b)
	if own.weight == 0 {
		return sum{}
	}
	for _, n := range []sum{own, at(r-1, gr, b), at(r+1, gr, b), at(r, gr-1, b), at(r, gr+1, b), at(r, gr, b-1), at(r, gr, b+1)} {
		c.r, c.g, c.b, c.weight = c.r+n.r, c.g+n.g, c.b+n.b, c.weight+n.weight
	}
	return c
}

// placeholder is the BlurHash of the picture on its average colour, with more
// components along its longer side.
func placeholder(img *image.NRGBA, ground color.NRGBA) (string, error) {
	flat := image.NewNRGBA(img.Rect)
	for i := 0; i < len(img.Pix); i += 4 {
		a := int(img.Pix[i+3])
		for j, g := range []uint8{ground.R, ground.G, ground.B} {
			flat.Pix[i+j] = uint8((int(img.Pix[i+j])*a + int(g)*(255-a) + 127) / 255)
		}
		flat.Pix[i+3] = 255
	}
	x, y := 4, 3
	if img.Rect.Dy() > img.Rect.Dx() {
		x, y = 3, 4
	}
	return blurhash.Encode(x, y, flat)
}

func hexOf(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }
