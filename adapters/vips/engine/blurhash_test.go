package engine

import (
	"image"
	"image/color"
	"math/rand/v2"
	"testing"

	reference "github.com/bbrks/go-blurhash"
)

// speckled is a picture in which every pixel has a colour of its own, between two
// levels.
func speckled(w, h, from, to int) *image.NRGBA {
	random := rand.New(rand.NewPCG(uint64(w), uint64(h)))
	level := func() uint8 { return uint8(from + random.IntN(to-from)) }
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			// A gradient, since noise alone has no waves.
			shade := level() / uint8(1+x*4/w)
			img.SetNRGBA(x, y, color.NRGBA{shade, level(), level() / uint8(1+y*3/h), 255})
		}
	}
	return img
}

func TestABlurhashIsTheOneThatOthersMake(t *testing.T) {
	for _, size := range []image.Point{{64, 64}, {64, 43}, {36, 64}, {33, 32}, {1, 40}, {32, 32}, {5, 64}} {
		for _, waves := range []image.Point{{4, 3}, {3, 4}, {1, 1}, {9, 9}, {1, 5}} {
			img := speckled(size.X, size.Y, 60, 250)
			want, err := reference.Encode(waves.X, waves.Y, img)
			if err != nil {
				t.Fatal(err)
			}
			if got := blurhash(img, waves.X, waves.Y); got != want {
				t.Errorf("%v pixels, %v waves: got %s, want %s", size, waves, got, want)
			}
		}
	}
}

func TestTheMeanColourOfADarkPictureIsInItsBlurhash(t *testing.T) {
	for _, c := range []color.NRGBA{{0, 0, 0, 255}, {3, 9, 10, 255}, {11, 1, 2, 255}} {
		want := int(c.R)<<16 + int(c.G)<<8 + int(c.B)
		if got := spectrum(flat(40, 30, c), 4, 3)[0].rgb(); got != want {
			t.Errorf("the mean of a picture of %v is #%06x, want #%06x", c, got, want)
		}
	}
}
