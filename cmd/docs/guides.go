package main

import (
	"bytes"
	"fmt"
	"html/template"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// written for those who work on imgd, not with it.
var internal = []string{"docs/progress.md"}

var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))

// guides makes a page of each Markdown file in docs, and of those that they lead to.
// README.md is the first page.
func (s *site) guides() error {
	s.names = []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "docs/decisions/*.md"} {
		found, err := filepath.Glob(filepath.Join(s.from, pattern))
		if err != nil {
			return err
		}
		for _, file := range found {
			name, err := filepath.Rel(s.from, file)
			if err != nil {
				return err
			}
			s.names = append(s.names, filepath.ToSlash(name))
		}
	}
	var decisions strings.Builder
	for i := 0; i < len(s.names); i++ { // it grows on the way
		name := s.names[i]
		if slices.Contains(internal, name) {
			continue
		}
		title, err := s.guide(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if strings.HasPrefix(name, "docs/decisions/") {
			fmt.Fprintf(&decisions, `<li><a href="%s">%s</a></li>`, path.Base(asPage(name)), template.HTMLEscapeString(title))
		}
	}
	return s.put("docs/decisions/index.html", content{
		Title: "Decisions", Body: template.HTML("<h1>Decisions</h1><ul class=\"plain\">" + decisions.String() + "</ul>"), // #nosec G203 -- titles are escaped
	})
}

// guide makes one page, and returns its title.
func (s *site) guide(name string) (string, error) {
	source, err := os.ReadFile(filepath.Join(s.from, filepath.FromSlash(name))) // #nosec G304 -- of the repository
	if err != nil {
		return "", err
	}
	doc := markdown.Parser().Parse(text.NewReader(source))
	title := path.Base(name)
	err = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		var err error
		switch n := n.(type) {
		case *ast.Heading:
			if n.Level == 1 {
				title = plain(n, source)
			}
		case *ast.Link:
			n.Destination, err = s.follow(name, n.Destination)
		case *ast.Image:
			n.Destination, err = s.follow(name, n.Destination)
		}
		return ast.WalkContinue, err
	})
	if err != nil {
		return "", err
	}
	var body bytes.Buffer
	if err := markdown.Renderer().Render(&body, source, doc); err != nil {
		return "", err
	}
	return title, s.put(asPage(name), content{Title: title, Body: template.HTML(body.String())}) // #nosec G203 -- goldmark lets no markup of the text through
}

// plain is the text of a heading.
func plain(n ast.Node, source []byte) string {
	var out strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			out.Write(t.Segment.Value(source))
		} else {
			out.WriteString(plain(c, source))
		}
	}
	return out.String()
}

// follow is where a link leads in the site. What it leads to in the repository comes
// along.
func (s *site) follow(from string, link []byte) ([]byte, error) {
	to, place, _ := strings.Cut(string(link), "#")
	if to == "" || strings.Contains(to, "://") {
		return link, nil
	}
	name := path.Join(path.Dir(from), to)
	info, err := os.Stat(filepath.Join(s.from, filepath.FromSlash(name)))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the link to %s leads nowhere: %w", link, err)
	case slices.Contains(internal, name):
		return nil, fmt.Errorf("the link to %s leads to a page that the site does not have", link)
	case info.IsDir():
		to = strings.TrimSuffix(to, "/") + "/index.html"
	case path.Ext(name) == ".md":
		if !slices.Contains(s.names, name) {
			s.names = append(s.names, name)
		}
		to = path.Join(path.Dir(to), path.Base(asPage(name)))
	case !slices.Contains(s.linked, name):
		s.linked = append(s.linked, name)
	}
	if place != "" {
		to += "#" + place
	}
	return []byte(to), nil
}

// asPage is the name a Markdown file has in the site.
func asPage(name string) string {
	if name == "README.md" {
		return "index.html"
	}
	return strings.TrimSuffix(name, ".md") + ".html"
}
