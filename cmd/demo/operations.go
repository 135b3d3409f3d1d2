package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"
	"time"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"

	"imgd/e2e/scene"
)

// operations are what the sheet of them shows, each drawn into a box of
// 280 x 210 pixels. ID is that of the picture, which is its own watermark.
var operations = []string{
	"w=280", "w=280,linear=1", "crop=0.45:0.2:0.4:0.4,w=280", "w=210,h=210,fit=cover", "w=120,h=210,fit=cover,pos=left",
	"w=120,h=210,fit=cover,pos=attention", "w=120,h=210,fit=cover,pos=entropy", "w=280,h=140,fit=fill", "w=200,h=200,fit=pad,bg=224466", "w=130,h=200,fit=pad,pos=bottom,bg=224466", "w=150,rot=90", "w=220,rot=15",
	"w=280,flip=h", "w=280,flip=v", "w=280,blur=4", "w=280,sharpen=1.5", "w=280,pixelate=14",
	"w=280,brightness=1.3", "w=280,contrast=1.5", "w=280,saturation=1.8", "w=280,hue=120", "w=280,gray=1", "w=280,tint=b06030",
	"w=250,pad=10,bg=ffffff", "w=260,border=8:e0b040", "w=264,radius=40,border=8:e0b040", "w=210,h=210,fit=cover,radius=max", "w=140,dpr=2,blur=1,radius=12",
	"crop=0.5:0.3:0.05:0.05,w=280,fit=contain,up=1", "w=280,wm=ID:bottom-right:0.3", "w=280,wm=ID:center:0.25:0.4:1", "w=280,palette=8",
}

// framed are what the sheet shows of the picture in a frame.
var framed = []string{"w=280,h=210", "trim=20,w=280,h=210", "trim=20,crop=0:0.5:1:0.5,w=280", "trim=20,w=200,rot=-12"}

const (
	cellWidth, cellHeight = 280, 210
	cellText              = 58 // two lines
	columns               = 6
)

// drawing is an operation and what came of it.
type drawing struct {
	text    string
	picture image.Image
}

// showOperations writes the sheet of them. The first are of a picture in a frame.
func showOperations(ctx context.Context, file string, c client, id string) error {
	wide, err := inFrame()
	if err != nil {
		return err
	}
	other, err := send(ctx, c, wide)
	if err != nil {
		return err
	}
	first, err := drawOperations(ctx, c, other.job.ImageID, framed)
	if err != nil {
		return err
	}
	for i := range first {
		first[i].text += " (in a frame)"
	}
	rest, err := drawOperations(ctx, c, id, operations)
	if err != nil {
		return err
	}
	sheet, err := layOutOperations(append(first, rest...))
	if err != nil {
		return err
	}
	return writeSheet(file, sheet)
}

// inFrame is the scene with paper around it, more of it below.
func inFrame() ([]byte, error) {
	m := image.NewRGBA(image.Rect(0, 0, 1200, 1000))
	draw.Draw(m, m.Rect, image.NewUniform(color.RGBA{236, 228, 208, 255}), image.Point{}, draw.Src)
	draw.Draw(m, image.Rect(120, 120, 1080, 760), scene.Draw(960, 640), image.Point{}, draw.Src)
	var b bytes.Buffer
	err := png.Encode(&b, m)
	return b.Bytes(), err
}

// drawOperations has an image that is there rendered in every way of a list.
func drawOperations(ctx context.Context, c client, id string, operations []string) ([]drawing, error) {
	wanted := map[string]string{}
	for i, text := range operations {
		wanted[operationName(i)] = strings.ReplaceAll(text, "ID", id) + ",fmt=png"
	}
	if err := c.more(ctx, id, wanted); err != nil {
		return nil, err
	}
	var p picture
	for p.State != "ready" {
		if err := c.get(ctx, "/v1/images/"+id, &p); err != nil {
			return nil, err
		}
		if p.State != "processing" {
			break
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the image is still %s: %w", p.State, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
	var list []drawing
	for i, text := range operations {
		d, err := c.drawing(ctx, text, p.find(operationName(i)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", text, err)
		}
		list = append(list, d)
	}
	return list, nil
}

func operationName(i int) string { return fmt.Sprintf("operation-%d", i) }

// more asks for more variants of an image.
func (c client) more(ctx context.Context, id string, variants map[string]string) error {
	body, err := json.Marshal(map[string]any{"variants": variants})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/v1/images/"+id+"/jobs", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	_, _, err = do(req, http.StatusAccepted)
	return err
}

func (c client) drawing(ctx context.Context, text string, v *variant) (drawing, error) {
	switch {
	case v == nil:
		return drawing{}, fmt.Errorf("there is no such variant")
	case v.Error != nil:
		return drawing{}, fmt.Errorf("it is %s: %s", v.State, v.Error.Detail)
	}
	body, _, err := c.fetch(ctx, v.URL)
	if err != nil {
		return drawing{}, err
	}
	m, err := png.Decode(bytes.NewReader(body))
	return drawing{text, m}, err
}

// layOutOperations puts what was drawn into a grid, what it is below, on a ground
// that shows where it is transparent.
func layOutOperations(list []drawing) (*image.RGBA, error) {
	face, err := typeface(15)
	if err != nil {
		return nil, err
	}
	rows := (len(list) + columns - 1) / columns
	high := cellHeight + cellText
	sheet := image.NewRGBA(image.Rect(0, 0, sheetGap+columns*(cellWidth+sheetGap), sheetGap+rows*(high+sheetGap)))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(color.RGBA{22, 24, 28, 255}), image.Point{}, draw.Src)
	for i, d := range list {
		at := image.Pt(sheetGap+i%columns*(cellWidth+sheetGap), sheetGap+i/columns*(high+sheetGap))
		if d.picture != nil {
			b := d.picture.Bounds()
			r := image.Rect(0, 0, min(b.Dx(), cellWidth), min(b.Dy(), cellHeight+14)).Add(at)
			checker(sheet, r)
			draw.Draw(sheet, r, d.picture, b.Min, draw.Over)
		}
		for n, line := range lines(face, d.text, cellWidth) {
			write(sheet, face, at.X, at.Y+high-24+18*n, color.RGBA{235, 236, 238, 255}, line)
		}
	}
	return sheet, nil
}

// lines breaks a transform behind a comma, where it is wider than there is room.
func lines(face font.Face, text string, width int) []string {
	for end := len(text); end > 0; end = strings.LastIndex(text[:end-1], ",") + 1 {
		if font.MeasureString(face, text[:end]).Ceil() <= width {
			if end == len(text) {
				return []string{text}
			}
			return append([]string{text[:end]}, lines(face, text[end:], width)...)
		}
	}
	return []string{text}
}

// checker draws the squares that stand for nothing.
func checker(on draw.Image, r image.Rectangle) {
	const side = 8
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			level := uint8(70)
			if ((x-r.Min.X)/side+(y-r.Min.Y)/side)%2 == 1 {
				level = 110
			}
			on.Set(x, y, color.RGBA{level, level, level, 255})
		}
	}
}
