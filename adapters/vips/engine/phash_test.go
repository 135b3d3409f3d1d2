package engine

import (
	"image"
	"image/color"
	"math"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"testing"
)

// alike is how many bits the hashes of one picture may differ in.
const alike = 6

// differing counts the bits in which two hashes differ.
func differing(t testing.TB, one, other string) int {
	t.Helper()
	a, err := strconv.ParseUint(one, 16, 64)
	b, err2 := strconv.ParseUint(other, 16, 64)
	if err != nil || err2 != nil || len(one) != 16 || len(other) != 16 {
		t.Fatalf("%q and %q are not both 16 digits", one, other)
	}
	return bits.OnesCount64(a ^ b)
}

// dreamt is a picture of shapes that depend on the seed, strong ones that are large
// and weak ones that are small, as nature has them.
func dreamt(seed uint64, w, h int) *image.NRGBA {
	random := rand.New(rand.NewPCG(seed, 7))
	type wave struct{ x, y, phase, height float64 }
	var all [3][]wave
	for c := range all {
		for i := range 40 {
			turn, often := random.Float64()*7, 2+float64(i)*0.7
			all[c] = append(all[c], wave{often * math.Cos(turn), often * math.Sin(turn), random.Float64() * 7, 120 / often})
		}
	}
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			var levels [3]uint8
			for c, waves := range all {
				v := 128.0
				for _, s := range waves {
					v += s.height * math.Cos(s.x*float64(x)/float64(w)+s.y*float64(y)/float64(h)+s.phase)
				}
				levels[c] = uint8(max(0, min(255, v)))
			}
			img.SetNRGBA(x, y, color.NRGBA{levels[0], levels[1], levels[2], 255})
		}
	}
	return img
}

func hashOf(t *testing.T, data []byte) string {
	t.Helper()
	_, f, err := attempt(t.Context(), data, variants(t, "w=20"))
	if err != nil {
		t.Fatal(err)
	}
	return f.Phash
}

func TestThePerceptualHashSurvivesScalingAndEncoding(t *testing.T) {
	pictures := map[string][]byte{"landscape": photo(t, 1200, 800)}
	for seed := range uint64(4) {
		pictures["dream "+strconv.Itoa(int(seed))] = pngOf(t, dreamt(seed, 220, 266))
	}
	for name, data := range pictures {
		want := hashOf(t, data)
		for how, steps := range map[string][]string{
			"smaller":        {"resize scale=0.31", "pngsave_buffer"},
			"tiny":           {"resize scale=0.12", "pngsave_buffer"},
			"larger":         {"resize scale=1.7", "jpegsave_buffer Q=90"},
			"bad jpeg":       {"jpegsave_buffer Q=25"},
			"webp":           {"webpsave_buffer Q=60"},
			"small bad webp": {"resize scale=0.2", "webpsave_buffer Q=30"},
		} {
			if n := differing(t, hashOf(t, made(t, data, steps...)), want); n > alike {
				t.Errorf("%s, %s: %d bits differ, want at most %d", name, how, n, alike)
			}
		}
	}
}

func TestThePerceptualHashesOfDifferentPicturesDiffer(t *testing.T) {
	hashes := []string{perceptual(landscape(t, 64, 43), color.NRGBA{}), perceptual(quadrants(64, 64), color.NRGBA{}), perceptual(disc(64, yellow), blue)}
	for seed := range uint64(12) {
		hashes = append(hashes, perceptual(dreamt(seed, 64, 50), color.NRGBA{}))
	}
	for i, one := range hashes {
		for k, other := range hashes[:i] {
			if n := differing(t, one, other); n <= 2*alike {
				t.Errorf("pictures %d and %d: %d bits differ, want more than %d", i, k, n, 2*alike)
			}
		}
	}
}

func TestThePerceptualHashOfNothingMuchIsZero(t *testing.T) {
	faint := flat(64, 48, color.NRGBA{90, 90, 90, 255})
	for i := range 64 * 48 {
		faint.Pix[4*i] += uint8(i * 7 % 2) // what encoding leaves
	}
	for name, img := range map[string]*image.NRGBA{
		"a pixel": flat(1, 1, green), "white": flat(64, 64, color.NRGBA{255, 255, 255, 255}), "clear": flat(9, 5, nothing), "rounding": faint,
	} {
		if got := described(t, img).Phash; got != "0000000000000000" {
			t.Errorf("%s: got %s, want no bit", name, got)
		}
	}
}

// What cannot be seen has the colour of the ground, not the one that is hidden in it.
func TestThePerceptualHashDoesNotSeeWhatIsClear(t *testing.T) {
	one, other := dreamt(3, 60, 60), dreamt(3, 60, 60)
	for i := range 60 * 20 {
		one.Pix[4*i+3], other.Pix[4*i+3] = 0, 0
		other.Pix[4*i], other.Pix[4*i+1] = 255-other.Pix[4*i], 0
	}
	if a, b := described(t, one).Phash, described(t, other).Phash; a != b {
		t.Errorf("what is behind full transparency changes the hash from %s to %s", a, b)
	}
}
