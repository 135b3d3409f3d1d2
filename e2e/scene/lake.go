package scene

import "math"

// lakeRow paints a row of water: what stands above the shore, upside down, moved
// by waves that grow towards the viewer.
func (p *painter) lakeRow(row int) {
	y := (float64(row) + 0.5) / float64(p.h)
	near := (y - horizon) / (1 - horizon)
	far := 1 / (near + 0.035)
	deep := color{0.04, 0.12, 0.17}
	for col := range p.w {
		x := (float64(col) + 0.5) / float64(p.h)
		u, v := (x-p.width/2)*far*2.6, far*11
		wave := cloudy(u, v, 4, 611) - 0.5
		breeze := ease(0.50, 0.72, cloudy(x*1.6+2, y*11, 3, 640))
		small := value(u*4.3, v*3.1, 630) - 0.5
		lift := (wave + 0.30*small) * (0.014 + 0.085*near) * (0.45 + 0.9*breeze)
		sx := x + 0.25*lift
		sy := horizon - (y-horizon)*(horizon-0.02)/(1-horizon)*0.92 - math.Abs(lift) - 0.4*lift
		c := p.sample(sx, sy)
		look := 0.16 + 0.44*near // one sees into the water at one's feet
		c = c.times(0.93+0.20*small*near).mix(deep.mix(color{0.07, 0.21, 0.24}, 0.5+wave), clamp(look))
		c = c.mix(color{0.66, 0.70, 0.76}, 0.16*breeze*ease(1, 0, near))
		path := math.Exp(-math.Abs(x-p.sunX) * 13 / (0.25 + 1.1*near))
		spark := ease(0.10, 0.26, wave+0.10*value(u*5, v*5, 655))
		c = c.glow(sunlit, path*(0.16+0.85*spark)*(1-0.35*near))
		c = c.mix(haze, 0.30*ease(0.06, 0, near))
		p.set(col, row, c)
	}
}

// sample reads the painted land and sky between pixels.
func (p *painter) sample(x, y float64) color {
	fx := min(max(x*float64(p.h)-0.5, 0), float64(p.w-1))
	fy := min(max(y*float64(p.h)-0.5, 0), float64(p.shore-1))
	ix, iy := int(fx), int(fy)
	jx, jy := min(ix+1, p.w-1), min(iy+1, p.shore-1)
	tx, ty := fx-float64(ix), fy-float64(iy)
	return p.at(ix, iy).mix(p.at(jx, iy), tx).mix(p.at(ix, jy).mix(p.at(jx, jy), tx), ty)
}
