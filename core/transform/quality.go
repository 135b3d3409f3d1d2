package transform

// equal are qualities that look the same, measured as docs/transforms.md tells: of
// WebP, and of the formats fmt=auto may take instead.
var equal = []struct{ webp, avif, jpeg, jxl int }{
	{1, 20, 8, 1},
	{20, 43, 26, 37},
	{40, 51, 42, 52},
	{60, 57, 62, 66},
	{75, 60, 73, 75},
	{85, 76, 89, 87},
	{95, 90, 97, 95},
	{100, 100, 100, 100},
}

// EqualQuality returns the quality at which a format looks like WebP of quality q. A
// format without a quality, and WebP itself, keep q. Only fmt=auto translates: who
// names a format means its own numbers.
func EqualQuality(f Format, q int) int {
	of := func(i int) int {
		switch f {
		case AVIF:
			return equal[i].avif
		case JPEG:
			return equal[i].jpeg
		case JXL:
			return equal[i].jxl
		}
		return equal[i].webp
	}
	i := 1
	for i < len(equal)-1 && equal[i].webp < q {
		i++
	}
	low, high := equal[i-1].webp, equal[i].webp
	return of(i-1) + ((of(i)-of(i-1))*(q-low)+(high-low)/2)/(high-low)
}
