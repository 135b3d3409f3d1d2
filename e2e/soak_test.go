package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// What all processes of a node may hold together, in bytes.
const (
	mostBusy = 400e6 // two photographs of 12 MP at once
	mostIdle = 250e6 // some seconds after the last of many images
)

// I7, of the whole service with two decoders. IMGD_TEST_SOAK=1000 is the number of
// images of the long form, which has a control.
func TestAllProcessesTogetherHoldLittle(t *testing.T) {
	n, long := 28, false
	if text := os.Getenv("IMGD_TEST_SOAK"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("IMGD_TEST_SOAK is %q, want a number of images", text)
		}
		long = true
	}
	busy, idle := kept(t, n)
	t.Logf("two photographs at once: %v", busy)
	t.Logf("idle after %d images: %v", n, idle)
	if busy.Sum > mostBusy {
		t.Errorf("with two photographs at once %d MB were held, want at most %d", busy.Sum/1e6, int(mostBusy/1e6))
	}
	if idle.Sum > mostIdle {
		t.Errorf("after %d images %d MB are held, want at most %d", n, idle.Sum/1e6, int(mostIdle/1e6))
	}
	if !long {
		return
	}
	busy, idle = kept(t, n, "IMGD_DECODER_MALLOC=off", "IMGD_DECODER_RSS=4GiB")
	t.Logf("with the C library's allocator: two photographs at once: %v; idle: %v", busy, idle)
	if idle.Sum <= mostIdle {
		t.Errorf("the control, with the C library's allocator, holds %d MB as well: that we hold less proves nothing", idle.Sum/1e6)
	}
}

// kept is what a service holds at most while it renders photographs, and what it
// still holds after n images.
func kept(t *testing.T, n int, env ...string) (busy, idle rig.Footprint) {
	t.Helper()
	env = append([]string{"IMGD_DECODERS=2", "IMGD_WORKERS=2", "IMGD_LOG_LEVEL=warn"}, env...)
	p := rig.NewSite(t, shipped, env...).Start(t, "serve")
	c := caller.At(p.URL)
	render := func(file []byte, key string, fields ...string) caller.Job {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		a, err := c.Upload(ctx, file, "a", key, fields...)
		var j caller.Job
		if err == nil {
			err = json.Unmarshal(a.Body, &j)
		}
		if err == nil {
			j, err = c.Finished(ctx, j.ID)
		}
		if err != nil || j.State != "succeeded" {
			t.Errorf("%s was answered %d %.200s and ended %s, %v; want succeeded", key, a.Status, a.Body, j.State, err)
		}
		return j
	}
	twoAtOnce := func(n int, do func(i int)) {
		var both sync.WaitGroup
		for half := range 2 {
			both.Go(func() {
				for i := half; i < n; i += 2 {
					do(i)
				}
			})
		}
		both.Wait()
	}
	file := photo(t)
	unwatch := p.Watch(t)
	twoAtOnce(4, func(i int) { render(file, fmt.Sprintf("photo-%d", i)) })
	busy = unwatch()
	files := mixture(t, p.URL, render)
	twoAtOnce(n, func(i int) {
		wanted := []string{"default", `{"a":"w=1600,fmt=jpeg","b":"w=300,h=300,fit=cover,pos=attention,fmt=png"}`, `{"a":"w=900,fmt=webp","b":"w=300,fmt=avif"}`}[i%3]
		key := fmt.Sprintf("mixed-%d", i)
		if wanted == "default" {
			render(files[i%len(files)], key)
		} else {
			render(files[i%len(files)], key, "variants", wanted)
		}
	})
	time.Sleep(5 * time.Second)
	return busy, p.Footprint(t)
}

// mixture is pictures of many sizes in every format that is written.
func mixture(t *testing.T, url string, render func(file []byte, key string, fields ...string) caller.Job) (files [][]byte) {
	t.Helper()
	for _, side := range []int{64, 300, 800, 1200, 2400} {
		b, err := scene.JPEG(side, side*3/4)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b)
	}
	files = append(files, drawnPNG(t, 600, 400), drawnPNG(t, 1500, 1000), moves(t))
	j := render(files[3], "formats", "variants", `{"w":"fmt=webp","a":"fmt=avif","t":"fmt=tiff","g":"w=600,fmt=gif","p":"fmt=png"}`)
	for _, name := range []string{"w", "a", "t", "g", "p"} {
		files = append(files, get(t, url+"/v1/images/"+j.ImageID+"/variants/"+name).body)
	}
	return files
}

func drawnPNG(t *testing.T, w, h int) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = byte(i*i>>11) | 1
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// moves is an animation of twenty frames.
func moves(t *testing.T) []byte {
	t.Helper()
	var g gif.GIF
	for i := range 20 {
		m := image.NewPaletted(image.Rect(0, 0, 400, 300), color.Palette{color.Black, color.White, color.NRGBA{200, 30, 30, 255}})
		for k := range m.Pix {
			m.Pix[k] = byte((k/7 + i*3) % 3)
		}
		g.Image, g.Delay = append(g.Image, m), append(g.Delay, 5)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
