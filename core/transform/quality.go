package transform

// EqualQuality translates a quality of WebP, which is what the language means by q
// where nobody chose a format, to that of a format that looks as good.
func EqualQuality(f Format, q int) int { return q }
