package scene

import "math"

var (
	zenith  = color{0.13, 0.27, 0.52}
	middle  = color{0.42, 0.59, 0.78}
	evening = color{0.98, 0.79, 0.58}
	haze    = color{0.90, 0.76, 0.66}
	sunlit  = color{1.00, 0.90, 0.72}
)

// sky is the light that comes from a place above the horizon.
func (p *painter) sky(x, y float64) color {
	t := clamp(y / horizon)
	c := zenith.mix(middle, ease(0, 0.62, t)).mix(evening, ease(0.28, 0.86, t))
	d := math.Hypot(x-p.sunX, y-p.sunY)
	c = c.glow(sunlit, 0.55*math.Exp(-d*5)+0.35*math.Exp(-d*22))
	c = p.clouds(c, x, y, d)
	return c
}

// clouds lie in a plane above, so that they crowd together towards the horizon.
func (p *painter) clouds(behind color, x, y, fromSun float64) color {
	far := 1 / (horizon + 0.10 - y)
	u, v := (x-p.width/2)*far*1.15+3.7, far*2.1
	u += 0.5 * value(u*0.9, v*0.9, 901)
	n := cloudy(u, v, 6, 11)
	cover := ease(0.47, 0.72, n) * ease(horizon, horizon-0.10, y)
	if cover <= 0 {
		return behind.glow(sunlit, disc(fromSun))
	}
	// Less cloud on the way to the sun means that more light arrives.
	toSun := cloudy(u+(p.sunX-x)*0.35, v+0.16, 4, 11)
	lit := clamp(0.62 + 2.6*(n-toSun))
	near := math.Exp(-fromSun * 2.6)
	shadow := color{0.42, 0.43, 0.55}.mix(color{0.72, 0.50, 0.46}, near)
	light := color{0.97, 0.90, 0.86}.mix(color{1.0, 0.83, 0.62}, near)
	c := shadow.mix(light, lit).mix(haze, 0.35*ease(0.30, horizon, y))
	return behind.glow(sunlit, disc(fromSun)*(1-cover)).mix(c, cover*0.88)
}

// disc is the sun itself with its corona.
func disc(d float64) float64 { return ease(0.034, 0.028, d) + 0.45*math.Exp(-d*30) }
