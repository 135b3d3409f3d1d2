package structure

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// embedded judges a picture in a data URI: a JPEG or a PNG that would be accepted
// by itself, and all of them together no larger than one may be.
func (w *svgWalk) embedded(uri string) error {
	kind, body, _ := strings.Cut(strings.TrimPrefix(uri, "data:"), ",")
	kind, coded := strings.CutSuffix(strings.ReplaceAll(kind, " ", ""), ";base64")
	var f Format
	switch kind, _, _ = strings.Cut(strings.ToLower(kind), ";"); kind {
	case "image/png":
		f = PNG
	case "image/jpeg", "image/jpg":
		f = JPEG
	}
	if f == "" || !coded {
		return notAllowed("an embedded picture that is neither a PNG nor a JPEG in base64", "convert it")
	}
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil {
		data, err = base64.RawStdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
	}
	if err != nil {
		return damaged(SVG, "an embedded picture is no base64")
	}
	if found, _ := Sniff(data); found != f {
		return damaged(SVG, "an embedded picture is said to be a %s and is none", f.title())
	}
	o, err := Walk(f, bytes.NewReader(data), int64(len(data)), w.limits)
	if err != nil {
		return err
	}
	w.pixels += o.Pixels()
	if w.pixels > w.limits.MaxPixels {
		return tooComplex(SVG, "pixels in embedded pictures", int(w.limits.MaxPixels), w.pixels)
	}
	w.EmbeddedPixels = w.pixels
	return nil
}
