package rig_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"imgd/e2e/rig"
)

func TestABrowserRunsPagesAndKnowsNothingOfTheLastOne(t *testing.T) {
	asked := &watched{RoundTripper: http.DefaultTransport}
	http.DefaultTransport = asked
	t.Cleanup(func() { http.DefaultTransport = asked.RoundTripper }) // when no browser is left
	cookies := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/page" {
			return // browsers ask for an icon too
		}
		cookies <- r.Header.Get("Cookie")
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, `<script>document.cookie = "seen=1; max-age=1000"; document.title = 6 * 7</script>`)
	}))
	defer server.Close()
	for _, browser := range []string{"first", "second"} {
		page := rig.Browser(t)
		for _, want := range []string{"", "seen=1"} {
			if err := chromedp.Do(page, chromedp.Navigate(server.URL+"/page")); err != nil {
				t.Fatal(err)
			}
			title, err := chromedp.Run(page, chromedp.Title())
			if sent := <-cookies; err != nil || title != "42" || sent != want {
				t.Errorf("the %s browser: the title is %q (%v) with the cookie %q; want 42 and %q", browser, title, err, sent, want)
			}
		}
	}
	if n := asked.pages.Load(); n != 4 {
		t.Errorf("%d of 4 pages came through http.DefaultTransport, where answers are judged", n)
	}
}

// watched counts what is asked through a transport.
type watched struct {
	http.RoundTripper
	pages atomic.Int64
}

func (c *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/page" {
		c.pages.Add(1)
	}
	return c.RoundTripper.RoundTrip(r)
}
