package engine

import (
	"image"
	"image/color"
	"strconv"
	"testing"

	"imgd/core/transform"
)

func TestAutoTakesTheSmallestFileThatHoldsThePicture(t *testing.T) {
	portrait := photo(t, 300, 200)
	noisy := pngOf(t, rainbow(200, 200))
	drawing := pngOf(t, quadrants(300, 300))
	for name, c := range map[string]struct {
		data    []byte
		formats []string
		text    string
		want    transform.Format
	}{
		"a photo, by default":           {portrait, nil, "", transform.AVIF},
		"a photo, without avif":         {portrait, []string{"webp", "jpeg"}, "", transform.WebP},
		"a photo as jpeg alone":         {portrait, []string{"jpeg"}, "", transform.JPEG},
		"alpha holds no jpeg":           {pngOf(t, disc(200, red)), []string{"jpeg", "webp"}, "", transform.WebP},
		"alpha on a ground may be jpeg": {pngOf(t, disc(200, red)), []string{"jpeg"}, "bg=ffffff,", transform.JPEG},
		"alpha, and none that holds it": {pngOf(t, disc(200, red)), []string{"jpeg"}, "", transform.WebP},
		"an animation":                  {film(t, 60, 40, []int{10}, 0, red, green), []string{"avif", "webp"}, "", transform.WebP},
		"an animation, none moves":      {film(t, 60, 40, []int{10}, 0, red, green), []string{"avif"}, "", transform.WebP},
		"its first frame":               {film(t, 60, 40, []int{10}, 0, red, green), []string{"jpeg"}, "anim=0,", transform.JPEG},
		"a side beyond webp":            {pngOf(t, image.NewGray(image.Rect(0, 0, 16400, 4))), []string{"webp", "jpeg"}, "", transform.JPEG},
		"a drawing":                     {drawing, []string{"jpeg", "webp"}, "", transform.WebP},
		"colours all over":              {noisy, []string{"png", "webp"}, "", transform.WebP},
	} {
		t.Run(name, func(t *testing.T) {
			if c.formats != nil {
				under(t, func(o *Options) { o.AutoFormats = c.formats })
			}
			o := one(t, c.data, c.text+"effort=1,fmt=auto")
			if o.ContentType != c.want.ContentType() || o.Ext != c.want.Ext() || formatOf(o.Body).Ext() != c.want.Ext() {
				t.Errorf("got %s, .%s, want %s", o.ContentType, o.Ext, c.want)
			}
			for _, f := range c.formats {
				if f := transform.Format(f); name == "a photo, without avif" {
					q := transform.EqualQuality(f, 85)
					if other := len(one(t, c.data, "effort=1,fmt="+string(f)+",q="+strconv.Itoa(q)).Body); other < len(o.Body) {
						t.Errorf("%s would have %d bytes, it has %d", f, other, len(o.Body))
					}
				}
			}
			mustMeasure(t, o, o.Width, o.Height)
		})
	}
}

func TestAutoKeepsADrawingWithoutLossWhereThatIsSmaller(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 256, 256))
	for y := range 256 {
		for x := range 256 {
			img.SetNRGBA(x, y, [2]color.NRGBA{red, blue}[(x/3+y/5)%2])
		}
	}
	data := pngOf(t, img)
	under(t, func(o *Options) { o.AutoFormats = []string{"webp"} })
	o := one(t, data, "fmt=auto")
	if lossy := len(one(t, data, "fmt=webp").Body); len(o.Body) >= lossy {
		t.Errorf("it has %d bytes, with loss it has %d", len(o.Body), lossy)
	}
	s, want := see(t, o.Body), see(t, data)
	for i := range 256 {
		s.mustBe(t, i, 255-i, want.at(i, 255-i), 0)
	}
}
