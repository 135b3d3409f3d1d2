package engine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/davidbyttow/govips/v2/vips"

	"imgd/core"
	"imgd/core/transform"
)

// most renders the variants and returns the most memory that libvips had for pictures
// when one of them came out.
func most(t *testing.T, data []byte, list []transform.Variant) (bytes int64, all []Output) {
	t.Helper()
	var before, now vips.MemoryStats
	vips.ReadVipsMemStats(&before)
	_, err := Render(t.Context(), Task{Data: data, Variants: list}, func(o Output) error {
		vips.ReadVipsMemStats(&now)
		bytes = max(bytes, now.Mem-before.Mem)
		o.Body = slices.Clone(o.Body)
		all = append(all, o)
		return o.Err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes, all
}

// A page that is kept whole, because a border has to be found in it or because several
// parts are cut out of it, is memory like any other.
func TestPagesThatAreKeptAreCounted(t *testing.T) {
	const side, pages = 600, 6
	page := made(t, pngOf(t, quadrants(side, side)), "extract_band band=0,n=3", "tiffsave_buffer")
	document := page
	for range pages - 1 {
		document = joinTIFF(document, page)
	}
	var trims, crops []transform.Variant
	for i := range pages {
		trims = append(trims, variant(t, fmt.Sprintf("p%d", i), fmt.Sprintf("page=%d,trim=10,w=50,h=50,fmt=png", i)))
	}
	for i := range 3 {
		crops = append(crops, variant(t, fmt.Sprintf("c%d", i), fmt.Sprintf("crop=%d:%d:50:50,fmt=png", 100*i, 100*i)))
	}
	const whole = side * side * 3 // of which a pixel is counted with four bytes
	for _, c := range []struct {
		name  string
		list  []transform.Variant
		limit int64 // of the memory of a decoder
		most  int64 // that may be kept
	}{
		{"a border of each page", trims, 3 * whole, 3 * whole},
		{"parts of one page", crops, 4 * side * side, whole / 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept, want := most(t, document, c.list)
			under(t, func(o *Options) { o.Limits = core.Limits{MemoryBytes: c.limit} })
			had, got := most(t, document, c.list)
			t.Logf("without a limit %d bytes, with it %d", kept, had)
			if had > c.most {
				t.Errorf("%d bytes were kept, want at most %d: a decoder may have %d", had, c.most, c.limit)
			}
			if kept < whole {
				t.Errorf("without a limit %d bytes were kept, want at least one page of %d: this test sees nothing", kept, whole)
			}
			for i := range want {
				if at := slices.IndexFunc(got, func(o Output) bool { return o.Name == want[i].Name }); at < 0 || !slices.Equal(got[at].Body, want[i].Body) {
					t.Errorf("%s comes out otherwise than without a limit", want[i].Name)
				}
			}
		})
	}
}
