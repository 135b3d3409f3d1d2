package engine

import (
	"encoding/base64"
	"image"
	"image/color"
	"math"
	"testing"
)

// woven is a picture that can be drawn in any language.
func woven(w, h int, transparent bool) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{uint8(x*3 + y), uint8(x * y), uint8(200 + 2*y - x), 255}
			if transparent {
				c.A = uint8(x*x + x*y*5)
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// What is wanted was made by version 0.1.1 of the library whose author has described
// the format.
func TestAThumbhashIsTheOneThatOthersMake(t *testing.T) {
	for _, c := range []struct {
		w, h        int
		transparent bool
		want        string
	}{
		{64, 43, false, "owUKLZBQdneViIdkh3iIdqAUDHmZ"},
		{36, 64, false, "3MYJfAZg1nc3iWOIdml2cAlcyg=="},
		{64, 64, true, "IQeGLQgHcIead5R5dXZQC2mYARB1ZTeFOA=="},
		{1, 1, false, "0AEijwEI9wiIh4hwj3CI+AiIcH/4AAAA"},
		{5, 64, true, "VKaFOQQms5q1B3mXoPfxUjBkhZhkeVk="},
		{64, 20, true, "ofWFIoYHYIZyiIVwdwe6uQIRVWRldWY="},
		{33, 32, false, "H7QFL4ZAZXZwmJl0iGeZWHiXBnd19K0P"},
	} {
		if got := thumbhash(woven(c.w, c.h, c.transparent)); got != c.want {
			t.Errorf("%d x %d pixels, transparent %v: got %s, want %s", c.w, c.h, c.transparent, got, c.want)
		}
	}
}

func TestAThumbhashDecodesToAboutThePicture(t *testing.T) {
	half := striped(60, []int{20, 20}, yellow, blue)
	for name, c := range map[string]struct {
		img   *image.NRGBA
		shape float64
	}{
		"upright": {mostly(red, blue, 0.4), 0.5}, "wide": {half, 1.5}, "square": {quadrants(64, 64), 1},
		"a pixel": {flat(1, 1, green), 1}, "disc": {disc(60, yellow), 1}, "clear": {flat(30, 30, nothing), 1}, "thin": {flat(64, 1, red), 7},
	} {
		h, alpha := unhashed(t, described(t, c.img).Thumbhash), opacity(c.img)
		if math.Abs(h.shape()-c.shape) > 0.15 {
			t.Errorf("%s: it is as wide as %.2f times its height, want about %.2f", name, h.shape(), c.shape)
		}
		if math.Abs(h.alpha-alpha) > 0.06 || h.transparent != (alpha < 1) {
			t.Errorf("%s: its opacity is %.2f (transparent: %v), want about %.2f", name, h.alpha, h.transparent, alpha)
		}
		if alpha == 0 {
			continue
		}
		if got, want := h.mean(), parsed(t, described(t, c.img).AverageColor); !near(got, want, 8) {
			t.Errorf("%s: its mean is %v, want about %v", name, got, want)
		}
	}
	h := unhashed(t, thumbhash(half))
	if top, bottom := h.brightness(0.5, 0.2), h.brightness(0.5, 0.8); top < bottom+0.2 {
		t.Errorf("yellow over blue has a brightness of %.2f over %.2f", top, bottom)
	}
}

// opacity is that of a picture, on average.
func opacity(img *image.NRGBA) (sum float64) {
	for i := 3; i < len(img.Pix); i += 4 {
		sum += float64(img.Pix[i])
	}
	return sum / 255 / float64(len(img.Pix)/4)
}

func TestAPictureOfOneColourHasAThumbhashWithoutWaves(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {1, 64}, {2, 3}, {3, 3}, {17, 17}, {50, 64}} {
		h := unhashed(t, described(t, flat(size.X, size.Y, green)).Thumbhash)
		for _, at := range [][2]float64{{0, 0}, {0.5, 0.5}, {0.9, 0.2}} {
			if got := h.brightness(at[0], at[1]); math.Abs(got-h.l) > 1e-9 {
				t.Errorf("%v pixels of one colour: the brightness at %v is %.3f, want %.3f as everywhere", size, at, got, h.l)
			}
		}
	}
}

// hashed is a ThumbHash, read as its description says.
type hashed struct {
	l, p, q, alpha    float64
	transparent, wide bool
	across, down      int
	waves             []float64 // of the brightness
}

func unhashed(t *testing.T, text string) (h hashed) {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) < 5 {
		t.Fatalf("%q is no ThumbHash: %v", text, err)
	}
	head, more := int(b[0])|int(b[1])<<8|int(b[2])<<16, int(b[3])|int(b[4])<<8
	h.l, h.p, h.q = float64(head&63)/63, float64(head>>6&63)/31.5-1, float64(head>>12&63)/31.5-1
	h.transparent, h.wide, h.alpha = head>>23 == 1, more>>15 == 1, 1
	h.across, h.down = more&7, 7
	at := 5
	if h.transparent {
		h.down, at, h.alpha = 5, 6, float64(b[5]&15)/15
	}
	if h.wide {
		h.across, h.down = h.down, h.across
	}
	scale, i := float64(head>>18&31)/31, 0
	for y := range max(3, h.down) {
		for x := 0; x*max(3, h.down) < max(3, h.across)*(max(3, h.down)-y); x++ {
			if x+y == 0 {
				continue
			}
			h.waves = append(h.waves, (float64(b[at+i/2]>>(i%2*4)&15)/7.5-1)*scale)
			i++
		}
	}
	return h
}

func (h hashed) shape() float64 { return float64(h.across) / float64(h.down) }

func (h hashed) mean() color.NRGBA {
	level := func(v float64) uint8 { return uint8(255*min(1, max(0, v)) + 0.5) }
	b := h.l - 2*h.p/3
	r := (3*h.l - b + h.q) / 2
	return color.NRGBA{level(r), level(r - h.q), level(b), 255}
}

// brightness is that of a place, from 0 to 1 across and down.
func (h hashed) brightness(across, down float64) float64 {
	v, i := h.l, 0
	for y := range max(3, h.down) {
		for x := 0; x*max(3, h.down) < max(3, h.across)*(max(3, h.down)-y); x++ {
			if x+y == 0 {
				continue
			}
			v += 2 * h.waves[i] * math.Cos(math.Pi*across*float64(x)) * math.Cos(math.Pi*down*float64(y))
			i++
		}
	}
	return v
}
