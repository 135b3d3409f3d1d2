package scene

import "math"

// hash is a well-mixed number for a cell of a grid.
func hash(x, y int, seed uint32) uint32 {
	h := uint32(x)*0x8da6b343 ^ uint32(y)*0xd8163841 ^ seed*0xcb1ab31f // #nosec G115 -- wrapping is what mixes
	h ^= h >> 15
	h *= 0x2c1b3c6d
	h ^= h >> 12
	h *= 0x297a2d39
	return h ^ h>>15
}

// chance is hash as a number from 0 to 1.
func chance(x, y int, seed uint32) float64 { return float64(hash(x, y, seed)) / math.MaxUint32 }

// lattice holds a number from 0 to 1 for every corner of a grid that repeats after
// 256 cells; looking one up is cheaper than mixing it.
var lattice = func() (l [1 << 16]float32) {
	for i := range l {
		l[i] = float32(chance(i, 0, 1))
	}
	return l
}()

// value is smooth noise from 0 to 1. Each seed looks at another part of the
// lattice.
func value(x, y float64, seed uint32) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	x, y = x-fx, y-fy
	x, y = x*x*(3-2*x), y*y*(3-2*y)
	i := int(fx) + int(fy)<<8 + int(seed)*40503
	a, b := float64(lattice[i&0xffff]), float64(lattice[(i+1)&0xffff])
	c, d := float64(lattice[(i+256)&0xffff]), float64(lattice[(i+257)&0xffff])
	return a + (b-a)*x + (c-a)*y + (a-b-c+d)*x*y
}

// cloudy is value noise in octaves, turned a little each time so that no grid
// shows.
func cloudy(x, y float64, octaves int, seed uint32) float64 {
	sum, weight, total := 0.0, 1.0, 0.0
	for range octaves {
		sum += weight * value(x, y, seed)
		total += weight
		weight *= 0.5
		x, y = 1.6*x-1.2*y+17.3, 1.2*x+1.6*y+9.1
		seed++
	}
	return sum / total
}

// craggy is noise with sharp crests, as of rock.
func craggy(x, y float64, octaves int, seed uint32) float64 {
	sum, weight, total := 0.0, 1.0, 0.0
	for range octaves {
		n := 1 - math.Abs(2*value(x, y, seed)-1)
		sum += weight * n * n
		total += weight
		weight *= 0.48
		x, y = 1.6*x-1.2*y+5.7, 1.2*x+1.6*y+31.9
		seed++
	}
	return sum / total
}

// ease goes smoothly from 0 at a to 1 at b.
func ease(a, b, x float64) float64 {
	t := clamp((x - a) / (b - a))
	return t * t * (3 - 2*t)
}

func clamp(x float64) float64 { return min(max(x, 0), 1) }

// color is light in the picture's own, gamma-encoded space.
type color struct{ r, g, b float64 }

func (c color) mix(d color, t float64) color {
	return color{c.r + (d.r-c.r)*t, c.g + (d.g-c.g)*t, c.b + (d.b-c.b)*t}
}

func (c color) times(f float64) color { return color{c.r * f, c.g * f, c.b * f} }

// glow adds light without burning out.
func (c color) glow(d color, t float64) color {
	return color{1 - (1-c.r)*(1-d.r*t), 1 - (1-c.g)*(1-d.g*t), 1 - (1-c.b)*(1-d.b*t)}
}
