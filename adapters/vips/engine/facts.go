package engine

import (
	"fmt"
	"image"
	"image/color"

	"imgd/adapters/vips/embedded"
	"imgd/core"
)

// factSide is the longest side of the rendition that facts are taken from.
const factSide = 64

// factsOf looks at a small picture of the source.
func (s *source) factsOf(p picture) (*core.Facts, error) {
	c := from(p)
	c.coloured()
	small, err := c.end()
	if err != nil {
		return nil, err
	}
	defer small.free()
	samples, err := small.samples()
	if err != nil {
		return nil, err
	}
	f := describe(nrgba(samples, small.width(), small.height(), small.bands()))
	f.Embedded = embedded.Read(s.embedded, current.KeepGPS)
	return f, nil
}

// nrgba is a copy of samples of three or four bands, row by row.
func nrgba(samples []byte, w, h, bands int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	if bands == 4 {
		copy(img.Pix, samples)
		return img
	}
	for i := range w * h {
		from, to := samples[i*bands:][:3], img.Pix[4*i:][:4]
		to[0], to[1], to[2], to[3] = from[0], from[1], from[2], 255
	}
	return img
}

// describe takes the facts from pixels, each weighted by its opacity. Of a
// picture that cannot be seen at all everything counts the same.
func describe(img *image.NRGBA) *core.Facts {
	var g grid
	g.survey(img)
	average := g.average(img)
	f := &core.Facts{
		DominantColor: hexOf(color.NRGBA{}), AverageColor: hexOf(average), Blurhash: placeholder(img, average),
		Thumbhash: thumbhash(roomy(img)), Phash: perceptual(img, average),
	}
	for _, c := range g.palette() {
		f.Palette = append(f.Palette, hexOf(c))
	}
	if len(f.Palette) > 0 {
		f.DominantColor = f.Palette[0]
	}
	return f
}

// sum adds up colours.
type sum struct{ r, g, b, weight int64 }

func (s *sum) add(c color.NRGBA, weight int64) {
	s.r += int64(c.R) * weight
	s.g += int64(c.G) * weight
	s.b += int64(c.B) * weight
	s.weight += weight
}

func (s *sum) join(o *sum) {
	s.r, s.g, s.b, s.weight = s.r+o.r, s.g+o.g, s.b+o.b, s.weight+o.weight
}

func (s *sum) mean() color.NRGBA {
	if s.weight == 0 {
		return color.NRGBA{A: 255}
	}
	level := func(sum int64) uint8 { return uint8((sum + s.weight/2) / s.weight) } // #nosec G115 -- a mean of bytes
	return color.NRGBA{level(s.r), level(s.g), level(s.b), 255}
}

// grid is the cube of colours, in cells of 16 levels a channel. A picture has
// colours in few of them: those are listed, and at says where.
type grid struct {
	cells []sum // the first is the empty one
	where []int // the place of each
	at    [side * side * side]uint16
}

// side has a layer of empty cells on either side, so that every cell that can be
// occupied has all its neighbours.
const side = 256/16 + 2

func place(r, g, b int) int { return (r*side+g)*side + b }

// survey counts every pixel once.
func (g *grid) survey(img *image.NRGBA) {
	g.cells, g.where = make([]sum, 1, 256), make([]int, 1, 256)
	for i := 0; i+4 <= len(img.Pix); i += 4 {
		p := img.Pix[i:][:4]
		where := place(int(p[0]/16)+1, int(p[1]/16)+1, int(p[2]/16)+1)
		at := &g.at[where]
		if *at == 0 {
			*at = uint16(len(g.cells)) // #nosec G115 -- there are 4096 cells
			g.cells, g.where = append(g.cells, sum{}), append(g.where, where)
		}
		cell, weight := &g.cells[*at], int64(p[3])
		cell.r += int64(p[0]) * weight
		cell.g += int64(p[1]) * weight
		cell.b += int64(p[2]) * weight
		cell.weight += weight
	}
}

// average is the mean of all.
func (g *grid) average(img *image.NRGBA) color.NRGBA {
	var total sum
	for i := range g.cells {
		total.join(&g.cells[i])
	}
	if total.weight == 0 { // nothing can be seen
		for i := 0; i+4 <= len(img.Pix); i += 4 {
			total.add(color.NRGBA{img.Pix[i], img.Pix[i+1], img.Pix[i+2], 0}, 1)
		}
	}
	return total.mean()
}

// cluster is the mean of a cell and of its neighbours, since a colour does not
// stop at the border of its cell.
func (g *grid) cluster(where int) color.NRGBA {
	var all sum
	for _, row := range neighbours {
		for _, cell := range g.at[where+row-1:][:3] {
			all.join(&g.cells[cell])
		}
	}
	return all.mean()
}

// neighbours is how far it is from a cell to the middle of each of the nine rows
// of three around it.
var neighbours = func() (n [9]int) {
	for i := range n {
		n[i] = place(i/3-1, i%3-1, 0)
	}
	return n
}()

// placeholder is the BlurHash of the picture on its average colour, with more
// components along its longer side. Its waves need room to cancel out, so that
// few pixels are repeated.
func placeholder(img *image.NRGBA, ground color.NRGBA) string {
	const room = 32
	w, h := img.Rect.Dx(), img.Rect.Dy()
	across, down := (room+w-1)/w, (room+h-1)/h
	if across > 1 || down > 1 || !img.Opaque() {
		img = repeated(img, across, down, ground)
	}
	x, y := 4, 3
	if h > w {
		x, y = 3, 4
	}
	return blurhash(img, x, y)
}

// repeated is the picture on a ground, with each pixel several times.
func repeated(img *image.NRGBA, across, down int, ground color.NRGBA) *image.NRGBA {
	flat := image.NewNRGBA(image.Rect(0, 0, img.Rect.Dx()*across, img.Rect.Dy()*down))
	for y := range flat.Rect.Dy() {
		row := img.Pix[y/down*img.Stride:]
		for x := range flat.Rect.Dx() {
			p := row[x/across*4:][:4]
			c := on(color.NRGBA{p[0], p[1], p[2], p[3]}, ground)
			to := flat.Pix[y*flat.Stride+4*x:][:4]
			to[0], to[1], to[2], to[3] = c.R, c.G, c.B, c.A
		}
	}
	return flat
}

// on lays a colour over an opaque one.
func on(c, ground color.NRGBA) color.NRGBA {
	mix := func(c, g, a uint8) uint8 {
		return uint8((int(c)*int(a) + int(g)*(255-int(a)) + 127) / 255) // #nosec G115 -- a mean of two bytes
	}
	return color.NRGBA{mix(c.R, ground.R, c.A), mix(c.G, ground.G, c.A), mix(c.B, ground.B, c.A), 255}
}

func hexOf(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }
