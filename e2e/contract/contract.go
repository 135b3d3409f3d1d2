// Package contract holds answers against openapi.yaml: what a client is told has to be
// what the contract says it may be told, and nothing else.
package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"imgd"
	"imgd/e2e/spill"
)

// beside are the addresses that are answered and are no part of the contract: the
// pages for people. All that is below one that ends in a slash is meant.
var beside = []string{"/", "/docs", "/docs/", "/redoc", "/redoc/", "/dashboard", "/dashboard/"}

// Operation is one method of one path.
type Operation struct {
	*openapi3.Operation
	Method, Path string
	Parameters   openapi3.Parameters // those of the path too
}

// Book is openapi.yaml as it is held against answers.
type Book struct {
	operations map[string]*Operation // by their pattern in mux
	mux        *http.ServeMux
}

// Read reads a document of OpenAPI 3.1.
func Read(text []byte) (*Book, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	b := &Book{map[string]*Operation{}, http.NewServeMux()}
	var wrong []error
	for address, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			pattern := method + " " + address
			b.mux.Handle(pattern, http.NotFoundHandler())
			b.operations[pattern] = &Operation{op, method, address, slices.Concat(item.Parameters, op.Parameters)}
			wrong = append(wrong, b.prepare(pattern, op))
		}
	}
	return b, errors.Join(wrong...)
}

// prepare closes what an operation answers with, and refuses what Judge could not hold
// an answer against.
func (b *Book) prepare(pattern string, op *openapi3.Operation) error {
	for status, response := range op.Responses.Map() {
		for name, h := range response.Value.Headers {
			if h.Value.Schema == nil || !h.Value.Schema.Value.Type.Is(openapi3.TypeString) {
				return fmt.Errorf("%s, %s: the header %s is no text", pattern, status, name)
			}
		}
		for _, media := range response.Value.Content {
			if media.Schema != nil {
				shut(media.Schema.Value, map[*openapi3.Schema]bool{})
			}
		}
	}
	return nil
}

// shut makes an object that lists its members have no others. Callers have to live
// with more; those who write it have to write it down.
func shut(s *openapi3.Schema, seen map[*openapi3.Schema]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	more := &s.AdditionalProperties
	if len(s.Properties) > 0 && more.Has == nil && more.Schema == nil {
		more.Has = new(false)
	}
	below := slices.Concat(s.OneOf, s.AnyOf, s.AllOf, slices.Collect(maps.Values(s.Properties)))
	for _, ref := range append(below, s.Items, more.Schema) {
		if ref != nil {
			shut(ref.Value, seen)
		}
	}
}

// Ours is the contract of this tree.
var Ours = sync.OnceValue(func() *Book {
	b, err := Read(imgd.OpenAPI)
	if err != nil {
		panic(err) // the tree does not hold together
	}
	return b
})

// Operations are all there are.
func (b *Book) Operations() []*Operation {
	return slices.SortedFunc(maps.Values(b.operations), func(x, y *Operation) int {
		return strings.Compare(x.Path+" "+x.Method, y.Path+" "+y.Method)
	})
}

// Operation is the one of a name; nil if there is none.
func (b *Book) Operation(id string) *Operation {
	for _, op := range b.operations {
		if op.OperationID == id {
			return op
		}
	}
	return nil
}

// Find is the operation that a request is for. Without one, there says whether the
// path has another method.
func (b *Book) Find(r *http.Request) (op *Operation, there bool) {
	h, pattern := b.mux.Handler(r)
	if op := b.operations[pattern]; op != nil {
		if path.Clean(r.URL.Path) != r.URL.Path {
			return nil, false
		}
		return op, true
	}
	refused := status{header: http.Header{}}
	h.ServeHTTP(&refused, r)
	return nil, refused.code == http.StatusMethodNotAllowed
}

// status is an answer of which only that is kept.
type status struct {
	header http.Header
	code   int
}

func (s *status) Header() http.Header         { return s.header }
func (s *status) WriteHeader(code int)        { s.code = code }
func (s *status) Write(p []byte) (int, error) { return len(p), nil }

// Opaque reports whether the body of an answer is bytes that no schema says more of,
// so that nobody has to read it to judge the answer.
func Opaque(h http.Header) bool {
	media := mediaOf(h)
	return strings.HasPrefix(media, "image/") || strings.HasPrefix(media, "text/") ||
		slices.Contains([]string{"application/octet-stream", "multipart/byteranges", "application/openmetrics-text", "application/yaml"}, media)
}

func mediaOf(h http.Header) string {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.TrimSpace(media)
}

// Judge says everything that is wrong with an answer. Of an Opaque one the body may be
// left out.
func (b *Book) Judge(r *http.Request, code int, h http.Header, body []byte) (wrong []string) {
	if beneathHTTP(code, h) {
		return nil
	}
	if !ids.MatchString(h.Get("X-Correlation-ID")) {
		wrong = append(wrong, fmt.Sprintf("its X-Correlation-ID is %q", h.Get("X-Correlation-ID")))
	}
	if media := mediaOf(h); (code >= 400 || media == "application/json" && r.URL.Path != "/openapi.json") && h.Get("Cache-Control") != "no-store" {
		wrong = append(wrong, fmt.Sprintf("its Cache-Control is %q, want no-store", h.Get("Cache-Control")))
	}
	wrong = append(wrong, spill.Judge(r, code, h, body)...)
	op, there := b.Find(r)
	if op == nil {
		return append(wrong, stray(r, there, code, h)...)
	}
	response := op.Responses.Status(code)
	if response == nil {
		return append(wrong, fmt.Sprintf("the contract has no such status for %s", op.OperationID))
	}
	wrong = append(wrong, headers(response.Value, h)...)
	return append(wrong, content(r, response.Value, h, body)...)
}

var ids = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// beneathHTTP reports whether Go's server has refused something that is no HTTP
// request, or none of a bearable size, before anybody of ours saw it.
func beneathHTTP(code int, h http.Header) bool {
	if h.Get("X-Correlation-ID") != "" || h.Get("X-Content-Type-Options") != "" {
		return false
	}
	plain := strings.HasPrefix(h.Get("Content-Type"), "text/plain") || h.Get("Content-Type") == ""
	return plain && slices.Contains([]int{400, 417, 431, 501, 505}, code)
}

// stray says what is wrong with an answer to what is no operation of the contract.
func stray(r *http.Request, there bool, code int, h http.Header) []string {
	p := "/" + strings.TrimPrefix(r.URL.Path, "/")
	page := slices.ContainsFunc(beside, func(b string) bool { return p == b || b != "/" && strings.HasSuffix(b, "/") && strings.HasPrefix(p, b) })
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	want := http.StatusNotFound
	switch {
	case page && code < 500, preflight && code == http.StatusNoContent:
		return nil
	case there:
		if want = http.StatusMethodNotAllowed; h.Get("Allow") == "" {
			return []string{"it does not say which methods are allowed"}
		}
	}
	if code != want {
		return []string{fmt.Sprintf("the contract has no such operation; want a %d", want)}
	}
	return nil
}

// headers says which headers of an answer are missing, or are not what they should be.
func headers(response *openapi3.Response, h http.Header) (wrong []string) {
	for _, name := range slices.Sorted(maps.Keys(response.Headers)) {
		values, documented := h.Values(name), response.Headers[name].Value
		if len(values) == 0 {
			if documented.Required {
				wrong = append(wrong, "it has no "+name)
			}
			continue
		}
		if len(values) > 1 {
			wrong = append(wrong, fmt.Sprintf("it has %s %d times", name, len(values)))
		}
		if err := fits(documented.Schema.Value, values[0]); err != nil {
			wrong = append(wrong, fmt.Sprintf("its %s is %q: %v", name, values[0], err))
		}
	}
	return wrong
}

// content says what is wrong with the type and the body of an answer.
func content(r *http.Request, response *openapi3.Response, h http.Header, body []byte) []string {
	if r.Method == http.MethodHead {
		return nil // it has those of another answer
	}
	claimed := h.Get("Content-Type")
	if len(response.Content) == 0 {
		if len(body) > 0 {
			return []string{fmt.Sprintf("it has a body where the contract has none: %.200q", body)}
		}
		return nil
	}
	media := response.Content.Get(claimed)
	switch {
	case claimed == "" || media == nil:
		return []string{fmt.Sprintf("its Content-Type is %q, which the contract does not have", claimed)}
	case media.Schema == nil || Opaque(h):
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var value any
	err := dec.Decode(&value)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF { //nolint:errorlint // the decoder's own end
			err = errors.New("something follows the value")
		}
	}
	if err != nil {
		return []string{fmt.Sprintf("its body is not JSON: %v: %.200q", err, body)}
	}
	if err := fits(media.Schema.Value, value); err != nil {
		return []string{fmt.Sprintf("its body is not what the contract has: %v\n%.2000s", err, body)}
	}
	return nil
}

// formats are those that openapi.yaml uses and the validator has no idea of.
var formats = openapi3.WithStringFormatValidators(map[string]openapi3.StringFormatValidator{
	"uuid":          openapi3.NewRegexpFormatValidator(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
	"uri-reference": openapi3.NewCallbackValidator(func(s string) error { _, err := url.Parse(s); return err }),
	"uri": openapi3.NewCallbackValidator(func(s string) error {
		u, err := url.Parse(s)
		if err == nil && (!u.IsAbs() || u.Host == "") {
			err = errors.New("it is not absolute")
		}
		return err
	}),
})

// fits holds a value against a schema, by the rules of 3.0.3 with the types of 3.1:
// those of 3.1 alone are compiled for each value anew, thirty times as slowly.
func fits(s *openapi3.Schema, value any) error {
	var list []string
	var collect func(error)
	collect = func(err error) {
		switch e := err.(type) { //nolint:errorlint // the validator nests, it does not wrap
		case nil:
		case openapi3.MultiError:
			for _, one := range e {
				collect(one)
			}
		case *openapi3.SchemaError:
			list = append(list, "/"+strings.Join(e.JSONPointer(), "/")+": "+e.Reason)
		default:
			list = append(list, err.Error())
		}
	}
	collect(s.VisitJSON(value, openapi3.VisitAsResponse(), openapi3.MultiErrors(), formats))
	if list == nil {
		return nil
	}
	return errors.New(strings.Join(list, "; "))
}
