package e2e

import (
	"net/http"
	"strings"
	"testing"

	"imgd/e2e/rig"
)

// TestWhoAsksNobodyForATokenKnowsItsNames asks two services on a loopback address what
// the page of a stranger could have a browser ask.
func TestWhoAsksNobodyForATokenKnowsItsNames(t *testing.T) {
	open := rig.NewSite(t, shipped, "IMGD_PUBLIC_URL=http://images.test:8080", "IMGD_ALLOWED_HOSTS=pictures.test").Start(t, "api")
	asking := rig.NewSite(t, shipped, tokenSecret).Start(t, "api")
	ask := func(p *rig.Process, host, method, path string, header ...string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, p.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		a, err := send(r)
		if err != nil {
			t.Fatal(err)
		}
		return a.status
	}
	for host, want := range map[string]int{
		strings.TrimPrefix(open.URL, "http://"): 200, "localhost": 200, "images.test:8080": 200, "pictures.test": 200, "evil.test": 403,
	} {
		if got := ask(open, host, "GET", "/v1/images"); got != want {
			t.Errorf("under the name %s a list is answered %d, want %d", host, got, want)
		}
	}
	if got := ask(open, "localhost", "POST", "/v1/images", "Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain"); got != 403 {
		t.Errorf("the form of another site is answered %d, want 403", got)
	}
	for path, want := range map[string]int{"/metrics": 200, "/v1/images": 200, "/dashboard": 200, "/livez": 200} {
		if got := ask(open, "localhost", "GET", path); got != want {
			t.Errorf("%s is answered %d, want %d", path, got, want)
		}
	}
	// Metrics of a service that asks for tokens are no less than the rest of it, though it
	// listens on loopback only: the proxy in front is here, too.
	if got := ask(asking, "images.example.com", "GET", "/metrics"); got != 401 {
		t.Errorf("metrics are answered %d without a token, want 401", got)
	}
	if got := ask(asking, "images.example.com", "GET", "/metrics", "Authorization", "Bearer "+minted(t, tokenSecret, "images:admin")); got != 200 {
		t.Errorf("metrics are answered %d to an administrator, want 200", got)
	}
}
