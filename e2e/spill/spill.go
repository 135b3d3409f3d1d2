// Package spill listens to what strangers are told when something is refused or goes
// wrong, and finds our insides in it.
package spill

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"

	"imgd/core"
)

// denied is what only our insides know, by what it would tell.
var denied = map[string]*regexp.Regexp{
	"a path":     regexp.MustCompile(`/(?:tmp|home|root|var|usr|etc|proc|opt|srv|mnt|run|dev/shm|data)/|\.(?:go|db|sock|so|yaml|pem):?\b|imgd\.db`),
	"SQL":        regexp.MustCompile(`(?i)\b(?:SELECT|INSERT INTO|DELETE FROM|UPDATE \w+ SET|FOREIGN KEY|UNIQUE constraint|SQLSTATE)\b|sqlite|pgx|postgres|\bredis[:.]`),
	"an address": regexp.MustCompile(`\b(?:\d{1,3}\.){3}\d{1,3}\b|\[(?:[0-9a-f]*:){2,}[0-9a-f]*\]|\blocalhost\b|\bdial (?:tcp|unix)\b|connection refused`),
	"a stack":    regexp.MustCompile(`goroutine \d|runtime error|\bpanic\b|\b0x[0-9a-f]{6,}|nil pointer|\.\(\*\w+\)\.`),
	"a library":  regexp.MustCompile(`\b(?:multipart|mime|strconv|json|http|openapi3filter|io|os|net|context|vips|VipsJpeg|tls)(?:\.[A-Z]\w+)?: |\bParseError\b|deadline exceeded|file descriptor|no such file|cable pulled`),
	"a key":      regexp.MustCompile(`(?i)\b[ov]/[0-9a-f]{8}-|(?:_SECRET|_KEY|_PASSWORD)\b|\bAKIA|\beyJ[A-Za-z0-9_-]{10}|(?:postgres|rediss?|s3|file|sqlite)://|\bpassword\b`),
}

// Judge says everything that is wrong with an answer of 400 or more: that it is no
// problem of a known type, that its body tells of our insides, or that there is one
// where there should be none.
func Judge(r *http.Request, status int, h http.Header, body []byte) (wrong []string) {
	if status < 400 {
		return nil
	}
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if r.Method == http.MethodHead {
		if len(body) > 0 {
			say("an answer to HEAD has a body: %q", body)
		}
		return wrong
	}
	if media := h.Get("Content-Type"); media != "application/problem+json" {
		say("it is of type %q, want application/problem+json", media)
	}
	var p map[string]any
	if err := json.Unmarshal(body, &p); err != nil {
		say("it is no JSON object: %q", body)
		return wrong
	}
	kind, _ := p["type"].(string)
	slug := core.Slug(kind[strings.LastIndexByte(kind, '/')+1:])
	if !slug.Known() || float64(slug.Meaning().Status) != p["status"] || p["status"] != float64(status) {
		say("a %d is of type %q and status %v", status, kind, p["status"])
	}
	delete(p, "type")     // our own public address
	delete(p, "instance") // the caller's own words
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(p); err != nil {
		say("%v", err)
	}
	for what, pattern := range denied {
		if found := pattern.Find(text.Bytes()); found != nil {
			say("it tells %s, %q:\n%s", what, found, body)
		}
	}
	return wrong
}

var heard struct {
	sync.Mutex
	wrong []string
	count int
}

// Around is a transport whose answers are listened to.
func Around(base http.RoundTripper) http.RoundTripper { return listener{base} }

type listener struct{ http.RoundTripper }

func (l listener) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.RoundTripper.RoundTrip(r)
	if err != nil || res.StatusCode < 400 || res.Header.Get("X-Correlation-ID") == "" { // some other server's
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failed{err}))
	if err != nil {
		return res, nil // half an answer is for the caller to complain of
	}
	wrong := Judge(r, res.StatusCode, res.Header, body)
	heard.Lock()
	defer heard.Unlock()
	heard.count++
	for _, w := range wrong {
		heard.wrong = append(heard.wrong, fmt.Sprintf("%s %s = %d: %s", r.Method, r.URL.Path, res.StatusCode, w))
	}
	return res, nil
}

// failed is a reader that ends as another did.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// Over listens to everything that is asked through http.DefaultTransport while the
// tests run, and fails them at their end for what it heard.
func Over(run func() int) func() int {
	return func() int {
		http.DefaultTransport = Around(http.DefaultTransport)
		return verdict(run())
	}
}

func verdict(code int) int {
	heard.Lock()
	defer heard.Unlock()
	for _, w := range heard.wrong {
		fmt.Fprintln(os.Stderr, "told to strangers:", w)
	}
	if code == 0 && len(heard.wrong) > 0 {
		return 1
	}
	fmt.Fprintf(os.Stderr, "%d refusals were listened to\n", heard.count)
	return code
}
