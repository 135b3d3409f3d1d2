//go:build !race

// The memory of the race detector is not predicted, so that these run without it.

package decode_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"imgd/adapters/vips"
	"imgd/adapters/vips/weight"
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

// weighed renders and returns the memory that the decoder had, and the prediction.
func weighed(t *testing.T, p *vips.Pool, source []byte, specs []string) (had, predicted int64) {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(source); err != nil {
		t.Fatal(err)
	}
	probe, err := p.Probe(t.Context(), f, int64(len(source)))
	if err != nil {
		t.Fatal(err)
	}
	var list []transform.Variant
	for _, text := range specs {
		spec, err := transform.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, transform.Variant{Spec: spec})
	}
	seen := watch(children(t))
	_, err = render(t.Context(), t, p, source, specs...)
	had = seen()
	if err != nil {
		t.Fatal(err)
	}
	return had, weight.Render(probe, list)
}
