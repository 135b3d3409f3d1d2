package engine

import (
	"context"
	"image"
)

// trim returns what is left of the upright page without its borders: rows and
// columns at the edge all of whose pixels are within the threshold of the upright
// page's top left corner. It is judged by the page in its full size. Of an
// animation what any frame shows stays, and a page that is all border is left
// whole.
func (a *arrangement) trim(ctx context.Context, threshold int, p page) (image.Rectangle, error) {
	frames, err := a.whole(ctx, p)
	if err != nil {
		return image.Rectangle{}, err
	}
	corner := a.src.sensor(image.Rect(0, 0, 1, 1)).Min
	var content image.Rectangle
	for _, f := range frames {
		if err := context.Cause(ctx); err != nil {
			return image.Rectangle{}, err
		}
		samples, err := f.samples()
		if err != nil {
			return image.Rectangle{}, ours("trim", err)
		}
		px := raster{samples, f.width(), f.height(), f.bands(), f.alpha()}
		content = content.Union(px.content(corner, threshold))
	}
	if content.Empty() {
		content = image.Rect(0, 0, a.src.width, a.src.height)
	}
	return a.src.fromSensor(content), nil
}

// content is the smallest rectangle that holds all pixels which are further than
// the threshold from that at the corner.
func (r raster) content(corner image.Point, threshold int) image.Rectangle {
	ground := r.at(corner.X, corner.Y)
	differs := func(x, y int) bool { return r.distance(ground, r.at(x, y)) > threshold }
	left, right, top, bottom := r.w, 0, r.h, 0
	for y := range r.h {
		first := 0
		for first < r.w && !differs(first, y) {
			first++
		}
		if first == r.w {
			continue
		}
		last := r.w - 1
		for last >= right && !differs(last, y) {
			last--
		}
		left, right = min(left, first), max(right, last+1)
		top, bottom = min(top, y), y+1
	}
	return image.Rectangle{Min: image.Pt(left, top), Max: image.Pt(right, bottom)}
}

// distance is how much two pixels differ in the channel in which they differ most.
// What cannot be seen has no colour.
func (r raster) distance(p, q []byte) int {
	most, colours := 0, r.bands
	pa, qa := 255, 255
	if r.alpha {
		colours--
		pa, qa = int(p[colours]), int(q[colours])
		most = max(pa-qa, qa-pa)
	}
	for i := range colours {
		d := (int(p[i])*pa - int(q[i])*qa) / 255
		most = max(most, d, -d)
	}
	return most
}
