package site_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"imgd/adapters/site"
)

func serve(t *testing.T, dashboard fs.FS) http.Handler {
	t.Helper()
	pages, err := site.Pages(dashboard)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for pattern, h := range pages {
		mux.Handle(pattern, h)
	}
	return mux
}

func get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var (
	inline    = regexp.MustCompile(`(?is)<script(?:\s[^>]*)?>\s*[^<\s]|<style|\s(?:style|on[a-z]+)\s*=|javascript:`)
	refers    = regexp.MustCompile(`(?:src|href)="([^"]+)"`)
	imports   = regexp.MustCompile(`(?m)^import .* from "\./([^"]+)";$`)
	elsewhere = regexp.MustCompile(`(?i)(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}`)
)

// The addresses of pages and what they need hold without a token, under one policy
// each that runs no script of a page's own text.
func TestPagesNeedNothingFromElsewhere(t *testing.T) {
	h := serve(t, site.Dashboard)
	for _, name := range []string{"/dashboard", "/docs", "/redoc"} {
		w := get(h, name)
		text := w.Body.String()
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Fatalf("GET %s = %d %s", name, w.Code, w.Header().Get("Content-Type"))
		}
		policy := directives(w.Header().Get("Content-Security-Policy"))
		if policy["default-src"] != "'none'" || policy["script-src"] != "'self'" || policy["connect-src"] != "'self'" || policy["frame-ancestors"] != "'none'" {
			t.Errorf("the policy of %s is %q", name, w.Header().Get("Content-Security-Policy"))
		}
		if name == "/dashboard" && policy["style-src"] != "'self'" {
			t.Errorf("the dashboard's styles come from %s, want 'self'", policy["style-src"])
		}
		if found := inline.FindString(text); found != "" {
			t.Errorf("%s has something inline: %q", name, found)
		}
		if found := elsewhere.FindString(text); found != "" {
			t.Errorf("%s names another host: %s", name, found)
		}
		for _, ref := range refers.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(ref[1], "#") || strings.HasPrefix(ref[1], "openapi") {
				continue
			}
			if got := get(h, "/"+ref[1]).Code; got != http.StatusOK {
				t.Errorf("%s refers to %s, which is answered %d", name, ref[1], got)
			}
		}
	}
}

func directives(policy string) map[string]string {
	all := map[string]string{}
	for part := range strings.SplitSeq(policy, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), " ")
		all[name] = value
	}
	return all
}

func TestModulesOfTheDashboardAreThere(t *testing.T) {
	h := serve(t, site.Dashboard)
	seen, ask := []string{}, []string{"app.js"}
	for len(ask) > 0 {
		name := ask[0]
		ask = ask[1:]
		if slices.Contains(seen, name) {
			continue
		}
		seen = append(seen, name)
		w := get(h, "/dashboard/"+name)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/javascript; charset=utf-8" {
			t.Errorf("%s is answered %d as %s", name, w.Code, w.Header().Get("Content-Type"))
		}
		for _, m := range imports.FindAllStringSubmatch(w.Body.String(), -1) {
			ask = append(ask, path.Clean(m[1]))
		}
		text := strings.ReplaceAll(w.Body.String(), "http://www.w3.org/2000/svg", "") // a name, which nobody asks
		if found := elsewhere.FindString(text); found != "" {
			t.Errorf("%s names another host: %s", name, found)
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %v were found; has the form of imports changed?", seen)
	}
}

// A build with uPlot and one without differ in what the page asks for.
func TestTheDashboardTakesUPlotWhereItIs(t *testing.T) {
	page := "<!doctype html>{{if .Plots}}<script defer src=\"dashboard/uplot/uPlot.iife.min.js\"></script>{{end}}"
	without := fstest.MapFS{"dashboard/index.html": {Data: []byte(page)}}
	with := fstest.MapFS{"dashboard/index.html": without["dashboard/index.html"], "dashboard/uplot/uPlot.iife.min.js": {Data: []byte("uPlot = 1")}}
	if text := get(serve(t, without), "/dashboard").Body.String(); strings.Contains(text, "uPlot") {
		t.Errorf("without uPlot the page is %q", text)
	}
	h := serve(t, with)
	if text := get(h, "/dashboard").Body.String(); !strings.Contains(text, "uPlot") {
		t.Errorf("with uPlot the page is %q", text)
	}
	if got := get(h, "/dashboard/uplot/uPlot.iife.min.js").Body.String(); got != "uPlot = 1" {
		t.Errorf("uPlot is %q", got)
	}
}

func TestAssetsAreKeptUntilTheyChange(t *testing.T) {
	h := serve(t, site.Dashboard)
	for _, name := range []string{"/dashboard/app.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/redoc/redoc.standalone.js"} {
		plain := get(h, name)
		zipped := get(h, name, "Accept-Encoding", "gzip, br")
		if zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s is not compressed for those who ask: %v", name, zipped.Header())
		}
		r, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || string(text) != plain.Body.String() || len(text) == 0 {
			t.Errorf("%s is another text when it is compressed: %d bytes, %v", name, len(text), err)
		}
		tag := zipped.Header().Get("ETag")
		if tag == "" || tag == plain.Header().Get("ETag") {
			t.Errorf("the tags of %s are %s and, compressed, %s", name, plain.Header().Get("ETag"), tag)
		}
		again := get(h, name, "Accept-Encoding", "gzip", "If-None-Match", tag)
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 || again.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s, asked for again, is answered %d with %d bytes, %s", name, again.Code, again.Body.Len(), again.Header().Get("Cache-Control"))
		}
	}
}

// Metrics have a series for each route.
func TestFilesOfAPageAreOneRoute(t *testing.T) {
	h := serve(t, site.Dashboard)
	for _, name := range []string{"/dashboard/app.js", "/dashboard/style.css"} {
		r := httptest.NewRequest(http.MethodGet, name, nil)
		h.ServeHTTP(httptest.NewRecorder(), r)
		if r.Pattern != "GET /dashboard/{file}" {
			t.Errorf("%s is counted as %s", name, r.Pattern)
		}
	}
}

func TestAddressesNearAPageLeadToIt(t *testing.T) {
	h := serve(t, site.Dashboard)
	for from, to := range map[string]string{"/": "dashboard", "/docs/": "../docs", "/dashboard/": "../dashboard"} {
		if w := get(h, from); w.Code != http.StatusFound || w.Header().Get("Location") != to {
			t.Errorf("GET %s = %d, Location %q, want %q", from, w.Code, w.Header().Get("Location"), to)
		}
	}
	for _, name := range []string{"/docs/nothing.js", "/dashboard/../site.go", "/dashboard/uplot"} {
		if w := get(h, name); w.Code == http.StatusOK {
			t.Errorf("GET %s is answered", name)
		}
	}
}
