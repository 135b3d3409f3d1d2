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
)

// operations are what the sheet of them shows, each drawn into a box of
// 280 x 210 pixels. ID is that of the picture, which is its own watermark.
var operations = []string{
	"w=280", "w=280,linear=1", "trim=120,w=280,h=210", "crop=0.45:0.2:0.4:0.4,w=280", "w=210,h=210,fit=cover", "w=120,h=210,fit=cover,pos=left",
	"w=120,h=210,fit=cover,pos=attention", "w=120,h=210,fit=cover,pos=entropy", "w=280,h=140,fit=fill", "w=200,h=200,fit=pad,bg=224466", "w=150,rot=90", "w=220,rot=15",
	"w=280,flip=h", "w=280,flip=v", "w=280,blur=4", "w=280,sharpen=1.5", "w=280,pixelate=14",
	"w=280,brightness=1.3", "w=280,contrast=1.5", "w=280,saturation=1.8", "w=280,hue=120", "w=280,gray=1", "w=280,tint=b06030",
	"w=250,pad=10,bg=ffffff", "w=260,border=8:e0b040", "w=264,radius=40,border=8:e0b040", "w=210,h=210,fit=cover,radius=max", "w=140,dpr=2,blur=1,radius=12",
	"crop=0.5:0.3:0.05:0.05,w=280,fit=contain,up=1", "w=280,wm=ID:bottom-right:0.3", "w=280,wm=ID:center:0.25:0.4:1", "w=280,palette=8",
}

const (
	cellWidth, cellHeight = 280, 210
	cellText              = 40
	columns               = 6
)

// drawing is an operation and what came of it.
type drawing struct {
	text    string
	picture image.Image
}

// drawOperations has an image that is there rendered in every way.
func drawOperations(ctx context.Context, c client, id string) ([]drawing, error) {
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
		write(sheet, face, at.X, at.Y+high-6, color.RGBA{235, 236, 238, 255}, d.text)
	}
	return sheet, nil
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
