package fuzz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"

	"imgd/adapters/rest"
	"imgd/e2e/contract"
)

// request is what is going to be sent.
type request struct {
	method, path string // the path escaped
	query        []string
	header       http.Header
	body         []byte
	refuse       string // why it has to be refused; empty if it may be taken
}

func (r *request) target() string {
	if len(r.query) == 0 {
		return r.path
	}
	return r.path + "?" + strings.Join(r.query, "&")
}

// unbearable reports whether the request has more before its body than is read.
func (r *request) unbearable() bool {
	size := len(r.target())
	for name, values := range r.header {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	return size > rest.MaxHeaderBytes-1<<10
}

// must notes that the service has to refuse this.
func (r *request) must(why string) {
	if r.refuse == "" {
		r.refuse = why
	}
}

func (r *request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.method, r.target())
	for _, name := range slices.Sorted(maps.Keys(r.header)) {
		for _, v := range r.header[name] {
			fmt.Fprintf(&b, "\n    %s: %.120q", name, v)
		}
	}
	if len(r.body) > 0 {
		fmt.Fprintf(&b, "\n    %d bytes: %.600q", len(r.body), r.body)
	}
	return b.String()
}

// draw makes a request for an operation: one that the contract lets pass, or one that
// is wrong in a place or two.
func (s *session) draw(t *rapid.T, op *contract.Operation) *request {
	r := &request{method: op.Method, path: op.Path, header: http.Header{}}
	open := op.Security != nil && len(*op.Security) == 0
	for _, p := range op.Parameters {
		s.parameter(t, r, op, p.Value)
	}
	if op.RequestBody != nil {
		s.drawBody(t, r, op)
	}
	if oneIn(t, 3, "broken") {
		breaks := []string{"unknown", "twice", "escape", "method", "headers", "headers"}
		switch pick(t, "how", breaks...) {
		case "unknown":
			r.query = append(r.query, pick(t, "unknown", "x=1", "LIMIT=1", "limit%20=1", "%F0%9F%99%82=1", "utm_source=x", "a[b]=1", "cursor[]=x"))
			if !strings.Contains(r.query[len(r.query)-1], "utm_") || !slices.Contains(op.Tags, "delivery") {
				r.must("a parameter there is not")
			}
		case "twice":
			if len(r.query) > 0 {
				r.query = append(r.query, r.query[0])
				r.must("a parameter that came twice")
			}
		case "escape":
			r.query = append(r.query, pick(t, "escape", "limit=%zz", "%", "a=%u0041", "limit=1;cursor=2"))
			r.must("a query that cannot be read")
		case "method":
			r.method = pick(t, "method", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "GET", "HEAD", "get", "QUERY")
			r.refuse = "" // the contract says whether there is one
		case "headers":
			s.oddHeaders(t, r, op)
		}
	}
	s.authorize(t, r, open)
	return r
}

// parameter draws the value of a parameter, or leaves it out.
func (s *session) parameter(t *rapid.T, r *request, op *contract.Operation, p *openapi3.Parameter) {
	rare := 4
	if slices.Contains([]string{"exp", "kid", "sig"}, p.Name) {
		rare = 16 // any of them makes it a link
	}
	if !p.Required && !oneIn(t, rare, "has "+p.Name) {
		return
	}
	v := written(s.named(t, op, p))
	if oneIn(t, 8, "odd "+p.Name) {
		v = pick(t, p.Name, oddities...)
	}
	wrong := p.In != openapi3.ParameterInHeader && !passes(p.Schema.Value, v)
	switch p.In {
	case openapi3.ParameterInPath:
		r.path = strings.ReplaceAll(r.path, "{"+p.Name+"}", url.PathEscape(v))
		if wrong {
			r.must("its " + p.Name + " names nothing")
		}
	case openapi3.ParameterInQuery:
		r.query = append(r.query, p.Name+"="+url.QueryEscape(v))
		if wrong {
			r.must("its " + p.Name + " is not what it has to be")
		}
	case openapi3.ParameterInHeader:
		if sendable(v) {
			r.header.Set(p.Name, v)
		}
	}
}

// named is a value of a parameter, of something that is there where it names something.
func (s *session) named(t *rapid.T, op *contract.Operation, p *openapi3.Parameter) any {
	switch {
	case p.Name == "image_id" && len(s.images) > 0 && !oneIn(t, 5, "other"):
		last := s.images[len(s.images)-1] // the others may be deleted
		return rapid.SampledFrom(append(slices.Clone(s.images), last, last, last)).Draw(t, p.Name)
	case p.Name == "job_id" && len(s.jobs) > 0 && !oneIn(t, 5, "other"):
		return rapid.SampledFrom(append(slices.Clone(s.jobs), s.jobs[len(s.jobs)-1])).Draw(t, p.Name)
	case p.Name == "name":
		return pick(t, p.Name, names...)
	case p.Name == "slug":
		return pick(t, p.Name, "not-found", "invalid-body", "internal", "nope")
	case p.In == openapi3.ParameterInQuery && op.OperationID == "uploadImage" && (p.Name == "variants" || p.Name == "metadata"):
		v, _ := s.hint(t, p.Name, p.Schema.Value)
		return v
	}
	return s.value(t, p.Name, p.Schema.Value)
}

// passes reports whether the text of a parameter is what its schema lets pass.
func passes(schema *openapi3.Schema, text string) bool {
	var v any = text
	var err error
	switch {
	case schema.Type.Is(openapi3.TypeInteger):
		v, err = strconv.ParseInt(text, 10, 64)
	case schema.Type.Is(openapi3.TypeBoolean):
		v, err = strconv.ParseBool(text)
	}
	return err == nil && fits(schema, v)
}

// fits reports whether a schema lets a value pass.
func fits(schema *openapi3.Schema, v any) bool {
	text, err := json.Marshal(v)
	if err != nil {
		return false
	}
	var plain any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&plain) != nil {
		return false
	}
	return schema.VisitJSON(plain, openapi3.VisitAsRequest(), openapi3.WithStringFormatValidator("uuid", openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringForUUIDOfRFC9562))) == nil
}

// sendable reports whether a header may have the value: HTTP/1.1 has no other way to
// write it, and the client would not.
func sendable(v string) bool {
	return v == strings.TrimSpace(v) && !strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// oddHeaders are those that mean something to somebody, with values that may not.
func (s *session) oddHeaders(t *rapid.T, r *request, op *contract.Operation) {
	for range rapid.IntRange(1, 3).Draw(t, "odd headers") {
		name := pick(t, "header", "Range", "If-Range", "If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since", "Idempotency-Key", "Accept", "Accept-Encoding",
			"Prefer", "X-Correlation-ID", "Traceparent", "Tracestate", "Origin", "X-Forwarded-For", "Forwarded", "X-Http-Method-Override", "Cookie", "Content-Encoding",
			"Expect", "Referer", "User-Agent", "Upgrade", "Te", "X-Long", "Access-Control-Request-Method", "Cache-Control")
		v := pick(t, "value", append(slices.Clone(oddities), append(slices.Clone(ranges), "*/*", "text/html", "application/xml;q=0.1", "gzip", "identity", "gzip, br", "100-continue", "c-1",
			"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "https://evil.example", "DELETE", "Sat, 01 Aug 2026 12:00:00 GMT", "wait=1", "h2c", "websocket", "1.2.3.4, 5.6.7.8", strings.Repeat("x", 20<<10))...)...)
		if sendable(v) {
			r.header.Add(name, v)
		}
		if v := r.header.Get("Content-Encoding"); v != "" && v != "identity" && op.RequestBody != nil {
			r.must("a body that is encoded")
		}
	}
}

// stray is a request for what the contract does not have.
func (s *session) stray(t *rapid.T) *request {
	r := &request{method: pick(t, "method", "GET", "POST", "HEAD", "DELETE", "OPTIONS"), header: http.Header{}}
	r.path = pick(t, "path", "/v1", "/v1/", "/v1/images/", "/v2/images", "/v1//images", "/v1/images/../jobs", "/v1/images/%2e%2e/jobs", "/v1%2fimages", "/v1/images/%00", "/v1/images/%ff", "/%F0%9F%99%82",
		"/v1/images/"+absent+"/variants", "/v1/images/"+absent+"/variants/", "/v1/images/"+absent+"/variants/a/b", "/v1/images/"+absent+";x=1", "/metrics/", "/livez/x", "/problems/", "/problems/../livez", "/.git/config",
		"/debug/pprof/", "/v1/images/"+strings.Repeat("a", 4000), "/favicon.ico", "/V1/IMAGES", "/openapi.json%20")
	s.authorize(t, r, false)
	r.refuse = "there is no such address"
	return r
}

// follow is a request for an address that an answer has given out.
func (s *session) follow(t *rapid.T) *request {
	r := &request{method: pick(t, "method", "GET", "GET", "GET", "HEAD"), path: rapid.SampledFrom(s.addresses).Draw(t, "address"), header: http.Header{}}
	if oneIn(t, 4, "range") {
		r.header.Set("Range", pick(t, "range", ranges...))
	}
	if oneIn(t, 4, "cut") {
		r.path = r.path[:len(r.path)-1]
	}
	if oneIn(t, 4, "more") {
		r.path += pick(t, "more", "&utm_source=x", "&exp=1", "&v=x", "&sig=x", "&redirect=1", "&", "x")
	}
	s.authorize(t, r, false)
	return r
}
