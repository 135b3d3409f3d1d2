//go:build !race

// It goes through all pixels of large pictures: with the race detector that takes minutes.

package engine

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"imgd/core/transform"
)

// leastLikeness is how near what is drawn by the shorter ways has to be to what is
// drawn from the whole page in one resize: a PSNR in dB.
const leastLikeness = 45

// likeness is the PSNR of two pictures of one size, in dB.
func likeness(a, b seen) float64 {
	var sum float64
	for i := range a.samples {
		d := float64(a.samples[i]) - float64(b.samples[i])
		sum += d * d
	}
	return 10 * math.Log10(255*255*float64(len(a.samples))/sum)
}

// The longest sides of variants that are ordered together.
var companies = [][]int{
	{640}, {620}, {475}, {320}, {239}, {150}, {90}, // alone
	{4096, 1200, 600, 150},
	{640, 320, 160, 80, 40}, {900, 440, 210, 100, 48},
}

// A JPEG may be decoded at a fraction of its size, a WebP scaled by its own decoder,
// and a small variant drawn from a larger one. Sides that are no multiple of the
// fraction count as others do.
func TestWhatIsDrawnFasterLooksTheSame(t *testing.T) {
	files := map[string][]byte{
		"jpeg":              photo(t, 1920, 1440),
		"jpeg of odd sides": photo(t, 1927, 1443),
		"upright jpeg":      made(t, photo(t, 1921, 1085), "rot angle=d90", "jpegsave_buffer Q=90"),
		"webp":              made(t, photo(t, 1601, 1203), "webpsave_buffer Q=95"),
		"png":               made(t, photo(t, 1601, 1203), "pngsave_buffer compression=1"),
	}
	for name, data := range files {
		t.Run(name, func(t *testing.T) { mustBeAlike(t, data, "") })
	}
	t.Run("a crop of a jpeg", func(t *testing.T) { mustBeAlike(t, files["jpeg of odd sides"], "crop=64:32:1863:1411,") })
}

func mustBeAlike(t *testing.T, data []byte, cut string) {
	t.Helper()
	slow := drawnAs(t, data, cut, slices.Concat(companies...), true) // where company makes no difference
	for _, sides := range companies {
		fast := drawnAs(t, data, cut, sides, false)
		for _, n := range sides {
			if got := likeness(fast[n], slow[n]); got < leastLikeness {
				t.Errorf("%d of %v: PSNR is %.1f dB, want %d at least", n, sides, got, leastLikeness)
			} else {
				t.Logf("%d of %v: %.1f dB", n, sides, got)
			}
		}
	}
}

func drawnAs(t *testing.T, data []byte, cut string, sides []int, careful bool) map[int]seen {
	t.Helper()
	was := current
	defer func() { current = was }()
	current.Careful = careful
	var vs []transform.Variant
	for _, n := range sides {
		vs = append(vs, variant(t, strconv.Itoa(n), fmt.Sprintf("%sw=%d,h=%d,fmt=png,effort=0", cut, n, n)))
	}
	list := map[int]seen{}
	for _, o := range outputs(t, data, vs...) {
		n, err := strconv.Atoi(o.Name)
		if err != nil || o.Err != nil {
			t.Fatalf("%s: %v, %v", o.Name, err, o.Err)
		}
		list[n] = see(t, o.Body)
	}
	return list
}
