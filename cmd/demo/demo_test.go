package main

import (
	"context"
	"encoding/base64"
	"errors"
	"image"
	"image/color"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/image/draw"
)

// onePixel is a WebP of 1x1.
var onePixel, _ = base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")

func serveWebP(t *testing.T, contentType string) client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(onePixel)
	}))
	t.Cleanup(s.Close)
	return client{base: s.URL}
}

func TestAVariantIsHeldAgainstItsRecord(t *testing.T) {
	good := variant{Name: "thumbnail", State: "ready", ContentType: "image/webp", Bytes: int64(len(onePixel)), Width: 1, Height: 1}
	with := func(change func(*variant)) *variant { v := good; change(&v); return &v }
	for name, c := range map[string]struct {
		variant *variant
		sent    string
		side    int
		want    string // in the complaint
	}{
		"as promised":      {with(func(*variant) {}), "image/webp", 1, ""},
		"missing":          {nil, "image/webp", 1, "no such variant"},
		"not ready":        {with(func(v *variant) { v.State = "pending" }), "image/webp", 1, "pending"},
		"of another type":  {with(func(*variant) {}), "image/png", 1, "image/png"},
		"cut off":          {with(func(v *variant) { v.Bytes++ }), "image/webp", 1, "bytes arrived"},
		"of another size":  {with(func(v *variant) { v.Width = 2 }), "image/webp", 1, "recorded"},
		"not scaled right": {with(func(*variant) {}), "image/webp", 150, "longest side"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveWebP(t, c.sent)
			if c.variant != nil {
				c.variant.URL = s.base
			}
			l := s.look(t.Context(), c.variant, "thumbnail", c.side)
			if c.want == "" && l.err != nil || c.want != "" && (l.err == nil || !strings.Contains(l.err.Error(), c.want)) {
				t.Errorf("the complaint is %v, want one that says %q", l.err, c.want)
			}
		})
	}
}

func TestTheStoryComplainsOfEveryVariant(t *testing.T) {
	s := story{image: picture{State: "partial"}, looks: []look{
		{variant: variant{Name: "large"}}, {variant: variant{Name: "medium"}, err: errors.New("it is failed")},
	}}
	err := s.complaint()
	if err == nil || !strings.Contains(err.Error(), "partial") || !strings.Contains(err.Error(), "medium: it is failed") || strings.Contains(err.Error(), "large") {
		t.Errorf("the complaint is %v, want the state and medium", err)
	}
	if err := (story{image: picture{State: "ready"}}).complaint(); err != nil {
		t.Errorf("a good story complains: %v", err)
	}
}

func TestTheTableHasARowForEveryVariant(t *testing.T) {
	var out strings.Builder
	printStory(&out, story{
		thumbnail: 123 * time.Millisecond, image: picture{Bytes: 2_000_000, Width: 4032, Height: 3024},
		looks: []look{
			{variant: variant{Name: "thumbnail", State: "ready", Width: 150, Height: 113, Bytes: 4100, URL: "http://x/t"}},
			{variant: variant{Name: "medium", State: "failed"}, err: errors.New("it is failed: too hot")},
		},
	})
	for _, want := range []string{"123ms", "4032x3024", "2.0 MB", "150x113", "4.1 kB", "99.8 %", "http://x/t", "too hot"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &out)
		}
	}
}

func TestTheSheetShowsEveryPicture(t *testing.T) {
	red := color.RGBA{200, 30, 30, 255}
	m := image.NewRGBA(image.Rect(0, 0, 40, 30))
	draw.Draw(m, m.Bounds(), image.NewUniform(red), image.Point{}, draw.Src)
	sheet, err := layOut([]look{{variant: variant{Name: "a"}, picture: m}, {variant: variant{Name: "b"}}, {variant: variant{Name: "c"}, picture: m}})
	if err != nil {
		t.Fatal(err)
	}
	center := func(i int) color.RGBA {
		x := sheetGap
		for _, w := range shownWidths[:i] {
			x += w + sheetGap
		}
		return sheet.RGBAAt(x+shownWidths[i]/2, sheetGap+tallest-10)
	}
	if center(0) != red || center(2) != red || center(1) == red {
		t.Errorf("the sheet shows %v, %v, %v; want the first and the last red", center(0), center(1), center(2))
	}
}

func TestTheSheetOfOperationsShowsEachInItsPlace(t *testing.T) {
	red := color.RGBA{200, 30, 30, 255}
	m := image.NewRGBA(image.Rect(0, 0, 100, 80))
	draw.Draw(m, image.Rect(0, 0, 50, 80), image.NewUniform(red), image.Point{}, draw.Src)
	list := make([]drawing, columns+1)
	list[columns] = drawing{"w=100", m}
	sheet, err := layOutOperations(list)
	if err != nil {
		t.Fatal(err)
	}
	x, y := sheetGap, 2*sheetGap+cellHeight+cellText
	if got := sheet.RGBAAt(x+10, y+10); got != red {
		t.Errorf("in the second row is %v, want red", got)
	}
	if a, b := sheet.RGBAAt(x+81, y+1), sheet.RGBAAt(x+89, y+1); a == b || a.A != 255 {
		t.Errorf("where nothing was drawn is %v and %v, want the squares of a chequer", a, b)
	}
}

func TestALongTransformIsBrokenBehindAComma(t *testing.T) {
	face, err := typeface(15)
	if err != nil {
		t.Fatal(err)
	}
	const long = "crop=0.5:0.3:0.05:0.05,w=280,fit=contain,up=1"
	if got, want := lines(face, long, cellWidth), []string{"crop=0.5:0.3:0.05:0.05,w=280,", "fit=contain,up=1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, text := range []string{"", "w=280", strings.Repeat("w", 100)} {
		if got := lines(face, text, cellWidth); len(got) != 1 || got[0] != text {
			t.Errorf("%q became %q, want it in one line", text, got)
		}
	}
}

func TestATakenAddressIsReplaced(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	got, err := freeAddress(t.Context(), taken)
	if err != nil || got == taken || !strings.HasPrefix(got, "127.0.0.1:") {
		t.Errorf("freeAddress(%s) = %s, %v; want another port of the same host", taken, got, err)
	}
}
