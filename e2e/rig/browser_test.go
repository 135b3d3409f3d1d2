package rig_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"

	"imgd/e2e/rig"
)

func TestABrowserRunsPagesAndKnowsNothingOfTheLastOne(t *testing.T) {
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
}
