package portstest

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Links holds a store to the promises of ports.Links, by fetching. open returns an
// empty one.
func Links(t *testing.T, open func(*testing.T) (ports.Blobs, ports.Links)) {
	as := ports.Presentation{ContentType: "image/webp", Disposition: `attachment; filename="sea.webp"`, CacheControl: "private, max-age=60"}
	t.Run("a link serves the bytes as they are to be presented", func(t *testing.T) {
		blobs, links := open(t)
		create(t, blobs, "v/1/a.webp", "the bytes")
		got := fetch(t, http.MethodGet, link(t, links, "v/1/a.webp", as, time.Minute))
		if got.status != http.StatusOK || got.body != "the bytes" {
			t.Errorf("GET = %d with %q, want 200 with the bytes", got.status, got.body)
		}
		for name, want := range map[string]string{
			"Content-Type": as.ContentType, "Content-Disposition": as.Disposition, "Cache-Control": as.CacheControl,
		} {
			if got := got.header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
	t.Run("what is not asked for is as it was stored", func(t *testing.T) {
		blobs, links := open(t)
		create(t, blobs, "o/a", "a")
		got := fetch(t, http.MethodGet, link(t, links, "o/a", ports.Presentation{}, time.Minute))
		if got.header.Get("Content-Type") != "text/plain" || got.header.Get("Content-Disposition") != "" {
			t.Errorf("the headers are %v, want the stored content type and no disposition", got.header)
		}
	})
	t.Run("a link ends", func(t *testing.T) {
		blobs, links := open(t)
		create(t, blobs, "o/a", "a")
		u := link(t, links, "o/a", as, time.Second)
		time.Sleep(2100 * time.Millisecond) // a link's clock knows only whole seconds
		if got := fetch(t, http.MethodGet, u); got.status != http.StatusForbidden {
			t.Errorf("GET after the link's time = %d, want 403", got.status)
		}
	})
	t.Run("a link permits what it says and no more", func(t *testing.T) { linkPermits(t, open, as) })
	t.Run("a link to nothing is found out by the GET", func(t *testing.T) {
		_, links := open(t)
		if got := fetch(t, http.MethodGet, link(t, links, "o/none", as, time.Minute)); got.status != http.StatusNotFound {
			t.Errorf("GET = %d, want 404", got.status)
		}
	})
	t.Run("a wrong key or time is Invalid", func(t *testing.T) {
		_, links := open(t)
		for _, key := range []string{"", "../x", "o/", "o//a"} {
			_, err := links.Link(t.Context(), key, as, time.Minute)
			expectKind(t, "Link("+key+")", err, core.Invalid)
		}
		for _, ttl := range []time.Duration{-time.Hour, 0, 365 * 24 * time.Hour} {
			_, err := links.Link(t.Context(), "o/a", as, ttl)
			expectKind(t, "Link for "+ttl.String(), err, core.Invalid)
		}
	})
}

// linkPermits changes a link's method, key and presentation.
func linkPermits(t *testing.T, open func(*testing.T) (ports.Blobs, ports.Links), as ports.Presentation) {
	blobs, links := open(t)
	create(t, blobs, "o/a", "a")
	create(t, blobs, "o/b", "b")
	u := link(t, links, "o/a", as, time.Minute)
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		if got := fetch(t, method, u); got.status < 400 {
			t.Errorf("%s = %d, want a refusal", method, got.status)
		}
	}
	changed, err := url.Parse(u)
	must(t, err)
	changed.Path = changed.Path[:len(changed.Path)-1] + "b"
	if got := fetch(t, http.MethodGet, changed.String()); got.status != http.StatusForbidden {
		t.Errorf("GET of another key = %d with %q, want 403", got.status, got.body)
	}
	changed, err = url.Parse(u)
	must(t, err)
	q := changed.Query()
	for name, values := range q {
		if values[0] == as.ContentType {
			q.Set(name, "text/html")
		}
	}
	changed.RawQuery = q.Encode()
	if got := fetch(t, http.MethodGet, changed.String()); got.status != http.StatusForbidden {
		t.Errorf("GET with another content type = %d as %s, want 403", got.status, got.header.Get("Content-Type"))
	}
	if got := string(contents(t, blobs, "o/a")); got != "a" {
		t.Errorf("o/a reads %q afterwards, want a", got)
	}
}

func link(t *testing.T, links ports.Links, key string, as ports.Presentation, ttl time.Duration) string {
	t.Helper()
	u, err := links.Link(t.Context(), key, as, ttl)
	if err != nil {
		t.Fatalf("Link(%s) = %v", key, err)
	}
	return u
}

type fetched struct {
	status int
	header http.Header
	body   string
}

// fetch is what a stranger gets, who has no credentials.
func fetch(t *testing.T, method, u string) fetched {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, u, nil)
	must(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return fetched{resp.StatusCode, resp.Header, string(body)}
}
