package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
)

const (
	maxJSON      = 1 << 20 // of a JSON body
	maxJSONDepth = 64
	maxOverhead  = 1 << 20 // of a form around its file
)

// checked asks for a token, counts the request, then holds a request against the contract, before
// generated code sees it. Bodies of uploads pass by unread.
func (s *Server) checked(op *operation, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if op.route.Operation.RequestBody != nil {
			body := s.paced(w, r.Body)
			defer body.done()
			r.Body = body
		}
		callOf(r.Context()).op = op
		if err := s.check(op, w, r); err != nil {
			s.problem(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// admit finds out who asks, and counts them before the records are asked for anything.
func (s *Server) admit(op *operation, w http.ResponseWriter, r *http.Request) (err error) {
	var find place
	c := callOf(r.Context())
	if op.shared {
		c.by, find, err = s.reader(r)
	} else {
		c.by, err = s.principal(r)
	}
	if err != nil {
		return err
	}
	c.by.Address = c.address
	if err := s.limit(op, w, r); err != nil || find == nil {
		return err
	}
	if c.by.Tenant, err = find(r.Context()); err != nil {
		c.by = core.Principal{} // whatever they came with, it leads nowhere
	}
	return err
}

func (s *Server) check(op *operation, w http.ResponseWriter, r *http.Request) error {
	if !op.open {
		if err := s.admit(op, w, r); err != nil {
			return err
		}
	}
	if err := op.checkQuery(r.URL); err != nil {
		return err
	}
	options := &openapi3filter.Options{
		MultiError: true, SkipSettingDefaults: true, ExcludeRequestBody: true,
		SchemaValidationOptions: []openapi3.SchemaValidationOption{uuids},
	}
	if op.route.Operation.RequestBody != nil {
		isJSON, err := s.checkBody(op, w, r)
		if err != nil {
			return err
		}
		options.ExcludeRequestBody = !isJSON
	}
	in := &openapi3filter.RequestValidationInput{Request: r, Route: op.route, PathParams: map[string]string{}, Options: options}
	for _, name := range op.inPath {
		in.PathParams[name] = r.PathValue(name)
	}
	if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
		return violations(err)
	}
	return nil
}

// checkQuery refuses parameters the operation does not know, or that came twice.
func (o *operation) checkQuery(u *url.URL) error {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return core.InvalidParameter.Errorf("the query cannot be read; percent-encode its values").Because(err)
	}
	var list []api.FieldError
	for _, name := range known(query) {
		switch {
		case o.bytes && strings.HasPrefix(name, "utm_"):
		case !slices.Contains(o.inQuery, name):
			list = append(list, api.FieldError{Parameter: new(clip(name, 64)), Detail: "is not a parameter of this operation"})
		case len(query[name]) > 1:
			list = append(list, api.FieldError{Parameter: &name, Detail: "came more than once"})
		}
	}
	if list == nil {
		return nil
	}
	e := core.InvalidParameter.Errorf("%s", sentence(list)).With("errors", list)
	if o.inQuery != nil {
		e = e.With("allowed", o.inQuery)
	}
	return e
}

// checkBody refuses types the operation does not take. It reads a JSON body,
// which has to be small, and bounds any other.
func (s *Server) checkBody(op *operation, w http.ResponseWriter, r *http.Request) (isJSON bool, err error) {
	if v := r.Header.Get("Content-Encoding"); v != "" && !strings.EqualFold(v, "identity") {
		return false, core.UnsupportedMediaType.Errorf("a body with Content-Encoding is not taken; send it as it is")
	}
	content := op.route.Operation.RequestBody.Value.Content
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && media == "" || content.Get(media) == nil {
		return false, core.UnsupportedMediaType.Errorf("the Content-Type must be %s", strings.Join(known(content), " or ")).
			With("allowed", known(content)).Because(err)
	}
	if !strings.HasSuffix(media, "json") {
		return false, s.boundUpload(w, r, media)
	}
	r.Header.Set("Content-Type", media) // parameters of JSON mean nothing
	text, err := io.ReadAll(bounded(w, r.Body, maxJSON))
	if err != nil {
		return true, err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	if len(text) == 0 {
		return true, nil // the schema says whether that will do
	}
	return true, checkJSON(text)
}

// boundUpload refuses what says of itself that it is too long, and cuts off what
// becomes so.
func (s *Server) boundUpload(w http.ResponseWriter, r *http.Request, media string) error {
	limit := s.Ingest.MaxBytes
	if limit <= 0 {
		return nil
	}
	most := limit
	if strings.HasPrefix(media, "multipart/") {
		most += maxOverhead
		if len(r.URL.RawQuery) > 0 {
			return core.InvalidParameter.Errorf("with a form, fields are parts of the form and not query parameters")
		}
	}
	if r.ContentLength > most {
		return core.UploadTooLarge.Errorf("the body has %d bytes; an image may have %d", r.ContentLength, limit).
			With("limit", limit).With("actual", r.ContentLength)
	}
	r.Body = bounded(w, r.Body, limit+maxOverhead)
	return nil
}

// bounded ends a body with TooLarge after limit bytes.
func bounded(w http.ResponseWriter, body io.ReadCloser, limit int64) io.ReadCloser {
	return explained{http.MaxBytesReader(w, body, limit)}
}

// explained is a body whose errors have a kind.
type explained struct{ io.ReadCloser }

func (b explained) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, explain(err)
	}
	return n, err
}

// checkJSON refuses text that is no JSON, is nested too deep, or has a member
// twice: parsers disagree on which of the two counts.
func checkJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := checkValue(dec, nil); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return core.InvalidBody.Errorf("something follows the JSON value of the body").Because(err)
	}
	return nil
}

// checkValue reads one value at path.
func checkValue(dec *json.Decoder, path []string) error {
	open, err := token(dec)
	if err != nil {
		return err
	}
	if open != json.Delim('{') && open != json.Delim('[') {
		return nil
	}
	if len(path) >= maxJSONDepth {
		return core.InvalidBody.Errorf("the body is more than %d levels deep", maxJSONDepth).With("limit", maxJSONDepth)
	}
	seen := map[string]bool{}
	for i := 0; dec.More(); i++ {
		name := strconv.Itoa(i)
		if open == json.Delim('{') {
			t, err := token(dec)
			if err != nil {
				return err
			}
			name, _ = t.(string)
			if seen[name] {
				twice := []api.FieldError{{Pointer: new(pointer(append(slices.Clone(path), clip(name, 64)))), Detail: "came more than once"}}
				return core.InvalidBody.Errorf("%s", sentence(twice)).With("errors", twice)
			}
			seen[name] = true
		}
		if err := checkValue(dec, append(path, name)); err != nil {
			return err
		}
	}
	_, err = token(dec)
	return err
}

func token(dec *json.Decoder) (json.Token, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, core.InvalidBody.Errorf("the body is not valid JSON; the mistake is near byte %d", dec.InputOffset()).Because(err)
	}
	return t, nil
}
