package engine

import (
	"image"
	"math"
	"sync"
)

// blurhash writes the lowest waves of an opaque picture, across times down of
// them, as https://blurha.sh describes it. Both are from 1 to 9.
func blurhash(img *image.NRGBA, across, down int) string {
	waves := spectrum(img, across, down)
	text := base83(nil, across-1+(down-1)*9, 1)
	peak := 0.0
	for _, w := range waves[1:] {
		peak = max(peak, math.Abs(w[0]), math.Abs(w[1]), math.Abs(w[2]))
	}
	level := int(max(0, min(82, math.Floor(peak*166-0.5))))
	text = base83(text, level, 1)
	text = base83(text, waves[0].rgb(), 4)
	for _, w := range waves[1:] {
		text = base83(text, w.relative(float64(level+1)/166), 2)
	}
	return string(text)
}

// light is a colour, or the amplitudes of a wave, in linear light.
type light [3]float64

// rgb is the colour as sRGB, eight bits each.
func (l light) rgb() (n int) {
	for _, v := range l {
		v = max(0, min(1, v))
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		n = n<<8 + int(v*255+0.5)
	}
	return n
}

// relative counts each amplitude in nineteen steps, which are finer near zero, of
// what the strongest has.
func (l light) relative(strongest float64) (n int) {
	for _, v := range l {
		v /= strongest
		root := math.Copysign(math.Sqrt(math.Abs(v)), v)
		n = n*19 + int(max(0, min(18, math.Floor(root*9+9.5))))
	}
	return n
}

// spectrum measures the waves, the mean colour first: down each column, then across
// all of them, with every cosine taken once for its row or column. The mean is
// added up pixel by pixel all the same: of few pixels it often lies right between
// two levels, where the order decides.
func spectrum(img *image.NRGBA, across, down int) []light {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	columns, rows := cosines(across, w), cosines(down, h)
	waves, column, mean := make([]light, across*down), make([]light, h), light{}
	for x := range w {
		look(column, img, x)
		for i, wave := range rows {
			seen := along(column, wave)
			for k := range columns {
				waves[i*across+k].add(&seen, columns[k][x])
			}
		}
		mean.addAll(column)
	}
	waves[0] = mean
	for i := range waves {
		scale := 2 / float64(w*h)
		if i == 0 {
			scale /= 2
		}
		for c := range waves[i] {
			waves[i][c] *= scale
		}
	}
	return waves
}

// look takes the light of a column.
func look(column []light, img *image.NRGBA, x int) {
	linear := linear()
	for y := range column {
		p, c := img.Pix[y*img.Stride+4*x:][:3], &column[y]
		c[0], c[1], c[2] = linear[p[0]], linear[p[1]], linear[p[2]]
	}
}

// along measures one wave in a column.
func along(column []light, wave []float64) light {
	var r, g, b float64
	wave = wave[:len(column)]
	for y := range column {
		c := &column[y]
		r += wave[y] * c[0]
		g += wave[y] * c[1]
		b += wave[y] * c[2]
	}
	return light{r, g, b}
}

func (l *light) add(other *light, factor float64) {
	l[0] += factor * other[0]
	l[1] += factor * other[1]
	l[2] += factor * other[2]
}

func (l *light) addAll(column []light) {
	r, g, b := l[0], l[1], l[2]
	for y := range column {
		c := &column[y]
		r, g, b = r+c[0], g+c[1], b+c[2]
	}
	l[0], l[1], l[2] = r, g, b
}

// cosines are n waves over a side, each at every pixel of it.
func cosines(n, side int) [][]float64 {
	waves := make([][]float64, n)
	for k := range waves {
		waves[k] = make([]float64, side)
		for i := range waves[k] {
			waves[k][i] = math.Cos(math.Pi * float64(k) * float64(i) / float64(side))
		}
	}
	return waves
}

// linear is the light of each level of sRGB.
var linear = sync.OnceValue(func() *[256]float64 {
	var table [256]float64
	for i := range table {
		v := float64(i) / 255
		if v <= 0.04045 {
			table[i] = v / 12.92
		} else {
			table[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return &table
})

// base83 appends n in so many digits.
func base83(text []byte, n, digits int) []byte {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
	at := len(text)
	text = append(text, make([]byte, digits)...)
	for i := len(text) - 1; i >= at; i-- {
		text[i] = alphabet[n%len(alphabet)]
		n /= len(alphabet)
	}
	return text
}
