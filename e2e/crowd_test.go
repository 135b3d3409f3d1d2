package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/e2e/scene"
)

// crowd uses the service as people do: it uploads, deletes, asks for other
// variants of the same name, cancels and retries, and takes a breath in between.
type crowd struct {
	url   string
	files [][]byte

	mu      sync.Mutex
	images  []string
	deleted map[string]time.Time
	did     map[string]int
}

func newCrowd(t testing.TB, url string) *crowd {
	t.Helper()
	c := &crowd{url: url, deleted: map[string]time.Time{}, did: map[string]int{}}
	for i := range 6 {
		file, err := scene.JPEG(60+10*i, 50)
		if err != nil {
			t.Fatal(err)
		}
		c.files = append(c.files, file)
	}
	return c
}

// run does one thing after the other until stop is closed. The service may die in
// the middle of any of them.
func (c *crowd) run(t testing.TB, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond): // what waits when they stop has to be done before the test is
		}
		what := []string{"upload", "upload", "delete", "replace", "replace", "retry"}[rand.IntN(6)]
		if c.once(t, what) {
			c.mu.Lock()
			c.did[what]++
			c.mu.Unlock()
		}
	}
}

// any is an image that is there, which is taken out when it is to go.
func (c *crowd) any(take bool) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.images) == 0 {
		return ""
	}
	i := rand.IntN(len(c.images))
	id := c.images[i]
	if take {
		c.images = append(c.images[:i], c.images[i+1:]...)
		c.deleted[id] = time.Now()
	}
	return id
}

func (c *crowd) once(t testing.TB, what string) bool {
	if what == "upload" {
		a, err := tryPost(t, c.url, c.files[rand.IntN(len(c.files))], "a.jpg")
		if err != nil || a.status != http.StatusAccepted {
			return false
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.images = append(c.images, decode[job](t, a).ImageID)
		return true
	}
	id := c.any(what == "delete")
	if id == "" {
		return false
	}
	image := c.url + "/v1/images/" + id
	switch what {
	case "delete":
		return c.call(t, http.MethodDelete, image, "")
	case "replace": // one of few, so that what was replaced is asked for again
		return c.call(t, http.MethodPost, image+"/jobs", fmt.Sprintf(`{"variants":{"one":"w=%d"},"force":true}`, 10+rand.IntN(3)))
	}
	return c.call(t, http.MethodPost, image+"/jobs", `{"variants":{"two":"w=7"}}`) && c.retry(t, id)
}

// retry cancels the newest job of an image, which may be too late, and retries it.
func (c *crowd) retry(t testing.TB, image string) bool {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/v1/jobs?limit=1&image_id="+image, nil)
	if err != nil {
		return false
	}
	a, err := send(req)
	var page struct{ Items []job }
	if err != nil || json.Unmarshal(a.body, &page) != nil || len(page.Items) == 0 {
		return false
	}
	url := c.url + "/v1/jobs/" + page.Items[0].ID
	return c.call(t, http.MethodPost, url+"/cancel", "") && c.call(t, http.MethodPost, url+"/retry", "")
}

func (c *crowd) call(t testing.TB, method, url, body string) bool {
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return false
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	a, err := send(req)
	return err == nil && a.status < 300
}
