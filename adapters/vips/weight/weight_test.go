package weight

import (
	"math"
	"testing"
	"time"

	"imgd/adapters/vips/structure"
	"imgd/core"
	"imgd/core/transform"
)

func variants(t *testing.T, texts ...string) (list []transform.Variant) {
	t.Helper()
	for _, text := range texts {
		s, err := transform.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, transform.Variant{Spec: s})
	}
	return list
}

func TestWhatComesAsAWholeWeighsMoreAndTakesLonger(t *testing.T) {
	for _, f := range []structure.Format{structure.JPEG, structure.PNG} {
		rows := Picture{Format: f, Width: 6000, Height: 4000, Channels: 3, SampleBytes: 1, Frames: 1}
		whole := rows
		whole.Whole = true
		if rows.Bytes() != 72_000_000 || whole.Bytes() < 2*rows.Bytes() {
			t.Errorf("%s of 24 MP: %d and %d bytes, want 72000000 and at least twice that", f, rows.Bytes(), whole.Bytes())
		}
		if f == structure.JPEG && whole.Time() <= rows.Time() {
			t.Errorf("%s of 24 MP: %v and %v, want that the second takes longer", f, rows.Time(), whole.Time())
		}
	}
}

func TestNoPictureIsTooLargeToBeWeighed(t *testing.T) {
	huge := Picture{Format: structure.AVIF, Width: math.MaxInt32, Height: math.MaxInt32, Channels: 4, SampleBytes: 2, Frames: 1}
	if b, d := huge.Bytes(), huge.Time(); b <= 0 || d <= 0 {
		t.Errorf("got %d bytes and %v, want large numbers", b, d)
	}
	of := core.Probe{ContentType: "image/gif", Width: math.MaxInt32, Height: math.MaxInt32, Pages: 100_000}
	if b := Render(of, variants(t, "", "dpr=8,w=8000,up=1,fit=contain,fmt=jpeg", "fmt=gif")); b <= 0 || Whole(b) <= 0 {
		t.Errorf("got %d bytes, want a large number", b)
	}
}

func TestWhatFitsIsPredictedToFit(t *testing.T) {
	for _, p := range []Picture{
		{Format: structure.JPEG, Width: 30000, Height: 20000, Channels: 3, SampleBytes: 1, Whole: true, Frames: 1},
		{Format: structure.PNG, Width: 60000, Height: 7, Channels: 4, SampleBytes: 2, Frames: 1},
		{Format: structure.GIF, Width: 500, Height: 500, Channels: 4, SampleBytes: 1, Frames: 1000},
	} {
		limit := p.Bytes() / 3
		p.Width, p.Height = p.Fits(1.0 / 3)
		if got := p.Bytes(); got > limit || got < limit*8/10 {
			t.Errorf("%s of %d x %d takes %d bytes, want a little less than %d", p.Format, p.Width, p.Height, got, limit)
		}
	}
}

func TestARenderWeighsWhatIsAskedOfIt(t *testing.T) {
	photo := core.Probe{ContentType: "image/jpeg", Width: 4000, Height: 3000, Pages: 1, MemoryBytes: 36_000_000}
	film := core.Probe{ContentType: "image/gif", Width: 400, Height: 300, Pages: 50, MemoryBytes: 52 * 400 * 300 * 4}
	least := Render(photo, nil)
	if least < photo.MemoryBytes {
		t.Errorf("nothing at all weighs %d, want at least the decoding", least)
	}
	more := func(name string, of core.Probe, light, heavy []string, by int64) {
		t.Helper()
		if got := Render(of, variants(t, heavy...)) - Render(of, variants(t, light...)); got < by {
			t.Errorf("%s adds %d bytes, want at least %d", name, got, by)
		}
	}
	more("a variant", photo, nil, []string{"w=1000"}, 4*1000*750)
	more("all of it", photo, []string{"w=1000"}, []string{"w=4000"}, 4*(4000*3000-1000*750))
	more("an enlargement", photo, []string{"w=4000"}, []string{"w=8000,up=1,fit=contain"}, 4*3*4000*3000)
	more("a turn", photo, []string{"w=1000"}, []string{"w=1000,rot=45"}, 4*1000*750/2)
	more("a frame", photo, []string{"w=1000"}, []string{"w=1000,pad=500:500:500:500"}, 4*1000*1000)
	more("an AVIF", photo, []string{"w=1000,fmt=png"}, []string{"w=1000,fmt=avif"}, 1000*750)
	more("a second page to be trimmed", photo, []string{"trim=5,w=9", "w=9,trim=6"}, []string{"trim=5,w=9", "w=9,page=1,trim=6"}, 4*4000*3000)
	more("a moving one", film, []string{"anim=0"}, []string{"anim=1,fmt=gif"}, 40*4*400*300)
	if crop, all := Render(photo, variants(t, "crop=0:0:100:100")), Render(photo, variants(t, "")); crop >= all {
		t.Errorf("a part weighs %d and all of it %d", crop, all)
	}
}

func TestWhatADecoderHoldsGrowsWithWhatIsAskedOfIt(t *testing.T) {
	photo := core.Probe{ContentType: "image/png", Width: 6000, Height: 4000, Pages: 1, MemoryBytes: 72_000_000}
	clear, webp := photo, photo
	clear.HasAlpha = true
	webp.ContentType = "image/webp"
	small, large := variants(t, "w=150"), variants(t, "w=150", "w=4096", "w=1200")
	for _, c := range []struct {
		name  string
		light int64
		heavy int64
	}{
		{"a large variant", Hold(photo, small), Hold(photo, large)},
		{"transparency", Hold(photo, large), Hold(clear, large)},
		{"a decoder that keeps what it had", Hold(photo, large), Hold(webp, large)},
		{"two encoders", Hold(photo, variants(t, "w=4096")), Hold(photo, large)},
	} {
		if c.heavy <= c.light {
			t.Errorf("%s: %d and %d bytes, want more", c.name, c.light, c.heavy)
		}
	}
	for _, limit := range []int64{300 << 20, 400 << 20, 600 << 20} {
		w, h := Fitting(clear, large, limit)
		fits, over := clear, clear
		fits.Width, fits.Height, fits.MemoryBytes = w, h, 3*w*h
		over.Width, over.Height, over.MemoryBytes = w*11/10, h*11/10, 3*w*h*121/100
		if w <= 0 || w*2/3-h > 2 || h-w*2/3 > 2 || Hold(fits, large) > limit || Hold(over, large) <= limit && over.Width < clear.Width {
			t.Errorf("%d bytes: %d x %d is said to fit, and takes %d; a tenth more takes %d", limit, w, h, Hold(fits, large), Hold(over, large))
		}
	}
	if w, h := Fitting(clear, large, 1<<20); w != 0 || h != 0 {
		t.Errorf("%d x %d is said to fit into less than a decoder has before it begins", w, h)
	}
	huge := core.Probe{ContentType: "image/webp", HasAlpha: true, Width: math.MaxInt32, Height: math.MaxInt32, Pages: 1, MemoryBytes: math.MaxInt64}
	if b := Hold(huge, large); b <= 0 {
		t.Errorf("got %d bytes, want a large number", b)
	}
}

// Of images that came before the prediction was kept the row knows how large they are.
func TestWhatNobodyHasWeighedWeighsTheMostItCan(t *testing.T) {
	for contentType, least := range map[string]int64{
		"image/jpeg": 12 * 1_000_000, "image/png": 16 * 1_000_000, "image/avif": 32 * 1_000_000, "image/tiff": 1 << 40, "": 1 << 40,
	} {
		of := core.Probe{ContentType: contentType, Width: 1000, Height: 1000, Pages: 1}
		got := Render(of, nil)
		if got < least {
			t.Errorf("%q of 1 MP weighs %d, want at least %d", contentType, got, least)
		}
		of.MemoryBytes = 3_000_000
		if known := Render(of, nil); known >= got {
			t.Errorf("%q of 1 MP weighs %d once it was looked at, want less than %d", contentType, known, got)
		}
	}
}

// The times are lower bounds: an honest photo of a camera must not come near the
// deadline.
func TestHonestPicturesAreNotPredictedToBeSlow(t *testing.T) {
	for _, f := range []structure.Format{structure.JPEG, structure.PNG, structure.WebP, structure.AVIF, structure.HEIC, structure.TIFF} {
		p := Picture{Format: f, Width: 12000, Height: 9000, Channels: 3, SampleBytes: 1, Whole: true, Frames: 1}
		if d := p.Time(); d <= 0 || d > 5*time.Second {
			t.Errorf("%s of 108 MP is predicted to take %v at least", f, d)
		}
	}
}
