package e2e

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"imgd/adapters/site"
	"imgd/e2e/rig"
)

func TestTheContractCanBeTriedInTheBrowser(t *testing.T) {
	t.Parallel()
	p := rig.NewSite(t, shipped).Start(t, "serve")
	w := openWindow(t, p.URL, "/docs")
	w.await("all operations", `document.querySelectorAll(".opblock").length >= 20`)
	w.blameless("/docs")
	w.press(".opblock-summary-path", "/version")
	w.press(".try-out__btn", "Try it out")
	w.press(".btn.execute", "Execute")
	w.shows(".live-responses-table .response-col_status", "200")
	w.shows(".live-responses-table", "libvips")
	inPage[bool](w, `(document.querySelector(".opblock.is-open").scrollIntoView(), true)`)
	w.shoot("docs")
}

func TestTheContractCanBeReadInTheBrowser(t *testing.T) {
	t.Parallel()
	p := rig.NewSite(t, shipped).Start(t, "serve")
	w := openWindow(t, p.URL, "/redoc")
	w.shows("h1", "imgd")
	w.await("the operations", `document.querySelectorAll("[data-section-id^='operation/'], [id^='operation/'], [id*='/operation/']").length >= 20`)
	w.blameless("/redoc", "aria-required-parent", "label-content-name-mismatch", "listitem", "nested-interactive")
	inPage[bool](w, `(document.querySelector("[id$='operation/uploadImage']").scrollIntoView(), true)`)
	w.shoot("redoc")
	// The search runs in a worker, which the policy has to let be.
	inPage[bool](w, `(() => {
		const field = document.querySelector("input[placeholder='Search...']");
		Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, "quarantine capabilities");
		field.dispatchEvent(new Event("input", { bubbles: true }));
		return true;
	})()`)
	w.await("a place that was found", `document.querySelector("[data-role='search:results'], .search-results, div[data-role='search:results'] li") ?? [...document.querySelectorAll("li, label")].some((e) => /Read what this service can do/.test(e.textContent))`)
}

// The dashboard draws its charts whether or not uPlot was there at build time.
func TestChartsAreDrawnWithUPlotAndWithoutIt(t *testing.T) {
	t.Parallel()
	p := rig.NewSite(t, shipped).Start(t, "serve")
	finished(t, p.URL, upload(t, p.URL, drawing(t, 320, 240), "one.jpg").ID, 30*time.Second)
	for kind, files := range map[string]fs.FS{"canvas": withUPlot(t), "svg path.line": withoutUPlot(t)} {
		w := openWindow(t, front(t, p.URL, files), "/dashboard")
		w.await("three charts of "+kind, `document.querySelectorAll(".plot `+strings.Fields(kind)[0]+`").length === 3`)
		w.await("lines", `document.querySelector(".plot `+kind+`")`)
		w.shows(".legend", "finished 1")
		w.blameless("charts of " + kind)
		drawn := map[string]string{"canvas": "svg", "svg path.line": "canvas"}[kind]
		if inPage[bool](w, `document.querySelector(".plot `+drawn+`") !== null`) {
			t.Errorf("charts of %s are drawn as %s too", kind, drawn)
		}
	}
}

// front serves the pages from other files before a running service.
func front(t *testing.T, service string, files fs.FS) string {
	t.Helper()
	pages, err := site.Pages(files)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(service)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	for pattern, h := range pages {
		mux.Handle(pattern, h)
	}
	mux.Handle("/v1/", httputil.NewSingleHostReverseProxy(to))
	mux.Handle("/readyz", httputil.NewSingleHostReverseProxy(to))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func withoutUPlot(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(site.Dashboard, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(name, "/uplot/") {
			return err
		}
		text, err := fs.ReadFile(site.Dashboard, name)
		files[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func withUPlot(t *testing.T) fstest.MapFS {
	t.Helper()
	files := withoutUPlot(t)
	for _, name := range []string{"uPlot.iife.min.js", "uPlot.min.css"} {
		text, err := os.ReadFile(path.Join("../.cache/web/node_modules/uplot/dist", name)) // #nosec G304 -- of this repository
		if err != nil {
			t.Fatalf("uPlot is missing: run `make servers`, which fetches it from npm into .cache/web (%v)", err)
		}
		files["dashboard/uplot/"+name] = &fstest.MapFile{Data: text}
	}
	return files
}
