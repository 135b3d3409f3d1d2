package engine

import "image/color"

const (
	paletteColours = 5
	// worthy is the part of the picture that a colour of the palette covers at least,
	// as a divisor: edges between two colours cover less.
	worthy = 50
	// apart is how far two colours of the palette are from each other at least.
	apart = 32
	// slight is the part, as a divisor, below which a colour between two others of the
	// palette is their edge: no further than blend from the line between them.
	slight = 16
	blend  = 12
	// looks bounds how many clusters are looked at.
	looks = 32
)

// palette takes the heaviest clusters out of the grid, one after the other, as long
// as they are large enough to be seen. The first is the dominant colour. The grid is
// of no use for anything else afterwards.
func (g *grid) palette() (colours []color.NRGBA) {
	crowds := g.crowds()
	var total int64
	for i := range g.cells {
		total += g.cells[i].weight
	}
	for range looks {
		i := g.heaviest(crowds)
		if i == 0 || crowds[i]*worthy < total {
			break
		}
		c, edgy := g.cluster(g.where[i]), crowds[i]*slight < total
		g.clear(g.where[i], crowds)
		if !distinct(c, colours) || edgy && between(c, colours) {
			continue
		}
		if colours = append(colours, c); len(colours) == paletteColours {
			break
		}
	}
	return colours
}

// crowds is the weight of each cell with its neighbours.
func (g *grid) crowds() []int64 {
	crowds := make([]int64, len(g.cells))
	for i := 1; i < len(crowds); i++ {
		for _, row := range neighbours {
			at := g.at[g.where[i]+row-1:][:3]
			crowds[i] += g.cells[at[0]].weight + g.cells[at[1]].weight + g.cells[at[2]].weight
		}
	}
	return crowds
}

// heaviest is the cell with the greatest crowd, of equals the first in the cube; the
// empty cell when there is none.
func (g *grid) heaviest(crowds []int64) (heaviest int) {
	for i, weight := range crowds {
		most := crowds[heaviest]
		if weight > most || weight == most && weight > 0 && g.where[i] < g.where[heaviest] {
			heaviest = i
		}
	}
	return heaviest
}

// clear takes a cell and its neighbours away, and out of the crowds around them.
func (g *grid) clear(where int, crowds []int64) {
	for _, row := range neighbours {
		for _, cell := range g.at[where+row-1:][:3] {
			if g.cells[cell].weight > 0 {
				g.leave(crowds, int(cell))
			}
		}
	}
}

func (g *grid) leave(crowds []int64, cell int) {
	for _, row := range neighbours {
		for _, around := range g.at[g.where[cell]+row-1:][:3] {
			if around != 0 {
				crowds[around] -= g.cells[cell].weight
			}
		}
	}
	g.cells[cell] = sum{}
}

func distinct(c color.NRGBA, others []color.NRGBA) bool {
	for _, o := range others {
		r, g, b := int(c.R)-int(o.R), int(c.G)-int(o.G), int(c.B)-int(o.B)
		if r*r+g*g+b*b < apart*apart {
			return false
		}
	}
	return true
}

// between reports whether c is a mixture of two of the others.
func between(c color.NRGBA, others []color.NRGBA) bool {
	for i, a := range others {
		for _, b := range others[:i] {
			ab, ac := difference(b, a), difference(c, a)
			at := dot(ab, ac) / dot(ab, ab)
			off := [3]float64{ac[0] - at*ab[0], ac[1] - at*ab[1], ac[2] - at*ab[2]}
			if at > 0 && at < 1 && dot(off, off) < blend*blend {
				return true
			}
		}
	}
	return false
}

func difference(a, b color.NRGBA) [3]float64 {
	return [3]float64{float64(a.R) - float64(b.R), float64(a.G) - float64(b.G), float64(a.B) - float64(b.B)}
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }
