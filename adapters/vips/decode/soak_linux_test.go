//go:build !race

// The memory it weighs would be the race detector's.

package decode_test

import (
	"context"
	"fmt"
	"image"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"imgd/adapters/vips"
	lake "imgd/e2e/scene"
)

const (
	mostIdle  = 120 << 20 // that a decoder holds while it waits
	mostCreep = 10 << 10  // that it holds more after each image, in the second half
)

// I7: a decoder that is never replaced does not grow. IMGD_TEST_SOAK=1000 is the number
// of images of the long form: it takes some minutes and has a control.
func TestADecoderDoesNotGrow(t *testing.T) {
	n, long := 40, false
	if text := os.Getenv("IMGD_TEST_SOAK"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("IMGD_TEST_SOAK is %q, want a number of images", text)
		}
		long = true
	}
	idle, creep := soak(t, n, "auto")
	t.Logf("after %d images a decoder holds %d MiB, and with each of the second half %.1f KiB more", n, idle>>20, creep/1024)
	if idle > mostIdle {
		t.Errorf("after %d images a decoder holds %d MiB, want at most %d", n, idle>>20, mostIdle>>20)
	}
	if !long {
		return // a slope of a few images is noise
	}
	if creep > mostCreep {
		t.Errorf("with each image a decoder holds %.1f KiB more, want at most %d", creep/1024, mostCreep>>10)
	}
	idle, creep = soak(t, n, "off")
	t.Logf("with the C library's allocator it holds %d MiB, and %.1f KiB more", idle>>20, creep/1024)
	if idle <= mostIdle && creep <= mostCreep {
		t.Error("the control, with the C library's allocator, holds no more than is allowed: that ours does not proves nothing")
	}
}

// soak gives one decoder n pictures of many kinds. idle is what it then holds, creep
// by how many bytes that grew with each of the second half.
func soak(t *testing.T, n int, malloc string) (idle int64, creep float64) {
	t.Helper()
	p := open(t, func(c *vips.Config) {
		c.Malloc, c.RecycleAfter, c.IdleBytes, c.MaxIdle = malloc, 1<<30, 1<<40, time.Hour
	})
	waits(t, "both are there", func() bool { return p.Stats().Idle == 2 })
	sources := mixture(t, p)
	wishes := [][]string{
		{"w=4096,h=4096,fmt=webp", "w=1200,h=1200,fmt=webp", "w=600,h=600,fmt=webp", "w=150,h=150,fmt=webp"},
		{"w=1600,fmt=jpeg", "w=300,h=300,fit=cover,pos=attention,fmt=png"},
		{"w=700,fmt=webp", "w=300,fmt=avif", "anim=1,w=200,fmt=gif"},
		{"rot=90,w=900,fmt=tiff", "blur=4,w=500,fmt=png", "trim=10,w=500,fmt=jpeg"},
	}
	const every = 10
	var at, held []float64
	for i := range n {
		if _, err := render(t.Context(), t, p, sources[i%len(sources)], wishes[(i+i/len(sources))%len(wishes)]...); err != nil {
			t.Fatalf("picture %d: %v", i, err)
		}
		if i%every == every-1 {
			time.Sleep(700 * time.Millisecond) // longer than the allocator keeps what is free
			idle = largest(t)
			at, held = append(at, float64(i)), append(held, float64(idle))
		}
	}
	if r := p.Stats().Restarts; r != (vips.Restarts{}) {
		t.Errorf("restarts: got %+v, want none: it would not be one decoder", r)
	}
	return idle, growth(at[len(at)/2:], held[len(held)/2:])
}

// largest is what the decoder that holds the most has in memory.
func largest(t *testing.T) (most int64) {
	t.Helper()
	for _, pid := range children(t) {
		text, _ := os.ReadFile("/proc/" + pid + "/statm")
		var size, pages int64
		if n, _ := fmt.Sscan(string(text), &size, &pages); n == 2 {
			most = max(most, pages*int64(os.Getpagesize()))
		}
	}
	if most == 0 {
		t.Fatal("no decoder was found")
	}
	return most
}

// growth is that of the straight line with the least squares.
func growth(x, y []float64) float64 {
	var mx, my, up, down float64
	for i := range x {
		mx, my = mx+x[i]/float64(len(x)), my+y[i]/float64(len(y))
	}
	for i := range x {
		up, down = up+(x[i]-mx)*(y[i]-my), down+(x[i]-mx)*(x[i]-mx)
	}
	return up / max(down, 1)
}

// mixture is pictures of many sizes in every format that is written.
func mixture(t *testing.T, p *vips.Pool) (files [][]byte) {
	t.Helper()
	for _, side := range []int{64, 300, 800, 1200, 2400} {
		b, err := lake.JPEG(side, side*3/4)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b)
	}
	files = append(files, encoded(t, lake.Draw(900, 700), "png"), encoded(t, image.NewGray(image.Rect(0, 0, 2000, 1500)), "png"), moving(t))
	for _, format := range p.Capabilities().Write {
		if strings.HasPrefix(format, "jxl") {
			continue // it is not read
		}
		all, err := render(context.WithoutCancel(t.Context()), t, p, files[3], "w=1000,fmt="+format)
		if err != nil || len(all) != 1 || all[0].Err != nil {
			t.Fatalf("writing %s: got %d outputs, %v", format, len(all), err)
		}
		files = append(files, all[0].body)
	}
	return files
}
