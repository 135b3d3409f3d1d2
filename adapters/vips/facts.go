package vips

import (
	"encoding/base64"
	"io"
	"regexp"
	"slices"

	"imgd/adapters/vips/embedded"
	"imgd/adapters/vips/wire"
	"imgd/core"
)

var (
	colour   = regexp.MustCompile(`^#[0-9a-f]{6}$`)
	blurhash = regexp.MustCompile(`^[0-9A-Za-z#$%*+,\-.:;=?@\[\]^_{|}~]*$`)
	phash    = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

// maxPalette is how many colours a palette may have.
const maxPalette = 5

// checkFacts lets each fact be empty: there are pictures with nothing to see.
func checkFacts(f core.Facts) error {
	for _, c := range []string{f.DominantColor, f.AverageColor} {
		if c != "" && !colour.MatchString(c) {
			return wire.Broken("the colours are %.16q and %.16q", f.DominantColor, f.AverageColor)
		}
	}
	if f.Blurhash != "" && !isBlurhash(f.Blurhash) {
		return wire.Broken("the blurhash is %.200q", f.Blurhash)
	}
	if f.Thumbhash != "" && !isThumbhash(f.Thumbhash) {
		return wire.Broken("the thumbhash is %.200q", f.Thumbhash)
	}
	if f.Phash != "" && !phash.MatchString(f.Phash) {
		return wire.Broken("the perceptual hash is %.32q", f.Phash)
	}
	return checkPalette(f.Palette)
}

func checkPalette(p core.Palette) error {
	if len(p) > maxPalette {
		return wire.Broken("the palette has %d colours", len(p))
	}
	for i, c := range p {
		if !colour.MatchString(c) || slices.Contains(p[:i], c) {
			return wire.Broken("the palette has the colour %.16q, or has it twice", c)
		}
	}
	return nil
}

// isBlurhash compares the length with the number of components, which is in the
// first digit: nine columns at most, nine rows at most.
func isBlurhash(s string) bool {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
	components := slices.Index([]byte(digits), s[0])
	if components < 0 || components > 80 {
		return false
	}
	return len(s) == 4+2*(components%9+1)*(components/9+1) && blurhash.MatchString(s)
}

// isThumbhash compares the length with the number of waves that the header tells.
func isThumbhash(s string) bool {
	const most = 40 // digits; there is none with more than 36
	if len(s) > most {
		return false
	}
	hash, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(hash) < 5 {
		return false
	}
	transparent, wide := hash[2]&0x80 != 0, hash[4]&0x80 != 0
	longer, shorter, bytes, digits := 7, int(hash[3]&7), 5, 2*triangle(3, 3)
	if transparent {
		longer, bytes, digits = 5, 6, digits+triangle(5, 5)
	}
	if shorter < 1 || shorter > longer {
		return false
	}
	if shorter = max(3, shorter); wide {
		digits += triangle(longer, shorter)
	} else {
		digits += triangle(shorter, longer)
	}
	return len(hash) == bytes+(digits+1)/2
}

// triangle counts the waves of a ThumbHash that a channel has beside its mean.
func triangle(across, down int) (n int) {
	for y := range down {
		for x := 0; x*down < across*(down-y); x++ {
			n++
		}
	}
	return n - 1
}

// readEmbedded takes the file's own metadata out of the body, once it is known that
// facts were asked for.
func (a audit) readEmbedded(facts *core.Facts, f wire.Frame) error {
	if facts == nil || f.Size == 0 {
		return nil
	}
	text, err := io.ReadAll(f.Reader())
	if err != nil {
		return wire.Broken("the metadata cannot be read: %v", err)
	}
	if facts.Embedded, err = embedded.Check(text, a.keepGPS); err != nil {
		return wire.Broken("%v", err)
	}
	return nil
}
