// Package spill reads what strangers are told when something is refused or goes wrong,
// and finds our insides in it.
package spill

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

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
