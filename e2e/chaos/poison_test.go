package chaos

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/e2e/caller"
)

// poison is a good picture that kills the decoders of this build.
func poison(t testing.TB, word string) []byte {
	t.Helper()
	good := picture(t, 320, 240)
	comment := append([]byte{0xff, 0xfe, 0, byte(2 + len(word))}, word...)
	return append(append(good[:2:2], comment...), good[2:]...)
}

// D7: what kills its decoder is tried three times and never again, under no name;
// whoever works beside it sees nothing of that.
func TestAPictureThatKillsItsDecodersIsQuarantined(t *testing.T) {
	t.Parallel()
	p := single.site(t).Start(t, "serve")
	c := caller.At(p.URL)
	var beside sync.WaitGroup
	stop := make(chan struct{})
	good := 0
	beside.Go(func() {
		for ; ; good++ {
			select {
			case <-stop:
				return
			default:
			}
			j := accepted(t, c, picture(t, 320, 240), fmt.Sprintf("good-%d", good))
			succeeded(t, c, j.ID, 60*time.Second)
		}
	})
	words := []string{"imgd-poison-segv", "imgd-poison-abrt", "imgd-poison-bus", "imgd-poison-ill"}
	var dead sync.WaitGroup
	for _, word := range words {
		dead.Go(func() { dies(t, c, poison(t, word), word) })
	}
	dead.Wait()
	close(stop)
	beside.Wait()
	if good == 0 {
		t.Error("nothing good was rendered beside")
	}
	metrics := scrape(t, c)
	if want := `imgd_decoder_restarts_total{reason="crashed"} 12`; !strings.Contains(metrics, want) {
		t.Errorf("the metrics lack %s", want)
	}
	if want := `imgd_job_attempts_total{outcome="crashed"} 12`; !strings.Contains(metrics, want) {
		t.Errorf("the metrics lack %s", want)
	}
}

func dies(t *testing.T, c *caller.Caller, file []byte, word string) {
	sum := sha256.Sum256(file)
	digest := hex.EncodeToString(sum[:])
	j := accepted(t, c, file, word)
	ended, err := c.Finished(within(t, 90*time.Second), j.ID)
	if err != nil || ended.State != "dead" {
		t.Errorf("%s: the job ended %s, %v, want dead", word, ended.State, err)
		return
	}
	crashes := 0
	for _, e := range story(t, c, j.ImageID) {
		if e.Detail["outcome"] == "crashed" {
			crashes++
			if e.Detail["sha256"] != digest {
				t.Errorf("%s: the event %s names the bytes %v, want %s", word, e.Type, e.Detail["sha256"], digest)
			}
		}
	}
	if crashes != 3 {
		t.Errorf("%s: it was tried %d times, want 3", word, crashes)
	}
	again, err := c.Upload(within(t, 30*time.Second), file, "another-name.jpg", word+"-again")
	if err != nil || again.Slug() != "image-quarantined" {
		t.Errorf("%s: the same bytes again: got %s, %v, want image-quarantined", word, again.Slug(), err)
	}
}

func scrape(t testing.TB, c *caller.Caller) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	text, err := c.Get(ctx, "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
