package main

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"imgd/core"
)

var refers = regexp.MustCompile(`<(\w+)[^>]*? (?:src|href)="([^"]+)"`)

// Every link of every page leads to a file of the site or, if a person follows it,
// to another host; none is loaded from there.
func TestTheSiteHoldsTogether(t *testing.T) {
	to := t.TempDir()
	if err := build("../..", to); err != nil {
		t.Fatal(err)
	}
	site := os.DirFS(to)
	pages := 0
	err := fs.WalkDir(site, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".html" {
			return err
		}
		pages++
		text, err := fs.ReadFile(site, name)
		for _, ref := range refers.FindAllStringSubmatch(string(text), -1) {
			check(t, site, name, ref[1], ref[2])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if least := len(core.Slugs()) + 20; pages < least {
		t.Errorf("the site has %d pages, want %d or more", pages, least)
	}
	first, err := fs.ReadFile(site, "index.html")
	if err != nil || !strings.Contains(string(first), "<h1 id=\"imgd\">imgd</h1>") {
		t.Errorf("the first page is not the README: %v", err)
	}
}

func check(t *testing.T, site fs.FS, from, element, link string) {
	t.Helper()
	to, place, _ := strings.Cut(link, "#")
	if strings.Contains(to, "://") {
		if element != "a" {
			t.Errorf("%s loads %s", from, link)
		}
		return
	}
	name := path.Join(path.Dir(from), to)
	if to == "" {
		name = from
	}
	text, err := fs.ReadFile(site, name)
	if err != nil {
		t.Errorf("%s leads to %s: %v", from, link, err)
		return
	}
	if place != "" && !strings.Contains(string(text), `id="`+place+`"`) {
		t.Errorf("%s leads to %s, and no heading is called so", from, link)
	}
}
