// Package site serves the pages for people: /dashboard, and the contract as /docs
// (Swagger UI) and as /redoc. All they are made of is in the binary, they run no
// script from anywhere else, and they hold no data: what they show, they ask of the
// API, with the token of whoever looks at them.
package site

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/mvrilo/go-redoc"
	swagger "github.com/swaggest/swgui/v5/static"
)

//go:embed docs redoc
var own embed.FS

//go:embed dashboard
var dashboard embed.FS

// Dashboard are the files of the dashboard: those of the folder, and uplot in it if
// it was there when the binary was built.
var Dashboard fs.FS = dashboard

// Policies of content security. No page runs a script that stands in itself.
const (
	strict = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'; script-src 'self'; "

	dashboardPolicy = strict + "style-src 'self'; img-src 'self' blob:; require-trusted-types-for 'script'; trusted-types 'none'"
	// Both of these write styles into the page. Redoc searches in a worker of its own making.
	docsPolicy  = strict + "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:"
	redocPolicy = strict + "style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src blob:"
)

// Pages are the handlers of all pages by their mux pattern. The dashboard is made of
// the given files: Dashboard, but for tests.
func Pages(dashboard fs.FS) (map[string]http.Handler, error) {
	p := pages{}
	err := errors.Join(
		p.add(own, "docs", "docs", docsPolicy), p.add(own, "redoc", "redoc", redocPolicy), p.add(dashboard, "dashboard", "dashboard", dashboardPolicy),
	)
	for _, name := range []string{"swagger-ui.css", "swagger-ui-bundle.js"} {
		zipped, missing := swagger.FS.ReadFile(name + ".gz")
		err = errors.Join(err, missing)
		p.file("docs", name, zippedAsset(name, zipped))
	}
	p.file("redoc", "redoc.standalone.js", newAsset("redoc.standalone.js", []byte(redoc.JavaScript)))
	for _, name := range []string{"docs", "redoc", "dashboard"} {
		p["GET /"+name+"/{$}"] = elsewhere("../" + name)
	}
	p["GET /{$}"] = elsewhere("dashboard")
	return p, err
}

type pages map[string]http.Handler

// add serves each file of a folder under a name, and its index.html as the page itself.
func (p pages) add(files fs.FS, folder, name, policy string) error {
	return fs.WalkDir(files, folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, file)
		if err != nil {
			return err
		}
		switch rest := strings.TrimPrefix(file, folder+"/"); rest {
		case "index.html":
			text, err = fill(file, text, hasPlots(files, folder))
			p["GET /"+name] = page{newAsset(rest, text), policy}
		default:
			p.file(name, rest, newAsset(rest, text))
		}
		return err
	})
}

// file serves a file of a page. To who counts requests by route, all of them are one.
func (p pages) file(page, name string, a asset) {
	p["GET /"+page+"/"+name] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = "GET /" + page + "/{file}"
		a.ServeHTTP(w, r)
	})
}

// hasPlots reports whether uPlot is in the folder.
func hasPlots(files fs.FS, folder string) bool {
	_, err := fs.Stat(files, path.Join(folder, "uplot/uPlot.iife.min.js"))
	return err == nil
}

// fill is the page with what depends on the build.
func fill(name string, text []byte, plots bool) ([]byte, error) {
	t, err := template.New(name).Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var out bytes.Buffer
	err = t.Execute(&out, struct{ Plots bool }{plots})
	return out.Bytes(), err
}

// page is an asset that browsers show as a page of its own.
type page struct {
	asset
	policy string
}

// ServeHTTP answers the page with what it may do.
func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	p.asset.ServeHTTP(w, r)
}

// elsewhere sends on to an address relative to the one that was asked for, which holds
// behind a proxy that adds a prefix as well.
func elsewhere(to string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	})
}
