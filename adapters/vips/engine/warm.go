package engine

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"runtime"

	"imgd/adapters/vips/structure"
)

// warmUp draws a small document that makes the libraries behind a format load what
// they load, above all the decoders of pictures in it.
func warmUp(f structure.Format) error {
	data := []byte(trialPDF)
	if f == structure.SVG {
		data = trialSVG()
	}
	var pin runtime.Pinner
	pin.Pin(&data[0])
	defer pin.Unpin()
	p, err := load(loader(f), data, "")
	if err != nil {
		return err
	}
	s := from(p)
	p.free()
	s.keep()
	p, err = s.end()
	if err != nil {
		return err
	}
	p.free()
	return nil
}

func trialSVG() []byte {
	small := image.NewNRGBA(image.Rect(0, 0, 2, 2))
	uri := func(kind string, encode func(*bytes.Buffer) error) string {
		var b bytes.Buffer
		_ = encode(&b) // a buffer takes all
		return "data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString(b.Bytes())
	}
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="8" height="8">
<style>.a{opacity:.5}</style><linearGradient id="g"><stop stop-color="red"/></linearGradient>
<filter id="f"><feGaussianBlur stdDeviation="1"/></filter><mask id="m"><rect width="4" height="4" fill="url(#g)"/></mask>
<g class="a" filter="url(#f)" mask="url(#m)"><path d="M0 0h4v4z"/></g>
<image width="4" height="4" xlink:href="%s"/><image width="4" height="4" xlink:href="%s"/></svg>`,
		uri("png", func(b *bytes.Buffer) error { return png.Encode(b, small) }),
		uri("jpeg", func(b *bytes.Buffer) error { return jpeg.Encode(b, small, nil) }))
}

// trialPDF has no table of contents: one is made by whoever reads it.
const trialPDF = `%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 8 8]/Contents 4 0 R/Resources<<>>>>endobj
4 0 obj<</Length 22>>stream
1 0 0 rg 0 0 4 4 re f
endstream endobj
trailer<</Size 5/Root 1 0 R>>
startxref
0
%%EOF
`
