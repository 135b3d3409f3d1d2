package transform

import "strings"

// Format is an encoding of images.
type Format string

// The formats. Auto is chosen when a rendition is made: the smallest file of those
// formats that the renderer is set to try, that can hold the picture, at one quality
// for the eye. Which it was the rendition says, not the Spec.
const (
	WebP Format = "webp"
	AVIF Format = "avif"
	JPEG Format = "jpeg"
	PNG  Format = "png"
	GIF  Format = "gif"
	TIFF Format = "tiff"
	JXL  Format = "jxl"
	Auto Format = "auto"
)

// MaxSide is the longest side that can be asked for, and the longest that most
// formats hold.
const MaxSide = 65535

// traits are what a format can do. Auto has those of every format it may become.
type traits struct {
	ext, contentType string
	maxSide          int
	alpha            bool
	quality          bool // has a quality that maxbytes can lower
	lossless         bool
	progressive      bool
	chroma           bool // can keep full colour resolution
	palette          bool
}

var formats = map[Format]traits{
	WebP: {ext: "webp", contentType: "image/webp", maxSide: 16383, alpha: true, quality: true, lossless: true},
	AVIF: {ext: "avif", contentType: "image/avif", maxSide: MaxSide, alpha: true, quality: true, lossless: true, chroma: true},
	JPEG: {ext: "jpg", contentType: "image/jpeg", maxSide: MaxSide, quality: true, progressive: true, chroma: true},
	PNG:  {ext: "png", contentType: "image/png", maxSide: MaxSide, alpha: true, lossless: true, progressive: true, palette: true},
	GIF:  {ext: "gif", contentType: "image/gif", maxSide: MaxSide, alpha: true, progressive: true, palette: true},
	TIFF: {ext: "tiff", contentType: "image/tiff", maxSide: MaxSide, alpha: true, lossless: true},
	JXL:  {ext: "jxl", contentType: "image/jxl", maxSide: MaxSide, alpha: true, quality: true, lossless: true},
	Auto: {maxSide: MaxSide, quality: true},
}

// Ext returns the extension of the format's files without a dot, "" for Auto.
func (f Format) Ext() string { return formats[f].ext }

// ContentType returns the format's media type, "" for Auto.
func (f Format) ContentType() string { return formats[f].contentType }

// MaxSide returns the longest side the format holds, in pixels.
func (f Format) MaxSide() int { return formats[f].maxSide }

// Alpha reports whether the format can be transparent.
func (f Format) Alpha() bool { return formats[f].alpha }

// formatsThat lists the formats with a trait as a caller would write them.
func formatsThat(has func(traits) bool) string {
	var names []string
	for _, f := range []Format{WebP, AVIF, JPEG, PNG, GIF, TIFF, JXL, Auto} {
		if has(formats[f]) {
			names = append(names, "fmt="+string(f))
		}
	}
	return oneOf(names)
}

// oneOf joins words as in "a, b or c".
func oneOf(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
