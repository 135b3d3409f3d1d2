package main

import (
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"strings"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// The measures of a contact sheet, in pixels.
const (
	sheetGap  = 28
	sheetText = 64
	tallest   = 520
)

// shownWidths are how wide the variants stand on the sheet, from the smallest: in
// their order, not to scale, or the thumbnail would be a dot.
var shownWidths = []int{110, 230, 400, 680}

// writeSheet writes a sheet as a JPEG.
func writeSheet(file string, sheet image.Image) error {
	f, err := os.Create(file) // #nosec G304 -- the user names it
	if err != nil {
		return err
	}
	if err := jpeg.Encode(f, sheet, &jpeg.Options{Quality: 88}); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// layOut draws the sheet: every picture on one line, what it is below.
func layOut(looks []look) (*image.RGBA, error) {
	face, err := typeface(17)
	if err != nil {
		return nil, err
	}
	width := sheetGap
	for i := range looks {
		width += shownWidths[i] + sheetGap
	}
	base := sheetGap + tallest
	sheet := image.NewRGBA(image.Rect(0, 0, width, base+sheetText+sheetGap))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(color.RGBA{22, 24, 28, 255}), image.Point{}, draw.Src)
	x := sheetGap
	for i, l := range looks {
		shown := shownWidths[i]
		if l.picture != nil {
			b := l.picture.Bounds()
			high := min(tallest, shown*b.Dy()/max(b.Dx(), 1))
			draw.CatmullRom.Scale(sheet, image.Rect(x, base-high, x+shown, base), l.picture, b, draw.Src, nil)
		}
		write(sheet, face, x, base+26, color.RGBA{235, 236, 238, 255}, l.Name)
		write(sheet, face, x, base+50, color.RGBA{150, 155, 165, 255}, caption(l))
		x += shown + sheetGap
	}
	return sheet, nil
}

// caption says what a variant weighs; the smallest picture has room for little.
func caption(l look) string {
	text := fmt.Sprintf("%dx%d", l.Width, l.Height)
	if l.Width > 200 {
		text += "  " + size(l.Bytes) + "  " + strings.TrimPrefix(l.ContentType, "image/")
	}
	return text
}

func typeface(points float64) (font.Face, error) {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: points, DPI: 72, Hinting: font.HintingFull})
}

func write(on draw.Image, face font.Face, x, y int, c color.Color, text string) {
	d := font.Drawer{Dst: on, Src: image.NewUniform(c), Face: face, Dot: fixed.P(x, y)}
	d.DrawString(text)
}
