package engine

import (
	"math"
	"testing"
)

// lab is a colour in CIE Lab.
type lab [3]float64

// deltaE is how much two colours differ: CIEDE2000, of which 1 can just be seen.
func deltaE(p, q lab) float64 {
	const twentyFive7 = 25 * 25 * 25 * 25 * 25 * 25 * 25
	radians := func(degrees float64) float64 { return degrees * math.Pi / 180 }
	seventh := func(c float64) float64 { return math.Sqrt(math.Pow(c, 7) / (math.Pow(c, 7) + twentyFive7)) }
	g := 0.5 * (1 - seventh((math.Hypot(p[1], p[2])+math.Hypot(q[1], q[2]))/2))
	polar := func(c lab) (chroma, hue float64) {
		a := c[1] * (1 + g)
		return math.Hypot(a, c[2]), math.Mod(math.Atan2(c[2], a)*180/math.Pi+360, 360)
	}
	c1, h1 := polar(p)
	c2, h2 := polar(q)
	turn, mean := h2-h1, (h1+h2)/2
	switch {
	case c1*c2 == 0:
		turn, mean = 0, h1+h2
	case turn > 180:
		turn, mean = turn-360, mean+180
	case turn < -180:
		turn, mean = turn+360, mean+180
	}
	dl, dc, dh := q[0]-p[0], c2-c1, 2*math.Sqrt(c1*c2)*math.Sin(radians(turn)/2)
	l, c := (p[0]+q[0])/2, (c1+c2)/2
	t := 1 - 0.17*math.Cos(radians(mean-30)) + 0.24*math.Cos(radians(2*mean)) + 0.32*math.Cos(radians(3*mean+6)) - 0.20*math.Cos(radians(4*mean-63))
	sl := 1 + 0.015*(l-50)*(l-50)/math.Sqrt(20+(l-50)*(l-50))
	sc, sh := 1+0.045*c, 1+0.015*c*t
	away := (mean - 275) / 25
	rt := -math.Sin(radians(60*math.Exp(-away*away))) * 2 * seventh(c)
	x, y, z := dl/sl, dc/sc, dh/sh
	return math.Sqrt(x*x + y*y + z*z + rt*y*z)
}

// Pairs of the test data that Sharma, Wu and Dalal published with the formula.
func TestDeltaEIsThatOfTheStandard(t *testing.T) {
	for _, c := range []struct {
		p, q lab
		want float64
	}{
		{lab{50, 2.6772, -79.7751}, lab{50, 0, -82.7485}, 2.0425},
		{lab{50, 3.1571, -77.2803}, lab{50, 0, -82.7485}, 2.8615},
		{lab{50, 2.5, 0}, lab{50, 0, -2.5}, 4.3065},
		{lab{50, 2.5, 0}, lab{73, 25, -18}, 27.1492},
		{lab{60.2574, -34.0099, 36.2677}, lab{60.4626, -34.1751, 39.4387}, 1.2644},
		{lab{2.0776, 0.0795, -1.1350}, lab{0.9033, -0.0636, -0.5514}, 0.9082},
	} {
		if got := deltaE(c.p, c.q); math.Abs(got-c.want) > 1e-4 {
			t.Errorf("%v and %v: got %.4f, want %.4f", c.p, c.q, got, c.want)
		}
	}
}
