// Package bomb makes small files that cost a decoder much: memory, time, or both.
package bomb

// Bomb is one such file, and what a good service says to it.
type Bomb struct {
	Name string
	File []byte
	// Slugs are the problems it may be answered with, at once or when its job ends.
	// Harmless says that its job may succeed: the file is honest, only large or slow.
	Slugs    []string
	Harmless bool
	Heavy    bool // seconds of computing
}

// All are the bombs, made anew.
func All() []Bomb {
	tooLarge, tooComplex := []string{"image-too-large"}, []string{"image-too-complex"}
	return []Bomb{
		{Name: "a PNG of 69 bytes that claims 65000 x 65000", File: hollowPNG(65000, 65000), Slugs: tooLarge},
		{Name: "a whole PNG of 900 million pixels of one bit", File: flatPNG(30000, 30000, 1, 0, false), Slugs: tooLarge},
		{Name: "a whole PNG of 144 million pixels of four bytes", File: flatPNG(12000, 12000, 8, 6, false), Harmless: true, Heavy: true},
		{Name: "an interlaced PNG of 144 million pixels of eight bytes", File: flatPNG(12000, 12000, 16, 6, true), Slugs: tooComplex},
		{Name: "an interlaced PNG that seems to just fit", File: flatPNG(11000, 11000, 8, 6, true), Slugs: tooComplex, Harmless: true, Heavy: true},
		{Name: "a PNG with a text of 200 MB", File: chattyPNG(200 << 20), Slugs: []string{"metadata-too-large"}},
		{Name: "a PNG of two hundred thousand chunks", File: crowdedPNG(200_000), Slugs: tooComplex},
		{Name: "a JPEG that claims 64250 x 64250", File: hollowJPEG(64250, 64250), Slugs: tooLarge},
		{Name: "a JPEG of 64 million pixels without any", File: hollowJPEG(8000, 8000), Slugs: []string{"image-truncated"}},
		{Name: "a JPEG of 500 scans", File: slowJPEG(8192, 500), Slugs: tooComplex},
		{Name: "a JPEG of 48 scans", File: slowJPEG(8192, 48), Harmless: true, Heavy: true},
		{Name: "a GIF that claims 65535 x 65535", File: gif(65535, 65535, 1), Slugs: tooLarge},
		{Name: "a GIF of five thousand frames", File: gif(2000, 2000, 5000), Harmless: true},
		{Name: "a WebP of 256 million pixels that ends at once", File: hollowWebP(), Slugs: []string{"image-truncated", "image-too-complex"}},
		{Name: "a compressed SVG that is cut off", File: cutSVG(), Slugs: []string{"unsupported-media-type"}},
		{Name: "an SVG of turbulence", File: []byte(turbulence), Slugs: []string{"unsupported-media-type"}},
	}
}

const turbulence = `<svg xmlns="http://www.w3.org/2000/svg" width="4000" height="4000"><filter id="f" x="0" y="0" width="1" height="1">` +
	`<feTurbulence baseFrequency="0.9" numOctaves="99999"/></filter><rect width="4000" height="4000" filter="url(#f)"/></svg>`
