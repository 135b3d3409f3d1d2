package engine

import (
	"image"
	"image/color"
	"slices"
	"testing"

	"imgd/core"
	"imgd/core/transform"
)

const logo = "01890a5d-ac96-774b-bcce-b302099a8057"

var scarlet = color.NRGBA{255, 0, 0, 255}

// filled is a PNG of one colour.
func filled(t testing.TB, w, h int, c color.NRGBA) []byte { return pngOf(t, flat(w, h, c)) }

// marked renders one variant with a watermark.
func marked(t *testing.T, ground, mark []byte, text string) Output {
	t.Helper()
	var got Output
	task := Task{Data: ground, Variants: []transform.Variant{variant(t, "one", text)}, Marks: map[core.ID][]byte{logo: mark}}
	if _, err := Render(t.Context(), task, func(o Output) error {
		got = o
		got.Body = slices.Clone(o.Body)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAWatermarkLiesWhereItIsWanted(t *testing.T) {
	for text, area := range map[string]image.Rectangle{
		":top-left:0.2":              image.Rect(0, 0, 20, 10),
		":center:0.2":                image.Rect(40, 25, 60, 35),
		"":                           image.Rect(75, 47, 100, 60), // a quarter, at the bottom right
		":0.5x1:1":                   image.Rect(0, 10, 100, 60),
		":top-left:0.2:1:1":          image.Rect(0, 0, 100, 60), // tiled
		":top-left:0.2,rot=90":       image.Rect(0, 0, 12, 6),
		":top-left:0.2,pad=10":       image.Rect(0, 0, 24, 12),
		":bottom-left:0.5,w=50,up=0": image.Rect(0, 17, 25, 30),
	} {
		t.Run(text, func(t *testing.T) {
			for _, format := range []string{"png", "webp,lossless=1"} {
				o := marked(t, filled(t, 100, 60, white), filled(t, 40, 20, scarlet), "wm="+logo+text+",fmt="+format)
				if o.Err != nil {
					t.Fatal(o.Err)
				}
				s := see(t, o.Body)
				for y := range s.h {
					for x := range s.w {
						want := white
						if image.Pt(x, y).In(area) {
							want = scarlet
						}
						padding := text == ":top-left:0.2,pad=10" && !image.Pt(x, y).In(image.Rect(10, 10, 110, 70)) && want == white
						if got := s.at(x, y); got != want && (!padding || got.A != 0) {
							t.Fatalf("%s: pixel %d,%d of %dx%d is %v, want %v", format, x, y, s.w, s.h, got, want)
						}
					}
				}
			}
		})
	}
}

func TestAWatermarkShowsWhatIsUnderItByItsOpacity(t *testing.T) {
	half := color.NRGBA{255, 0, 0, 128}
	for name, c := range map[string]struct {
		ground, mark color.NRGBA
		text         string
		want         color.NRGBA
	}{
		"full":                         {white, scarlet, ":center:1:1", scarlet},
		"half":                         {white, scarlet, ":center:1:0.5", color.NRGBA{255, 128, 128, 255}},
		"a mark that is half there":    {white, half, ":center:1:1", color.NRGBA{255, 127, 127, 255}},
		"half of that":                 {white, half, ":center:1:0.5", color.NRGBA{255, 191, 191, 255}},
		"a mark that cannot be seen":   {white, nothing, ":center:1:1", white},
		"on nothing":                   {nothing, scarlet, ":center:1:0.5", color.NRGBA{255, 0, 0, 128}},
		"nothing on nothing":           {nothing, nothing, ":center:1:1", nothing},
		"on what is half transparent":  {color.NRGBA{0, 0, 255, 128}, scarlet, ":center:1:1", scarlet},
		"half on half, by both shares": {color.NRGBA{0, 0, 255, 128}, scarlet, ":center:1:0.5", color.NRGBA{170, 0, 85, 192}},
	} {
		t.Run(name, func(t *testing.T) {
			o := marked(t, filled(t, 20, 20, c.ground), filled(t, 20, 20, c.mark), "fmt=png,wm="+logo+c.text)
			if o.Err != nil {
				t.Fatal(o.Err)
			}
			see(t, o.Body).mustBe(t, 10, 10, c.want, 1)
		})
	}
}

func TestAWatermarkLiesOnEveryFrame(t *testing.T) {
	ground := film(t, 32, 24, []int{10}, 0, blue, green, white)
	o := marked(t, ground, filled(t, 8, 8, scarlet), "fmt=webp,lossless=1,wm="+logo+":top-left:0.5")
	if o.Err != nil || o.Pages != 3 {
		t.Fatalf("%d frames, %v, want 3", o.Pages, o.Err)
	}
	s := see(t, o.Body)
	for frame := range 3 {
		s.mustBe(t, 0, frame*s.h/3, scarlet, 0)
	}
}

func TestABadWatermarkFailsOnlyItsVariants(t *testing.T) {
	for name, c := range map[string]struct {
		mark []byte
		want core.Slug
	}{
		"it is not there":   {nil, core.WatermarkGone},
		"it is no image":    {[]byte("not an image at all"), core.UnsupportedMediaType},
		"it ends too early": {filled(t, 300, 300, scarlet)[:200], core.ImageTruncated},
	} {
		t.Run(name, func(t *testing.T) {
			vs := []transform.Variant{variant(t, "marked", "w=10,wm="+logo), variant(t, "plain", "w=10")}
			seen := map[string]core.Slug{}
			task := Task{Data: filled(t, 20, 20, white), Variants: vs, Facts: true, Marks: map[core.ID][]byte{logo: c.mark}}
			if _, err := Render(t.Context(), task, func(o Output) error {
				seen[o.Name] = core.SlugOf(o.Err)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if len(seen) != 2 || seen["marked"] != c.want || seen["plain"] != "" {
				t.Errorf("the variants ended %v, want marked with %s and plain without error", seen, c.want)
			}
		})
	}
}
