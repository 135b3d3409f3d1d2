package structure

import (
	"bytes"
	"errors"
	"testing"

	"imgd/core"
)

func TestAFormatWithoutAWalkerIsRefused(t *testing.T) {
	refused(t, "bmp", []byte("BM"), core.UnsupportedMediaType)
}

func TestLimitsAreTheCallers(t *testing.T) {
	data := jpegFile(t, 40, 30)
	for name, c := range map[string]struct {
		limits Limits
		want   core.Slug
	}{
		"none set":        {Limits{}, ""},
		"just enough":     {Limits{MaxSide: 40, MaxPixels: 1200}, ""},
		"a side less":     {Limits{MaxSide: 39}, core.ImageTooLarge},
		"a pixel less":    {Limits{MaxPixels: 1199}, core.ImageTooLarge},
		"hardly segments": {Limits{Segments: 1}, core.ImageTooComplex},
	} {
		_, err := Walk(JPEG, bytes.NewReader(data), int64(len(data)), c.limits)
		if got := core.SlugOf(err); got != c.want {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestATruncatedFileStillHasAnOutline(t *testing.T) {
	data := jpegFile(t, 40, 30)
	o, err := walk(t, JPEG, data[:len(data)-2])
	if core.SlugOf(err) != core.ImageTruncated || o.Width != 40 || o.Height != 30 || o.Scans != 1 {
		t.Errorf("got %+v and %v, want it truncated, 40 x 30, one scan", o, err)
	}
}

func TestAFileShorterThanItsStatedSizeIsTruncated(t *testing.T) {
	for f, data := range sound(t) {
		_, err := Walk(f, bytes.NewReader(data[:10]), int64(len(data)), Limits{})
		if core.SlugOf(err) != core.ImageTruncated && core.SlugOf(err) != core.ImageUndecodable {
			t.Errorf("10 bytes of a %s: got %v, want it truncated or undecodable", f, err)
		}
	}
}

func TestAFailingDiskIsNotTheCallersFault(t *testing.T) {
	unplugged := errors.New("disk unplugged")
	for f, data := range sound(t) {
		_, err := Walk(f, brokenDisk{unplugged}, int64(len(data)), Limits{})
		if !errors.Is(err, unplugged) || core.KindOf(err) != core.Internal {
			t.Errorf("%s: got %v of kind %s, want the disk's error and Internal", f, err, core.KindOf(err))
		}
	}
}

type brokenDisk struct{ err error }

func (d brokenDisk) ReadAt([]byte, int64) (int, error) { return 0, d.err }

// sound is one whole file of every format that has a walker.
func sound(t testing.TB) map[Format][]byte {
	return map[Format][]byte{
		JPEG: jpegFile(t, 40, 30),
		PNG:  pngFile(t, picture(40, 30)),
		GIF:  gifFile(t, 40, 30, 2),
		WebP: riff(vp8x(0x02, 30, 20), anmf(0, 0, 30, 20, vp8(30, 20))),
		TIFF: tiffFile(40, 30),
		AVIF: heifFile(40, 30, 1),
		HEIC: heifFile(40, 30, 1),
		SVG:  svgFile(40, 30),
		PDF:  pdfFile(),
	}
}
