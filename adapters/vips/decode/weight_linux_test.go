//go:build !race

// The memory of the race detector is not predicted, so that these run without it.

package decode_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"imgd/adapters/vips"
	"imgd/adapters/vips/weight"
	"imgd/core"
	"imgd/core/transform"
)

// private is the memory that a process has for itself, in bytes.
func private(pid string) int64 {
	text, err := os.ReadFile("/proc/" + pid + "/statm")
	if err != nil {
		return 0 // it has ended
	}
	var size, resident, shared int64
	if n, _ := fmt.Sscan(string(text), &size, &resident, &shared); n != 3 {
		return 0
	}
	return (resident - shared) * int64(os.Getpagesize())
}

// watch returns what ends it and tells the most that any of the processes had.
func watch(pids []string) (end func() int64) {
	var most int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			for _, pid := range pids {
				most = max(most, private(pid))
			}
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() int64 { close(stop); <-done; return most }
}

// What a render is predicted to take is more than it takes.
func TestWhatIsPredictedIsEnough(t *testing.T) {
	photo := encoded(t, slope(3000, 2000), "jpeg")
	again := func(text string) []byte {
		all, err := render(t.Context(), t, open(t, nil), photo, text)
		if err != nil || len(all) != 1 || all[0].Err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return all[0].body
	}
	preset := []string{"w=150,h=150,fit=scale-down", "w=600,h=600,fit=scale-down", "w=1200,h=1200,fit=scale-down", "w=4096,h=4096,fit=scale-down"}
	for name, c := range map[string]struct {
		source []byte
		specs  []string
	}{
		"the default preset":     {photo, preset},
		"a progressive JPEG":     {again("fmt=jpeg,progressive=1"), preset},
		"an interlaced PNG":      {again("fmt=png,progressive=1"), []string{"w=150"}},
		"an AVIF":                {photo, []string{"w=1500,fmt=avif"}},
		"from an AVIF":           {again("fmt=avif,effort=0"), []string{"fmt=png"}},
		"parts, turns and paint": {photo, []string{"trim=10,w=1000", "crop=100:100:1000:1000,blur=3", "w=1000,rot=30", "linear=1,w=1500"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := open(t, nil)
			waits(t, "both are there", func() bool { return p.Stats().Idle == 2 })
			had, predicted := weighed(t, p, c.source, c.specs)
			t.Logf("it had %d MiB, of the predicted %d", had>>20, predicted>>20)
			if had == 0 || had > predicted {
				t.Errorf("it had %d bytes, and was predicted to take %d at most", had, predicted)
			}
		})
	}
}

// What is not refused for want of memory is made within it, and what is refused is told
// how large it may be.
func TestWhatIsTakenInFitsIntoADecoder(t *testing.T) {
	preset := []string{"w=150,h=150,fit=scale-down", "w=600,h=600,fit=scale-down", "w=1200,h=1200,fit=scale-down", "w=4096,h=4096,fit=scale-down"}
	large := open(t, nil)
	small := open(t, func(c *vips.Config) { c.Limits.MemoryBytes = 192 << 20 })
	refused := 0
	for _, c := range []struct {
		side  int
		clear bool
		text  string
	}{
		{1000, true, "fmt=png,progressive=1,effort=0"},
		{1800, true, "fmt=png,effort=0"},
		{2400, true, "fmt=png,progressive=1,effort=0"},
		{4000, true, "fmt=png,progressive=1,effort=0"},
		{3000, false, "fmt=png,progressive=1,effort=0"},
		{3600, false, "fmt=jpeg,progressive=1"},
		{3000, false, "fmt=webp,effort=0"},
		{1600, false, "fmt=webp,effort=0"},
	} {
		picture := slope(c.side, c.side)
		for at := 3; c.clear && at < len(picture.Pix); at += 1004 {
			picture.Pix[at] = byte(at)
		}
		made, err := render(t.Context(), t, large, encoded(t, picture, "png"), c.text)
		if err != nil {
			t.Fatal(err)
		}
		probe, fits := looked(t, small, made[0].body, preset)
		all, err := render(t.Context(), t, small, made[0].body, preset...)
		for _, o := range all {
			err = errors.Join(err, o.Err)
		}
		t.Logf("%d, transparent: %t, %s: %d MiB are needed, it ended with %v", c.side, c.clear, c.text, weight.Hold(probe, listed(t, preset))>>20, err)
		if fits == nil {
			if err != nil {
				t.Errorf("%d, transparent: %t, %s was taken in, and then: %v", c.side, c.clear, c.text, err)
			}
			continue
		}
		refused++
		e, ok := errors.AsType[*core.Error](fits)
		if !ok || e.Slug != core.ImageTooComplex || e.Facts["setting"] != "IMGD_DECODER_MEMORY" {
			t.Fatalf("it is refused with %v, want image-too-complex and the setting", fits)
		}
		if core.KindOf(err) == core.Internal {
			t.Errorf("want of memory is told as %v", err)
		}
		side, _ := e.Facts["fits_width"].(int64)
		share := float64(side) / float64(probe.Width)
		probe.Width, probe.Height, probe.MemoryBytes = side, side, int64(float64(probe.MemoryBytes)*share*share)
		if side == 0 || side >= int64(c.side) || small.Fits(probe, listed(t, preset)) != nil {
			t.Errorf("of %d pixels a side %d are said to fit, and do not", c.side, side)
		}
	}
	if refused == 0 {
		t.Error("nothing was refused: this test sees nothing")
	}
}

// looked is what is said of a file before it is taken in.
func looked(t *testing.T, p *vips.Pool, source []byte, specs []string) (core.Probe, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "original")
	if err := os.WriteFile(name, source, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	probe, err := p.Probe(t.Context(), f, int64(len(source)))
	if err != nil {
		t.Fatal(err)
	}
	return probe, p.Fits(probe, listed(t, specs))
}

func listed(t *testing.T, specs []string) (list []transform.Variant) {
	t.Helper()
	for _, text := range specs {
		spec, err := transform.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, transform.Variant{Spec: spec})
	}
	return list
}

// weighed renders and returns the memory that the decoder had, and the prediction.
func weighed(t *testing.T, p *vips.Pool, source []byte, specs []string) (had, predicted int64) {
	t.Helper()
	probe, _ := looked(t, p, source, specs)
	seen := watch(children(t))
	_, err := render(t.Context(), t, p, source, specs...)
	had = seen()
	if err != nil {
		t.Fatal(err)
	}
	return had, weight.Render(probe, listed(t, specs))
}
