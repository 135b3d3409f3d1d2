package engine

import (
	"encoding/base64"
	"image"
	"math"
)

// thumbhash writes the lowest waves of a picture of at most 100 x 100 pixels, and of
// its opacity, as https://evanw.github.io/thumbhash describes it, in base64.
func thumbhash(img *image.NRGBA) string {
	c := channels(img)
	w, h := img.Rect.Dx(), img.Rect.Dy()
	limit := 7
	if c.transparent {
		limit = 5 // what is saved goes to the opacity
	}
	along := func(side int) int { return max(1, rounded(float64(limit*side)/float64(max(w, h)))) }
	across, down := along(w), along(h)
	l := wavesOf(c.l, w, max(3, across), max(3, down))
	p, q := wavesOf(c.p, w, 3, 3), wavesOf(c.q, w, 3, 3)
	hash := thumbHeader(l, p, q, w > h, min(across, down), c.transparent)
	varying := [][]float64{l.ac, p.ac, q.ac}
	if c.transparent {
		a := wavesOf(c.a, w, 5, 5)
		hash = append(hash, byte(rounded(15*a.dc)|rounded(15*a.scale)<<4))
		varying = append(varying, a.ac)
	}
	return base64.StdEncoding.EncodeToString(nibbles(hash, varying))
}

// roomy is the picture with as many pixels as its waves need: of fewer they are all
// the same.
func roomy(img *image.NRGBA) *image.NRGBA {
	const longer, shorter = 7, 5
	w, h := img.Rect.Dx(), img.Rect.Dy()
	times := max((longer+max(w, h)-1)/max(w, h), (shorter+min(w, h)-1)/min(w, h))
	if times == 1 {
		return img
	}
	large := image.NewNRGBA(image.Rect(0, 0, w*times, h*times))
	for y := range h * times {
		for x := range w * times {
			large.SetNRGBA(x, y, img.NRGBAAt(x/times, y/times))
		}
	}
	return large
}

// thumbHeader is what does not vary: the mean of each channel, how strong its
// waves are, and how many the brightness has along the shorter side.
func thumbHeader(l, p, q waves, wide bool, shorter int, transparent bool) []byte {
	head := rounded(63*l.dc) | rounded(31.5+31.5*p.dc)<<6 | rounded(31.5+31.5*q.dc)<<12 | rounded(31*l.scale)<<18 | bit(transparent)<<23
	more := shorter | rounded(63*p.scale)<<3 | rounded(63*q.scale)<<9 | bit(wide)<<15
	return []byte{byte(head), byte(head >> 8), byte(head >> 16), byte(more), byte(more >> 8)} // #nosec G115 -- the parts of a number
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// nibbles appends each amplitude as four bits, two to a byte.
func nibbles(hash []byte, channels [][]float64) []byte {
	low := true
	for _, ac := range channels {
		for _, f := range ac {
			n := byte(rounded(15 * f)) // #nosec G115 -- 0 to 15
			if low {
				hash = append(hash, n)
			} else {
				hash[len(hash)-1] |= n << 4
			}
			low = !low
		}
	}
	return hash
}

// rounded rounds as the description does: a half goes up.
func rounded(v float64) int { return int(math.Floor(v + 0.5)) }

// planes are the channels of a ThumbHash, row by row: brightness, yellow against
// blue, red against green, and opacity.
type planes struct {
	l, p, q, a  []float64
	transparent bool
}

// channels lays the picture on its mean colour and takes it apart.
func channels(img *image.NRGBA) planes {
	n := img.Rect.Dx() * img.Rect.Dy()
	var r, g, b, opaque float64
	for i := range n {
		p := img.Pix[4*i:][:4]
		a := float64(p[3]) / 255
		r, g, b, opaque = r+a/255*float64(p[0]), g+a/255*float64(p[1]), b+a/255*float64(p[2]), opaque+a
	}
	if opaque > 0 {
		r, g, b = r/opaque, g/opaque, b/opaque
	}
	all := make([]float64, 4*n)
	c := planes{l: all[:n], p: all[n : 2*n], q: all[2*n : 3*n], a: all[3*n:], transparent: opaque < float64(n)}
	for i := range n {
		p := img.Pix[4*i:][:4]
		a := float64(p[3]) / 255
		red, green, blue := r*(1-a)+a/255*float64(p[0]), g*(1-a)+a/255*float64(p[1]), b*(1-a)+a/255*float64(p[2])
		c.l[i], c.p[i], c.q[i], c.a[i] = (red+green+blue)/3, (red+green)/2-blue, red-green, a
	}
	return c
}

// waves are a channel's mean and the amplitudes of its waves, brought from
// -scale..scale to 0..1.
type waves struct {
	dc, scale float64
	ac        []float64
}

// faint is an amplitude that is only the rounding of sums.
const faint = 1e-6

// wavesOf measures the waves of a channel that lie in the triangle of the lowest:
// across each row first, then down.
func wavesOf(channel []float64, w, across, down int) (out waves) {
	h := len(channel) / w
	rows, columns := centred(down, h), centred(across, w)
	sums := make([]float64, across*down)
	for y := range h {
		row := channel[y*w:][:w]
		for cx, wave := range columns {
			f := 0.0
			for x, v := range row {
				f += v * wave[x]
			}
			for cy := range down {
				sums[cy*across+cx] += f * rows[cy][y]
			}
		}
	}
	for cy := range down {
		for cx := 0; cx*down < across*(down-cy); cx++ {
			f := sums[cy*across+cx] / float64(w*h)
			if cx == 0 && cy == 0 {
				out.dc = f
				continue
			}
			out.ac = append(out.ac, f)
			out.scale = max(out.scale, math.Abs(f))
		}
	}
	if out.scale < faint {
		out.scale = 0
		clear(out.ac)
		return out
	}
	for i := range out.ac {
		out.ac[i] = 0.5 + 0.5/out.scale*out.ac[i]
	}
	return out
}

// centred are n waves over a side, each in the middle of every pixel of it.
func centred(n, side int) [][]float64 {
	waves := make([][]float64, n)
	all := make([]float64, n*side)
	for k := range waves {
		waves[k] = all[k*side:][:side]
		for i := range waves[k] {
			waves[k][i] = math.Cos(math.Pi / float64(side) * float64(k) * (float64(i) + 0.5))
		}
	}
	return waves
}
