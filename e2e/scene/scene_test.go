package scene_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"

	"imgd/e2e/scene"
)

// mean is the average colour of a part of the picture, given in percent.
func mean(m *image.RGBA, x0, y0, x1, y1 int) (r, g, b int) {
	n := 0
	size := m.Bounds().Size()
	for y := y0 * size.Y / 100; y < y1*size.Y/100; y++ {
		for x := x0 * size.X / 100; x < x1*size.X/100; x++ {
			c := m.RGBAAt(x, y)
			r, g, b, n = r+int(c.R), g+int(c.G), b+int(c.B), n+1
		}
	}
	return r / n, g / n, b / n
}

func TestTheSceneIsALakeUnderAnEveningSky(t *testing.T) {
	m := scene.Draw(640, 480)
	if r, _, b := mean(m, 5, 0, 30, 8); b < r+30 {
		t.Errorf("the sky overhead has red %d and blue %d, want it blue", r, b)
	}
	if r, g, b := mean(m, 61, 31, 65, 34); r < 200 || g < 180 || b < 140 {
		t.Errorf("the sun is %d, %d, %d, want it bright", r, g, b)
	}
	if r, g, b := mean(m, 0, 96, 100, 100); r+g+b > 3*80 || g < b {
		t.Errorf("the bank is %d, %d, %d, want it dark and green", r, g, b)
	}
}

func TestTheSceneIsTheSameEveryTime(t *testing.T) {
	if a, b := scene.Draw(320, 200), scene.Draw(320, 200); !bytes.Equal(a.Pix, b.Pix) {
		t.Error("two drawings of one size differ")
	}
}

func TestTheSceneHasEverySize(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {7, 300}, {300, 7}, {90, 160}} {
		m := scene.Draw(size.X, size.Y)
		if m.Bounds().Size() != size {
			t.Errorf("the drawing is %v, want %v", m.Bounds().Size(), size)
		}
		for i := 3; i < len(m.Pix); i += 4 {
			if m.Pix[i] != 255 {
				t.Fatalf("at %v a pixel was left unpainted", size)
			}
		}
	}
}

func TestTheJPEGIsNotTrivialToCompress(t *testing.T) {
	b, err := scene.JPEG(640, 480)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := jpeg.Decode(bytes.NewReader(b)); err != nil || m.Bounds().Size() != (image.Point{640, 480}) {
		t.Errorf("the JPEG decodes to %v, %v", m.Bounds(), err)
	}
	if len(b) < 640*480/10 {
		t.Errorf("the JPEG has %d bytes, want the detail and grain of a photograph: at least %d", len(b), 640*480/10)
	}
}

// exif checks that the segment is the first one, and returns the TIFF in it and
// the JPEG without it.
func exif(t *testing.T, b []byte) (tiff, rest []byte) {
	t.Helper()
	if !bytes.HasPrefix(b, []byte("\xff\xd8\xff\xe1")) || !bytes.Equal(b[6:12], []byte("Exif\x00\x00")) {
		t.Fatalf("the file begins %x, want an EXIF segment first", b[:12])
	}
	end := 4 + int(b[4])<<8 + int(b[5])
	return b[12:end], append([]byte("\xff\xd8"), b[end:]...)
}

func TestAnOrientationIsPutIn(t *testing.T) {
	plain, err := scene.JPEG(32, 24)
	if err != nil {
		t.Fatal(err)
	}
	tiff, rest := exif(t, scene.WithOrientation(plain, 6))
	want := []byte("MM\x00*\x00\x00\x00\x08" + "\x00\x01" + "\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00" + "\x00\x00\x00\x00")
	if !bytes.Equal(tiff, want) {
		t.Errorf("the TIFF is %x, want %x", tiff, want)
	}
	if !bytes.Equal(rest, plain) {
		t.Error("the rest of the file has changed")
	}
}

func TestAPlaceAndAMarkerArePutIn(t *testing.T) {
	plain, err := scene.JPEG(32, 24)
	if err != nil {
		t.Fatal(err)
	}
	tiff, rest := exif(t, scene.WithGPS(plain, "at home"))
	if !bytes.Equal(rest, plain) {
		t.Error("the rest of the file has changed")
	}
	value := func(at, n int) []byte { return tiff[at : at+n] }
	place := func(at int) int {
		return int(tiff[at])<<24 | int(tiff[at+1])<<16 | int(tiff[at+2])<<8 | int(tiff[at+3])
	}
	if got := value(place(8+2+8), 8); string(got) != "at home\x00" {
		t.Errorf("the description is %q, want the marker", got)
	}
	gps := place(8 + 2 + 12 + 8)
	if n := int(tiff[gps])<<8 | int(tiff[gps+1]); n != 4 {
		t.Fatalf("the GPS directory has %d entries, want 4", n)
	}
	if got, want := value(place(gps+2+12+8), 24), "\x00\x00\x00\x2f\x00\x00\x00\x01\x00\x00\x00\x1e\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01"; string(got) != want {
		t.Errorf("the latitude is %x, want %x", got, want)
	}
}
