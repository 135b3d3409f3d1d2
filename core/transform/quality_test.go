package transform

import "testing"

func TestEqualQualitiesGrowTogether(t *testing.T) {
	for _, f := range []Format{WebP, AVIF, JPEG, JXL, PNG} {
		last := 0
		for q := 1; q <= 100; q++ {
			got := EqualQuality(f, q)
			if got < max(last, 1) || got > 100 || (f == WebP || f == PNG) && got != q {
				t.Errorf("%s for WebP's %d: got %d, after %d for one less", f, q, got, last)
			}
			last = got
		}
		if last != 100 {
			t.Errorf("%s for WebP's 100: got %d, want 100", f, last)
		}
	}
	if got := EqualQuality(AVIF, 85); got >= 85 || got < 60 {
		t.Errorf("AVIF for WebP's 85: got %d, want less", got)
	}
}
