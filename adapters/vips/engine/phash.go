package engine

import (
	"fmt"
	"image"
	"image/color"
	"slices"
	"sync"
)

const (
	hashSide  = 32 // of the grey square that is looked at
	hashWaves = 8  // of its lowest waves, in each direction
	// still is how much stronger than the median a wave has to be: what is less is
	// rounding, of pictures in which there is next to nothing.
	still = 1.0
)

// perceptual is 64 bits that change little when a picture is scaled or encoded
// again: which of its lowest waves are stronger than their median. Of the mean there
// is no bit, the first is always 0. The difference of two pictures is the number of
// bits in which they differ.
func perceptual(img *image.NRGBA, ground color.NRGBA) string {
	waves := lowest(square(img, ground))
	sorted := slices.Clone(waves[1:])
	slices.Sort(sorted)
	median := sorted[len(sorted)/2]
	var hash uint64
	for _, v := range waves[1:] {
		hash <<= 1
		if v > median+still {
			hash |= 1
		}
	}
	return fmt.Sprintf("%016x", hash)
}

// square is the brightness of the picture on a ground, stretched to a square by the
// mean of what each of its cells covers.
func square(img *image.NRGBA, ground color.NRGBA) []float64 {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	columns, rows := shares(w), shares(h)
	cells, row := make([]float64, hashSide*hashSide), make([]float64, hashSide)
	for y := range h {
		clear(row)
		for x := range w {
			p := img.Pix[y*img.Stride+4*x:][:4]
			c := color.NRGBA{p[0], p[1], p[2], p[3]}
			if c.A < 255 {
				c = on(c, ground)
			}
			grey := 0.299*float64(c.R) + 0.587*float64(c.G) + 0.114*float64(c.B)
			for i, part := range columns[x].parts {
				row[columns[x].first+i] += grey * part
			}
		}
		for i, part := range rows[y].parts {
			to := cells[(rows[y].first+i)*hashSide:][:hashSide]
			for x, grey := range row {
				to[x] += grey * part
			}
		}
	}
	return cells
}

// share says to which cells a pixel belongs, and how much of each it is.
type share struct {
	first int
	parts []float64
}

// shares divides a side among the cells.
func shares(side int) []share {
	list := make([]share, side)
	for i := range list {
		// In units of which a pixel has hashSide and a cell has side.
		from, to := i*hashSide, (i+1)*hashSide
		list[i].first = from / side
		for cell := from / side; cell*side < to; cell++ {
			covered := min(to, (cell+1)*side) - max(from, cell*side)
			list[i].parts = append(list[i].parts, float64(covered)/float64(side))
		}
	}
	return list
}

// lowest are the lowest waves of a square, the mean first.
func lowest(cells []float64) []float64 {
	table := hashTable()
	waves := make([]float64, hashWaves*hashWaves)
	for y := range hashSide {
		row := cells[y*hashSide:][:hashSide]
		for u := range hashWaves {
			f := 0.0
			for x, v := range row {
				f += v * table[u][x]
			}
			for v := range hashWaves {
				waves[v*hashWaves+u] += f * table[v][y]
			}
		}
	}
	for i := range waves {
		waves[i] *= 2.0 / hashSide
	}
	return waves
}

var hashTable = sync.OnceValue(func() [][]float64 { return centred(hashWaves, hashSide) })
