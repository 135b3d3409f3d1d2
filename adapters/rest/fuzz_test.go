package rest

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"imgd/core"
)

// FuzzProblem has a problem written with whatever text there is in it: it is JSON, of
// a known type, has no body for HEAD, and tells nothing of its cause.
func FuzzProblem(f *testing.F) {
	f.Add("not-found", "there is no such image", "limit", "7", "/v1/images/x", "GET")
	f.Add("nonsense", "\xff\x00\r\n\u2028</script>", "type", "\"", "/%00", "HEAD")
	f.Add("internal", "told", "errors", "x", "/a?b", "POST")
	f.Add("insufficient-scope", "a", "required", "images:read\r\nX: y", "//", "M")
	s := &Server{PublicURL: "https://images.example.com", Log: slog.New(slog.DiscardHandler)}
	const cause = "cause-of-it-7f3a"
	f.Fuzz(func(t *testing.T, slug, detail, name, fact, path, method string) {
		if strings.Contains(detail+name+fact+path, cause) {
			return
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.URL, r.Method = &url.URL{Path: path}, method
		w := httptest.NewRecorder()
		err := (&core.Error{Kind: core.Slug(slug).Meaning().Kind, Slug: core.Slug(slug), Detail: detail}).With(name, fact).Because(errors.New(cause))
		s.around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.problem(w, r, err) })).ServeHTTP(w, r)
		body := w.Body.Bytes()
		if method == http.MethodHead {
			if len(body) > 0 {
				t.Errorf("HEAD is answered with %q", body)
			}
			return
		}
		var p struct {
			Type   string
			Status int
			Title  string
		}
		if err := json.Unmarshal(body, &p); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		known := core.Slug(p.Type[strings.LastIndexByte(p.Type, '/')+1:])
		if !known.Known() || p.Status != w.Code || known.Meaning().Status != w.Code || p.Title == "" || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%d of type %q is %q", w.Code, w.Header().Get("Content-Type"), body)
		}
		if strings.Contains(string(body), cause) {
			t.Errorf("the cause is told: %q", body)
		}
	})
}

// FuzzQuery holds any query against every operation: what passes is known and came
// once, what does not is the caller's mistake.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"", "limit=1", "limit=1&limit=2", "a=%zz", "utm_source=x", "bucket=a;limit=2", "%00=1", "limit", "=", "&&", "limit=%C3%28", "v=1&v"} {
		f.Add(q)
	}
	operations, err := readContract()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for pattern, op := range operations {
			err := op.checkQuery(&url.URL{RawQuery: raw})
			if err != nil {
				if core.KindOf(err) != core.Invalid {
					t.Fatalf("%s?%s is %v, which is no mistake of the caller", pattern, raw, err)
				}
				continue
			}
			query, err := url.ParseQuery(raw)
			if err != nil {
				t.Fatalf("%s takes the query %q, which is none: %v", pattern, raw, err)
			}
			for name, values := range query {
				decorated := op.bytes && strings.HasPrefix(name, "utm_")
				if !decorated && (len(values) != 1 || !slices.Contains(op.inQuery, name)) {
					t.Errorf("%s takes %s=%q", pattern, name, values)
				}
			}
		}
	})
}
