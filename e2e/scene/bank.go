package scene

import "math"

// fir is a tree on the near bank.
type fir struct {
	x, foot, tall float64
	seed          uint32
}

// bank paints what stands before the lake, in upright strips: every core paints
// all of it, clipped to its own.
func (p *painter) bank() {
	const strip = 64
	firs := p.firs()
	p.each((p.w+strip-1)/strip, func(i int) {
		from, to := i*strip, min(p.w, (i+1)*strip)
		for _, f := range firs {
			p.fir(f, from, to)
		}
		for layer := range 9 {
			p.grass(layer, from, to)
		}
	})
}

// firs stand in two groups that frame the view.
func (p *painter) firs() (all []fir) {
	for i := range 11 {
		n := func(k int) float64 { return chance(i, k, 701) }
		all = append(all, fir{x: 0.30 * n(0) * p.width * 0.72, foot: 0.90 + 0.05*n(1), tall: 0.20 + 0.22*n(2), seed: uint32(i)}) // #nosec G115 -- few
	}
	all = append(all,
		fir{x: 0.055 * p.width, foot: 0.97, tall: 0.80, seed: 91},
		fir{x: 0.145 * p.width, foot: 0.98, tall: 0.60, seed: 92},
		fir{x: 0.965 * p.width, foot: 0.99, tall: 0.47, seed: 93},
		fir{x: 0.915 * p.width, foot: 0.985, tall: 0.27, seed: 94},
	)
	return all
}

// fir paints the part of a tree between two columns: boughs that droop, one tier
// above the other, and between them the light.
func (p *painter) fir(f fir, from, to int) {
	px := 1 / float64(p.h)
	half := 0.17 * f.tall
	lo, hi := max(from, int((f.x-half*1.2)/px)), min(to, int((f.x+half*1.2)/px)+1)
	top, bottom := max(0, int((f.foot-f.tall)/px)), min(p.h, int(f.foot/px))
	tiers := 16 + 26*f.tall
	for row := top; row < bottom && lo < hi; row++ {
		for col := lo; col < hi; col++ {
			y := (float64(row) + 0.5) * px
			dx := (float64(col)+0.5)*px - f.x
			down := 1 - (f.foot-y)/f.tall // 0 at the tip
			side := 0
			if dx > 0 {
				side = 1
			}
			out := math.Abs(dx)
			drop := out / (half + px) * 0.9
			tier := math.Floor(down*tiers - drop)
			within := down*tiers - drop - tier
			long := half * (0.01 + 1.04*math.Pow(clamp((tier+0.3)/tiers), 0.80)) * (0.62 + 0.45*chance(int(tier), side, 720+f.seed))
			long *= 0.35 + 0.65*ease(0, 0.75, within)
			ragged := 0.020 * f.tall * (value(dx*420, y*420, 730+f.seed) - 0.45)
			cover := clamp((long-out+ragged)/px/2 + 0.5)
			if down > 0.96 {
				cover = clamp((0.012*f.tall-out)/px + 0.5)
			}
			if cover <= 0 {
				continue
			}
			gap := ease(0.80, 0.62, value(dx*260, y*340, 740+f.seed)*(0.62+0.5*out/(long+px)))
			lit := value(dx*300, y*520, 750+f.seed) * (0.35 + 0.65*within)
			toSun := clamp(0.5 + 0.5*dx/(half+px)*sign(p.sunX-f.x))
			c := color{0.020, 0.050, 0.050}.mix(color{0.13, 0.18, 0.085}, lit*0.8).mix(color{0.55, 0.42, 0.20}, 0.32*lit*toSun*toSun)
			p.over(col, row, c, cover*(0.25+0.75*gap))
		}
	}
}

// grass paints one layer of blades, the far ones first.
func (p *painter) grass(layer, from, to int) {
	px := 1 / float64(p.h)
	depth := float64(layer) / 8
	seed := uint32(800 + 10*layer) // #nosec G115 -- few
	thin := 0.0022 + 0.0024*depth
	for col := from; col < to; col++ {
		x := (float64(col) + 0.5) * px
		edge := 0.905 + 0.105*depth + 0.05*math.Exp(-sq((x/p.width-0.56)/0.27)) - 0.030*(cloudy(x*3, depth, 3, seed)-0.4)
		blade := max(p.blade(x, thin, seed), p.blade(x+0.37*thin, thin*1.4, seed+1), p.blade(x, thin*0.7, seed+2))
		start := edge - blade*(0.022+0.030*depth)
		for row := max(0, int(start/px)); row < p.h; row++ {
			y := (float64(row) + 0.5) * px
			high := clamp((edge - y) / 0.03)
			tone := 0.55*value(x/thin*1.3, y*60, seed+3) + 0.45*high
			c := color{0.035, 0.060, 0.030}.mix(color{0.26, 0.27, 0.11}, tone*(0.75-0.35*depth))
			c = c.mix(color{0.72, 0.55, 0.26}, 0.38*high*tone*math.Exp(-math.Abs(x-p.sunX)*1.7))
			p.over(col, row, c, clamp((y-start)/px+0.5))
			if y > edge+0.05 && layer < 8 {
				break // the next layer covers it
			}
		}
	}
	p.flowers(layer, from, to)
}

// blade is how high the grass stands at x, 0 to 1.
func (p *painter) blade(x, thin float64, seed uint32) float64 {
	i := math.Floor(x / thin)
	n := chance(int(i), 0, seed)
	t := x/thin - i
	lean := 0.2 + 0.6*chance(int(i), 1, seed)
	rise := t / lean
	if t > lean {
		rise = (1 - t) / (1 - lean)
	}
	return n * n * rise
}

// flowers are dots of colour in the grass.
func (p *painter) flowers(layer, from, to int) {
	px := 1 / float64(p.h)
	tints := []color{{0.93, 0.86, 0.62}, {0.86, 0.48, 0.52}, {0.78, 0.66, 0.86}}
	for i := range int(60 * p.width) {
		r := 0.0016 + 0.0022*float64(layer)/8*chance(i, 3, uint32(layer)) // #nosec G115 -- few
		x := chance(i, 1, uint32(900+layer)) * p.width                    // #nosec G115 -- few
		y := 0.893 + 0.105*float64(layer)/8 + 0.05*math.Exp(-sq((x/p.width-0.56)/0.27)) + 0.03*chance(i, 2, 950)
		if value(x*7, 1, 960) < 0.5 {
			continue
		}
		c := tints[hash(i, 4, 970)%3]
		for row := max(0, int((y-r)/px)); row < min(p.h, int((y+r)/px)+2); row++ {
			for col := max(from, int((x-r)/px)); col < min(to, int((x+r)/px)+2); col++ {
				d := math.Hypot((float64(col)+0.5)*px-x, (float64(row)+0.5)*px-y)
				p.over(col, row, c.times(1-0.25*d/r), clamp((r-d)/px+0.5))
			}
		}
	}
}

func sq(x float64) float64 { return x * x }

func sign(x float64) float64 { return math.Copysign(1, x) }
