package scene

import "math"

// ridge is one range of mountains or hills, the far ones first in landscape.
type ridge struct {
	foot, rise float64 // of the crest, in heights of the picture
	pace       float64 // how quickly the crest goes up and down
	seed       uint32
	shade      color // of what lies in the shadow
	light      color // of what the sun reaches
	snow       float64
	far        float64 // how much haze lies before it
	trees      float64 // height of its wood; 0: bare rock
	lean       float64 // the crest rises towards one side
	rough      float64 // how small its faces are
}

var landscape = []ridge{
	{foot: 0.545, rise: 0.330, pace: 1.9, seed: 102, shade: color{0.24, 0.29, 0.43}, light: color{0.80, 0.61, 0.52}, snow: 0.385, far: 0.30, lean: -0.02, rough: 6},
	{foot: 0.565, rise: 0.215, pace: 2.7, seed: 217, shade: color{0.15, 0.20, 0.31}, light: color{0.62, 0.45, 0.37}, snow: 0.415, far: 0.20, lean: 0.04, rough: 8},
	{foot: 0.580, rise: 0.120, pace: 3.4, seed: 331, shade: color{0.10, 0.18, 0.22}, light: color{0.36, 0.35, 0.24}, far: 0.22, trees: 0.006, lean: -0.05, rough: 10},
	{foot: 0.592, rise: 0.062, pace: 4.6, seed: 443, shade: color{0.05, 0.11, 0.13}, light: color{0.24, 0.26, 0.15}, far: 0.13, trees: 0.013, lean: 0.05, rough: 14},
	{foot: 0.598, rise: 0.020, pace: 7.0, seed: 557, shade: color{0.03, 0.07, 0.08}, light: color{0.15, 0.19, 0.10}, far: 0.05, trees: 0.026, lean: -0.02, rough: 20},
}

// survey measures every crest once.
func (p *painter) survey() {
	p.crests = make([][]float64, len(p.ridges))
	for i, r := range p.ridges {
		p.crests[i] = make([]float64, p.w)
		for x := range p.w {
			p.crests[i][x] = r.crest(float64(x)/float64(p.h), p.width)
		}
	}
}

// crest is how far up a ridge reaches at x.
func (r ridge) crest(x, width float64) float64 {
	n := craggy(x*r.pace, 0.5, 7, r.seed)
	if r.trees > 0 {
		n = cloudy(x*r.pace, 0.5, 4, r.seed)
	}
	y := r.foot - r.rise*n - r.lean*(x/width-0.5)
	if r.trees > 0 {
		y -= r.trees * max(wood(x/r.trees*1.9, r.seed), 0.92*wood(x/r.trees*1.5+0.37, r.seed+1))
	}
	return min(y, horizon)
}

// wood is the outline of a row of firs, each one wide.
func wood(x float64, seed uint32) float64 {
	i := math.Floor(x)
	tall := 0.35 + 0.65*chance(int(i), 0, seed+7)
	t := 1 - math.Abs(x-i-0.5)*2
	step := math.Mod(t*5, 1) * 0.10
	return tall * clamp(t-step*0.6)
}

// farRow paints a row of sky and land.
func (p *painter) farRow(row int) {
	y := (float64(row) + 0.5) / float64(p.h)
	soft := float64(p.h)
	for col := range p.w {
		x := (float64(col) + 0.5) / float64(p.h)
		first := len(p.ridges) // the nearest that hides all behind it
		for i := len(p.ridges) - 1; i >= 0; i-- {
			if y > p.crests[i][col]+1/soft {
				first = i
				break
			}
		}
		var c color
		from := first
		if first == len(p.ridges) {
			c, from = p.sky(x, y), 0
		}
		for i := from; i < len(p.ridges); i++ {
			if cover := clamp((y-p.crests[i][col])*soft + 0.5); cover > 0 {
				c = c.mix(p.face(p.ridges[i], x, y, y-p.crests[i][col]), cover)
			}
		}
		p.set(col, row, c)
	}
}

// face is the light that comes from a place on a ridge, deep below its crest.
func (p *painter) face(r ridge, x, y, deep float64) color {
	side := 0.16 * max(-1, min(1, 6*(p.sunX-x))) // where the light is
	u, v := x*r.rough, (y-0.25*x)*r.rough*0.75
	u += 0.7 * value(u*0.7, v*0.7, r.seed+50)
	here := craggy(u, v, 6, r.seed+60)
	there := craggy(u+side, v-0.10, 5, r.seed+60)
	lit := clamp(0.36 + 2.1*(here-there) + 0.22*math.Exp(-math.Abs(x-p.sunX)*2.2))
	c := r.shade.mix(r.light, lit)
	if r.snow > 0 {
		line := r.snow + 0.16*(here-0.45) + 0.05*value(x*9, y*9, r.seed+70)
		white := color{0.47, 0.54, 0.72}.mix(color{1.0, 0.91, 0.82}, lit)
		c = c.mix(white, ease(line, line-0.04, y)*ease(0.16, 0.42, here))
	}
	if r.trees > 0 {
		needle := value(x/r.trees*6, y/r.trees*2.2, r.seed+80)
		c = c.times(0.72 + 0.55*needle*ease(0, r.trees*0.8, deep+0.3*r.trees))
	}
	mist := r.far + 0.42*ease(0.42, horizon-0.005, y)*r.far*2*(0.6+0.6*cloudy(x*3, y*14, 3, r.seed+90))
	air := color{0.62, 0.67, 0.76}.mix(haze, math.Exp(-math.Abs(x-p.sunX)*1.6)).mix(haze, 0.5*ease(0.40, horizon, y))
	return c.mix(air, clamp(mist))
}
