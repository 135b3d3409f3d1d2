package clients

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"imgd/e2e/rig"
)

// TestTheTypeScriptClientWorksInAPageOfAnotherOrigin, where the bytes that were sent are
// told by XMLHttpRequest and a stream is gathered.
func TestTheTypeScriptClientWorksInAPageOfAnotherOrigin(t *testing.T) {
	prepare(t)
	pictures := files(t, t.TempDir())
	mux := http.NewServeMux()
	for _, folder := range []string{"/dist/", "/node_modules/openapi-fetch/dist/"} {
		mux.Handle(folder, http.FileServer(http.Dir(typescript)))
	}
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, typescript+"/test/page.html") })
	mux.HandleFunc("/photo", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, pictures["photo"]) })
	page := serve(t, mux)
	imgd := rig.NewSite(t, shipped, "IMGD_CORS_ORIGINS="+page).Start(t, "serve").URL

	browser := rig.Browser(t)
	if err := chromedp.Do(browser, chromedp.Navigate(page+"/#"+url.QueryEscape(imgd))); err != nil {
		t.Fatal(err)
	}
	var text string
	for deadline := time.Now().Add(time.Minute); text == ""; time.Sleep(50 * time.Millisecond) {
		var err error
		if text, err = chromedp.Run(browser, chromedp.Evaluate[string](`window.result ?? ""`)); err != nil || time.Now().After(deadline) {
			t.Fatalf("the page does not come to an end: %v", err)
		}
	}
	var got struct {
		Filename, Streamed, Problem, Aborted string
		Width, Height, Size                  int64
		Correlated                           bool
		Told                                 []struct {
			Sent, Total int64
			State       string
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Filename != "lake.jpg" || got.Width != 64 || got.Height != 48 || got.Streamed != "ready" {
		t.Errorf("the images are %s", text)
	}
	if got.Problem != "unsupported-media-type" || !got.Correlated || got.Aborted != "AbortError" {
		t.Errorf("what is refused and what is aborted are %s", text)
	}
	last := got.Told[len(got.Told)-1]
	if got.Told[0].Sent == 0 || got.Told[0].State != "" || last.Sent != got.Size || last.State != "succeeded" {
		t.Errorf("of %d bytes %+v is told", got.Size, got.Told)
	}
}
