// Command docs makes a site of the guides, the contract and the pages of problems. It
// opens from disk and asks no host for anything.
package main

import (
	"bytes"
	_ "embed"
	"flag"
	"fmt"
	"html/template"
	"os"
	"path/filepath"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/mvrilo/go-redoc"

	"imgd"
	"imgd/core"
)

func main() {
	from := flag.String("from", ".", "the `folder` of the repository")
	to := flag.String("to", "build/site", "the `folder` that takes the site")
	flag.Parse()
	if err := build(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
	fmt.Printf("The site is %s.\n", filepath.Join(*to, "index.html"))
}

// site is what is being made.
type site struct {
	from, to string
	names    []string // Markdown files that become pages
	linked   []string // files of the repository that pages refer to
}

func build(from, to string) error {
	s := &site{from: from, to: to}
	for _, step := range []func() error{s.guides, s.problems, s.contract, s.files} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

//go:embed page.html
var frame string

var page = template.Must(template.New("page").Parse(frame))

//go:embed style.css
var style []byte

//go:embed contract.js
var contractScript []byte

// content is one page. Root leads from it to the top of the site.
type content struct {
	Title, Root string
	Body        template.HTML
	Contract    bool
}

// put writes a page under its name.
func (s *site) put(name string, c content) error {
	root, err := filepath.Rel(filepath.Dir(name), ".")
	if err != nil {
		return err
	}
	c.Root = filepath.ToSlash(root) + "/"
	var text bytes.Buffer
	if err := page.Execute(&text, c); err != nil {
		return err
	}
	return s.write(name, text.Bytes())
}

func (s *site) write(name string, text []byte) error {
	file := filepath.Join(s.to, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600) // #nosec G703 -- the folder that the command line names
}

var problem = template.Must(template.New("problem").Parse(
	`<p><code>{{.Slug}}</code> &middot; HTTP {{.Status}}</p><h1>{{.Title}}</h1><p>{{.Advice}}</p><p><a href="index.html">All problems</a></p>`))

var problemList = template.Must(template.New("problems").Parse(
	`<h1>Problems</h1><p>What the <code>type</code> of an error says, and what to do about it.</p><table><thead><tr><th>Type</th><th>HTTP</th><th>Title</th></tr></thead><tbody>` +
		`{{range .}}<tr><td><a href="{{.Slug}}.html">{{.Slug}}</a></td><td>{{.Status}}</td><td>{{.Title}}</td></tr>{{end}}</tbody></table>`))

type explained struct {
	core.Meaning
	Slug core.Slug
}

// problems are the pages that the service has under /problems.
func (s *site) problems() error {
	var all []explained
	for _, slug := range core.Slugs() {
		one := explained{slug.Meaning(), slug}
		all = append(all, one)
		if err := s.fill("problems/"+string(slug)+".html", one.Title, problem, one); err != nil {
			return err
		}
	}
	return s.fill("problems/index.html", "Problems", problemList, all)
}

func (s *site) fill(name, title string, t *template.Template, data any) error {
	var body bytes.Buffer
	if err := t.Execute(&body, data); err != nil {
		return err
	}
	return s.put(name, content{Title: title, Body: template.HTML(body.String())}) // #nosec G203 -- a template escaped it
}

// contract is a page of Redoc with openapi.yaml beside it: from disk, scripts may be
// loaded and data may not.
func (s *site) contract() error {
	doc, err := openapi3.NewLoader().LoadFromData(imgd.OpenAPI)
	if err != nil {
		return err
	}
	spec, err := doc.MarshalJSON()
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		"assets/redoc.standalone.js": []byte(redoc.JavaScript), "assets/spec.js": append([]byte("globalThis.spec = "), spec...),
		"assets/contract.js": contractScript, "assets/style.css": style,
	} {
		if err := s.write(name, text); err != nil {
			return err
		}
	}
	return s.put("api.html", content{Title: "The API", Contract: true, Body: `<div id="api"></div>`})
}

// files copies what pages refer to.
func (s *site) files() error {
	for _, name := range s.linked {
		text, err := os.ReadFile(filepath.Join(s.from, filepath.FromSlash(name))) // #nosec G304 -- of the repository
		if err != nil {
			return fmt.Errorf("a page refers to what is not there: %w", err)
		}
		if err := s.write(name, text); err != nil {
			return err
		}
	}
	return nil
}
