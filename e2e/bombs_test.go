package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/e2e/bomb"
	"imgd/e2e/caller"
	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

const (
	// mostOfAPI is what the process that faces clients may hold.
	mostOfAPI = 300 << 20
	// mostOfDecoder is the default IMGD_DECODER_MEMORY, and what a decoder has beside
	// it for itself.
	mostOfDecoder = 1<<30 + 256<<20
)

// I3: whatever is sent, eight times at once, each file gets its answer, within the
// memory there is; and those who send good pictures meanwhile see nothing of it.
// IMGD_TEST_SOAK sends the slow ones eight times, too.
func TestBombsAreAnsweredWithinTheirMemory(t *testing.T) {
	site := rig.NewSite(t, shipped)
	var err error
	if site.Cage, err = rig.NewCage(t, 1536<<20); err != nil {
		t.Logf("%v: what is held is looked at, and no limit is set", err)
	}
	p := site.Start(t, "serve")
	unwatch := p.Watch(t)
	c := caller.At(p.URL)
	stop, good := make(chan struct{}), make(chan int)
	go func() { good <- keepUploading(t, c, stop) }()
	var all sync.WaitGroup
	for i, b := range bomb.All() {
		times := 8
		if b.Heavy && os.Getenv("IMGD_TEST_SOAK") == "" {
			times = 1
		}
		for n := range times {
			all.Go(func() { explode(t, c, b, fmt.Sprintf("bomb-%d-%d", i, n)) })
		}
	}
	all.Wait()
	close(stop)
	if n := <-good; n == 0 {
		t.Error("no good picture was rendered meanwhile")
	} else {
		t.Logf("%d good pictures were rendered meanwhile", n)
	}
	most := unwatch()
	t.Logf("at most: %v", most)
	if most.Own > mostOfAPI || most.Largest > mostOfDecoder {
		t.Errorf("at most %v were held, want at most %d MiB and %d MiB in a decoder", most, mostOfAPI>>20, mostOfDecoder>>20)
	}
	if site.Cage != nil {
		t.Logf("at most %d MiB of 1536 were in use, cached files among them", site.Cage.Peak()>>20)
		if n := site.Cage.Killed(t); n > 0 {
			t.Errorf("the kernel has killed %d processes for want of memory, want none", n)
		}
	}
	crashed := `imgd_decoder_restarts_total{reason="crashed"} 0`
	if text := string(get(t, p.URL+"/metrics").body); !strings.Contains(text, crashed) {
		t.Errorf("the metrics lack %s: a decoder died", crashed)
	}
}

// explode sends a bomb and waits for what becomes of it.
func explode(t *testing.T, c *caller.Caller, b bomb.Bomb, key string) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	a, err := c.Upload(ctx, b.File, "bomb", key, "variants", `{"small":"w=150,h=150"}`)
	if err != nil {
		t.Errorf("%s: %v", b.Name, err)
		return
	}
	if a.Status != http.StatusAccepted {
		if !slices.Contains(b.Slugs, a.Slug()) {
			t.Errorf("%s was answered %d %s, want one of %v", b.Name, a.Status, a.Body, b.Slugs)
		}
		return
	}
	var j caller.Job
	if err = json.Unmarshal(a.Body, &j); err == nil {
		j, err = c.Finished(ctx, j.ID)
	}
	switch {
	case err != nil:
		t.Errorf("%s: %v", b.Name, err)
	case j.State == "succeeded" && b.Harmless:
	case j.State == "failed" && j.Error != nil && slices.Contains(b.Slugs, path.Base(j.Error.Type)):
	default:
		t.Errorf("%s was accepted, and its job ended %s, %+v; want it harmless (%v) or one of %v", b.Name, j.State, j.Error, b.Harmless, b.Slugs)
	}
}

// keepUploading sends small good pictures one after the other and counts those that
// were rendered. That one is not is an error.
func keepUploading(t *testing.T, c *caller.Caller, stop <-chan struct{}) (n int) {
	file, err := scene.JPEG(640, 480)
	if err != nil {
		t.Error(err)
		return 0
	}
	for {
		select {
		case <-stop:
			return n
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		j, err := c.Accepted(ctx, file, "good.jpg", fmt.Sprintf("good-%d", n))
		if err == nil {
			j, err = c.Finished(ctx, j.ID)
		}
		cancel()
		if err != nil || j.State != "succeeded" || j.Attempt != 1 {
			t.Errorf("a good picture ended %s at its attempt %d, %v; want succeeded at once", j.State, j.Attempt, err)
			return n
		}
		n++
	}
}
