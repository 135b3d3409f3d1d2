package rest

import (
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
)

// problem is where every error leaves the service: of parameters, of bodies, of
// use cases, of the mux, of panics. An answer that has begun cannot become a
// problem any more; its connection is broken instead.
func (s *Server) problem(w http.ResponseWriter, r *http.Request, err error) {
	c := callOf(r.Context())
	if lost := s.refused(r, err); lost != nil {
		s.log(r.Context(), slog.LevelError, "a refusal is missing from the audit trail", slog.String("error", lost.Error()))
	}
	if c.err == nil {
		c.err = err
	}
	if c.writer.started || r.Context().Err() != nil && core.KindOf(err) == core.Internal {
		panic(http.ErrAbortHandler) // half an answer, or nobody to answer
	}
	s.write(w, r, err)
}

// write answers with err as RFC 9457 has it: what is meant for callers, and none
// of its causes.
func (s *Server) write(w http.ResponseWriter, r *http.Request, err error) {
	c := callOf(r.Context())
	c.err = err
	e := told(err)
	p := s.document(e.Slug, e.Detail, e.Facts, c.correlation)
	p.Instance = new(r.URL.EscapedPath())
	p.Errors = places(e)
	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Disposition", "Content-Encoding", "Accept-Ranges", "ETag", "Last-Modified", "Location"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	hint(h, r, e, int(p.Status))
	body, err := json.Marshal(p)
	if err != nil { // a fact that is no JSON
		c.err = errors.Join(c.err, err)
		body = []byte(`{"type":"about:blank","title":"Internal error","status":500,"detail":"something went wrong on our side"}`)
		p.Status = http.StatusInternalServerError
	}
	w.WriteHeader(int(p.Status))
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n')) // the caller may be gone
	}
}

// told is the part of err that callers may read.
func told(err error) *core.Error {
	e, ok := errors.AsType[*core.Error](err)
	if !ok || e.Slug == core.Slug(core.Internal) {
		return core.Internal.Errorf("something went wrong on our side; the correlation id finds it in our logs")
	}
	if !e.Slug.Known() {
		c := *e
		c.Slug = core.Slug(e.Kind)
		return &c
	}
	return e
}

// document is a problem without its place.
func (s *Server) document(slug core.Slug, detail string, facts map[string]any, correlation string) api.Problem {
	m := slug.Meaning()
	p := api.Problem{
		Type: s.url("/problems/%s", slug), Title: m.Title, Status: int64(m.Status), Detail: detail,
	}
	if correlation != "" {
		p.CorrelationID = &correlation
	}
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		switch name {
		case "type", "title", "status", "detail", "instance", "correlation_id", "errors":
		default:
			p.Set(name, facts[name])
		}
	}
	return p
}

// places says which parts of the request are wrong.
func places(e *core.Error) []api.FieldError {
	if list, ok := e.Facts["errors"].([]api.FieldError); ok {
		return list
	}
	if name, ok := e.Facts["parameter"].(string); ok {
		return []api.FieldError{{Parameter: &name, Detail: e.Detail}}
	}
	if e.Kind != core.Invalid {
		return nil
	}
	if name, ok := e.Facts["variant"].(string); ok {
		return []api.FieldError{{Pointer: new("#/variants/" + escapePointer(name)), Detail: e.Detail}}
	}
	switch e.Slug {
	case core.InvalidMetadata:
		return []api.FieldError{{Pointer: new("#/metadata"), Detail: e.Detail}}
	case core.InvalidVariants:
		return []api.FieldError{{Pointer: new("#/variants"), Detail: e.Detail}}
	case core.UnknownPreset:
		return []api.FieldError{{Pointer: new("#/preset"), Detail: e.Detail}}
	}
	return nil
}

// hint sets the headers that say what to do next.
func hint(h http.Header, r *http.Request, e *core.Error, status int) {
	wait := e.RetryAfter
	if wait <= 0 && (e.Kind == core.Limited || e.Kind == core.Unavailable || e.Slug == core.IdempotencyInProgress) {
		wait = 2 * time.Second
	}
	if wait > 0 {
		h.Set("Retry-After", strconv.FormatFloat(math.Ceil(wait.Seconds()), 'f', 0, 64))
	}
	if c := challenge(r, e, status); c != "" {
		h.Set("WWW-Authenticate", c)
	}
	switch {
	case (status == http.StatusUnauthorized || status == http.StatusTooManyRequests || e.Slug == core.QuotaExceeded || e.Slug == core.QueueFull) && r.ContentLength != 0:
		// nothing has been read of the body, and nothing will be
		h.Set("Connection", "close")
	case status == http.StatusRequestEntityTooLarge, status == http.StatusRequestTimeout:
		h.Set("Connection", "close") // the rest of the body is not wanted
	}
}

// failure is a stored failure as a problem; nil stays nil.
func (s *Server) failure(f *core.Failure, correlation string) *api.Problem {
	if f == nil || f.Slug == "" {
		return nil
	}
	e := told((&core.Error{Kind: f.Slug.Meaning().Kind, Slug: f.Slug, Detail: f.Detail, Facts: f.Facts}))
	p := s.document(e.Slug, e.Detail, e.Facts, correlation)
	return &p
}

// escapePointer writes a member's name as a part of a JSON pointer (RFC 6901).
func escapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
