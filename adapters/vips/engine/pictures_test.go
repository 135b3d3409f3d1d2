package engine

import (
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"imgd/core"
	"imgd/e2e/scene"
)

// The same tables over pictures of the world: one that is drawn, and the files of a
// folder, IMGD_TEST_CORPUS. What is at which point of them nobody knows: the mean colours of the quarters are held against those of the
// picture as it is, where all of it is in the result.
func TestEveryOperationOfPicturesOfTheWorld(t *testing.T) {
	files := pictures(t)
	under(t, func(o *Options) {
		o.Formats = readable
		o.Limits = core.Limits{Pixels: 268e6, Side: 65500, Frames: 100, MemoryBytes: 1 << 30}
		o.FirstFrame = true
	})
	for name, data := range files {
		p, err := Probe(data)
		if err != nil {
			t.Logf("%s is refused: %v", name, err)
			continue
		}
		t.Run(name, func(t *testing.T) {
			if !mayBeDrawn(t, data) {
				return
			}
			operatedAsPredicted(t, data)
			encodedAsAsked(t, data, p)
		})
	}
}

// pictures are a scene and what is in the folder, if one is named.
func pictures(t *testing.T) map[string][]byte {
	t.Helper()
	drawn, err := scene.JPEG(640, 480)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"drawn.jpg": drawn}
	dir := os.Getenv("IMGD_TEST_CORPUS")
	if dir == "" {
		return files
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("IMGD_TEST_CORPUS has no files: %v", err)
	}
	for _, name := range names {
		if files[filepath.Base(name)], err = os.ReadFile(name); err != nil { // #nosec G304 -- of the folder that was named
			t.Fatal(err)
		}
	}
	return files
}

// mayBeDrawn reports whether a file is whole; if it is not that is said of all of it.
func mayBeDrawn(t *testing.T, data []byte) bool {
	t.Helper()
	_, _, err := attempt(t.Context(), data, variants(t, "w=20"))
	if err != nil && core.KindOf(err) != core.Undecodable {
		t.Errorf("it is neither drawn nor undecodable: %v", err)
	}
	if err != nil {
		t.Logf("it is refused: %v", err)
	}
	return err == nil
}

func operatedAsPredicted(t *testing.T, data []byte) {
	t.Helper()
	const size = "w=300,h=300"
	results := operated(t, data, size)
	whole := means(see(t, results[""].Body))
	for _, op := range operations {
		o := results[op.text]
		w, h, refused := predicted(t, data, op.text, size)
		if (o.Err != nil) != (refused != nil) || o.Err != nil && core.KindOf(o.Err) == core.Internal {
			t.Errorf("%s: got %v, predicted was %v", op.text, o.Err, refused)
			continue
		}
		if o.Err == nil && (o.Width != int64(w) || o.Height != int64(h)) {
			t.Errorf("%s: %d x %d, predicted was %d x %d", op.text, o.Width, o.Height, w, h)
			continue
		}
		letters := strings.ReplaceAll(op.corners, "/", "")
		permuted := []byte(letters)
		slices.Sort(permuted)
		changed := strings.Contains(op.text, "cover") || strings.Contains(op.text, "page") || strings.Contains(op.text, "blur") ||
			strings.Contains(op.text, "pixelate") || strings.Contains(op.text, "sharpen") || strings.Contains(op.text, "linear") || strings.Contains(op.text, "bg=")
		if o.Err != nil || op.law != nil || string(permuted) != "abcd" || changed || o.Width < 16 || o.Height < 16 {
			continue
		}
		for i, m := range means(see(t, o.Body)) {
			if want := whole[letters[i]-'a']; m.alpha > 0.1 && deltaE(m.lab, want.lab) > mostDelta {
				t.Errorf("%s: quarter %d is %.1f away from what it should be", op.text, i, deltaE(m.lab, want.lab))
			}
		}
	}
}

// predicted is the size of a result, without drawing it.
func predicted(t *testing.T, data []byte, text, size string) (w, h int, err error) {
	t.Helper()
	if !strings.Contains(text, "w=") && !strings.Contains(text, "h=") {
		text = strings.TrimPrefix(text+","+size, ",")
	}
	src, err := open(data, false)
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	return sized(t.Context(), src, variant(t, "one", text+",fmt=png"))
}

// average is the mean of a quarter, of what of it can be seen.
type average struct {
	lab   lab
	alpha float64
}

func means(s seen) (list [4]average) {
	h := s.h / s.frames()
	for i := range list {
		var sum [4]float64
		n := 0.0
		for y := i / 2 * h / 2; y < (i/2+1)*h/2; y++ {
			for x := i % 2 * s.w / 2; x < (i%2+1)*s.w/2; x++ {
				c := s.at(x, y)
				a := float64(c.A) / 255
				sum[0], sum[1], sum[2], sum[3], n = sum[0]+a*float64(c.R), sum[1]+a*float64(c.G), sum[2]+a*float64(c.B), sum[3]+a, n+1
			}
		}
		if sum[3] == 0 {
			continue
		}
		level := func(v float64) uint8 { return uint8(math.Round(v / sum[3])) }
		list[i] = average{asLab(color.NRGBA{level(sum[0]), level(sum[1]), level(sum[2]), 255}), sum[3] / n}
	}
	return list
}

func encodedAsAsked(t *testing.T, data []byte, p core.Probe) {
	t.Helper()
	const size = "w=300,h=300,"
	want := means(see(t, one(t, data, size+"fmt=png,bg=ffffff").Body))
	for _, e := range encodings {
		o := one(t, data, size+e.text)
		q, err := Probe(o.Body)
		if err != nil || e.format != "" && q.Format != e.format {
			t.Errorf("%s: Probe says %s, %v", e.text, q.Format, err)
			continue
		}
		moves := e.moves && p.Animated
		if q.Width != o.Width || q.Height != o.Height || q.Pages > 1 && !moves {
			t.Errorf("%s is %d x %d in %d pages, and called %d x %d", e.text, q.Width, q.Height, q.Pages, o.Width, o.Height)
		}
		if !e.profile {
			e.mustCarry(t, o, false)
		}
		if q.Width < 16 || q.Height < 16 || e.most > 0 || strings.Contains(e.text, "palette") || e.format == "gif" {
			continue // few colours are not those of the picture
		}
		got := see(t, one(t, o.Body, "anim=0,fmt=png,bg=ffffff").Body)
		for i, m := range means(got) {
			if d := deltaE(m.lab, want[i].lab); d > mostDelta {
				t.Errorf("%s: quarter %d is %.1f away from what was drawn", e.text, i, d)
			}
		}
	}
}
