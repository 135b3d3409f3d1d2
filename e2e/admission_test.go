package e2e

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// refused is a problem of an upload that could not be decoded.
type refused struct {
	Type, Detail, Setting string
	Limit, Actual         int64
	FitsWidth             int64 `json:"fits_width"`
	FitsHeight            int64 `json:"fits_height"`
}

func TestAnUploadBeyondADecoderIsRefusedWithTheFigures(t *testing.T) {
	const side = 9000
	for _, c := range []struct {
		setting, value string
		limit          int64 // in what the setting bounds
		fits           bool  // an image of the size that is said to fit is taken
	}{
		{"IMGD_DECODER_MEMORY", "192MiB", 192 << 20, true},
		{"IMGD_RENDER_TIME", "20ms", 20, false}, // nothing else is done in that time, either
	} {
		t.Run(c.setting, func(t *testing.T) {
			p := rig.NewSite(t, shipped, "IMGD_MAX_UPLOAD_BYTES=300MiB", c.setting+"="+c.value).Start(t, "api")
			file, n := tiff(side)
			a := stream(t, p.URL, file, n)
			var got refused
			if err := json.Unmarshal(a.body, &got); err != nil || a.status != http.StatusUnprocessableEntity || !strings.HasSuffix(got.Type, "/image-too-complex") {
				t.Fatalf("it was answered %d %s, want 422 image-too-complex", a.status, a.body)
			}
			if got.Setting != c.setting || got.Limit != c.limit || got.Actual <= c.limit {
				t.Errorf("the problem is about %s, limit %d, actual %d; want %s, %d and more than that", got.Setting, got.Limit, got.Actual, c.setting, c.limit)
			}
			if !strings.Contains(got.Detail, c.setting) || got.FitsWidth <= 0 || got.FitsWidth >= side || got.FitsWidth != got.FitsHeight {
				t.Errorf("%d x %d would fit, says the problem with %q; want a smaller square and the setting", got.FitsWidth, got.FitsHeight, got.Detail)
			}
			if !c.fits {
				return
			}
			if got.Actual != 3*side*side {
				t.Errorf("it is predicted to take %d bytes, want %d", got.Actual, 3*side*side)
			}
			file, n = tiff(uint32(got.FitsWidth))
			if a := stream(t, p.URL, file, n); a.status != http.StatusAccepted {
				t.Errorf("one of the size that would fit was answered %d %s", a.status, a.body)
			}
		})
	}
}

// I9: whoever sends more than can be worked on gets an answer all the same, and no
// process dies of it.
func TestUploadsBeyondCapacityAreAnswered(t *testing.T) {
	const callers, during = 16, 6 * time.Second // four for each of the decoders and their spares
	p := rig.NewSite(t, shipped, "IMGD_DECODERS=2", "IMGD_WORKERS=2", "IMGD_DECODER_MEMORY=256MiB", "IMGD_RENDER_MEMORY=512MiB").Start(t, "serve")
	var files [][]byte
	for i := range 4 {
		f, err := scene.JPEG(1000+400*i, 900)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	files = append(files, []byte("this is no image"))
	c := caller.At(p.URL)
	var mu sync.Mutex
	answers := map[int]int{}
	var slowest time.Duration
	var all sync.WaitGroup
	end := time.Now().Add(during)
	for range callers {
		all.Go(func() {
			for time.Now().Before(end) {
				began := time.Now()
				body, contentType := caller.Form(files[rand.IntN(len(files))], "a.jpg")
				a, err := c.Do(t.Context(), http.MethodPost, "/v1/images", contentType, body)
				took := time.Since(began)
				if err != nil {
					t.Errorf("an upload had no answer after %v: %v", took, err)
					return
				}
				var problem refused
				if a.Status != http.StatusAccepted && (json.Unmarshal(a.Body, &problem) != nil || problem.Type == "") {
					t.Errorf("an upload was answered %d %s, want 202 or a problem", a.Status, a.Body)
				}
				mu.Lock()
				answers[a.Status]++
				slowest = max(slowest, took)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	t.Logf("answers %v, the slowest after %v", answers, slowest)
	for status := range answers {
		switch status {
		case http.StatusAccepted, http.StatusUnsupportedMediaType, http.StatusServiceUnavailable:
		default:
			t.Errorf("%d uploads were answered %d, want 202, 415 or 503", answers[status], status)
		}
	}
	if answers[http.StatusAccepted] == 0 || answers[http.StatusUnsupportedMediaType] == 0 {
		t.Errorf("answers %v, want both images and what is none among them", answers)
	}
	text, err := c.Get(t.Context(), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`imgd_decoder_restarts_total{reason="crashed"} 0`, `imgd_decoder_restarts_total{reason="overran"} 0`, "imgd_render_memory_limit_bytes 5.36870912e+08",
	} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("the metrics have no line %q", line)
		}
	}
}
