// Package rest serves the contract in openapi.yaml: HTTP in, use case, HTTP out.
package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
	"imgd/core/deliver"
	"imgd/core/ingest"
	"imgd/core/library"
	"imgd/ports"
)

// Server answers requests with use cases. Its fields are set once, before Handler.
type Server struct {
	Ingest  *ingest.Service
	Library *library.Service
	Deliver *deliver.Service

	// Capabilities says what this build can do.
	Capabilities func() core.Capabilities
	// Tokens tells who asks. Nil makes everybody the local administrator.
	Tokens ports.Tokens
	// Rates are how often one principal may ask, as it is now, counted by Limits; nil
	// counts nobody.
	Rates  func() Rates
	Limits ports.Limits
	// PublicURL is what absolute addresses begin with, without a slash at its end.
	PublicURL string
	// TrustedProxies are the peers who are believed on whose behalf they ask.
	TrustedProxies []netip.Prefix
	// Origins are those whose pages may read answers, as browsers write them:
	// https://app.example.com. Empty: none but our own.
	Origins []string
	// Hosts are the names by which the API may be asked while nobody is asked for a
	// token, beside loopback addresses, localhost and the name in PublicURL.
	Hosts []string
	// BodyIdle is the longest silence in a body; zero means a minute.
	BodyIdle time.Duration
	// NewID makes correlation ids; nil means random ones.
	NewID func() string

	// Checks are what readiness asks; Draining reports that the process stops.
	Checks   []Check
	Draining func() bool
	Build    Build
	// Breakers are those of this process, for administrators; nil means none.
	Breakers func() []Breaker
	// Admission says whether new jobs are taken, for administrators; nil means that they
	// are.
	Admission func(context.Context) core.Admission
	// Metrics serves /metrics; nil answers 404 there. Whoever asks Handler for them, or
	// for /readyz?verbose, has to be an administrator, wherever they ask from: a proxy on
	// this host passes on the questions of the world.
	Metrics http.Handler
	// Observe is told of every answer; route is the pattern that matched, or empty.
	Observe func(route, method string, status int, took time.Duration)
	// Trace begins the span of a request, below the traceparent that came with it or
	// below none. It returns the context of what the request asks for, and the
	// traceparent of that, empty when nobody collects spans; end is told as Observe is.
	// nil means no spans.
	Trace func(r *http.Request, traceparent string) (ctx context.Context, parent string, end func(route string, status int, err error))
	// Timing is what Server-Timing says of a request whose context Trace made; nil means
	// that nothing is said.
	Timing func(context.Context) string
	// Pages are more handlers by mux pattern, which need no token: GET /docs/.
	Pages map[string]http.Handler
	// Log is the access log, to which causes of errors go too; nil means
	// slog.Default.
	Log *slog.Logger
}

var _ api.StrictServerInterface = (*Server)(nil)

// MaxHeaderBytes is what http.Server.MaxHeaderBytes should be: the longest
// request line and headers together.
const MaxHeaderBytes = 16 << 10

// opsPaths are what a process answers that has no API.
var opsPaths = []string{"/livez", "/readyz", "/metrics", "/version"}

// Handler serves the whole contract, and Pages.
func (s *Server) Handler() (http.Handler, error) {
	return s.serve(func(op *operation) bool {
		op.open = op.open || op.path() == "/readyz"
		return true
	}, s.Pages)
}

// OpsHandler serves only what a probe and a scraper ask for: /livez, /readyz,
// /metrics and /version. It needs no use cases.
func (s *Server) OpsHandler() (http.Handler, error) {
	return s.serve(func(op *operation) bool {
		op.open, op.inside = true, true
		return slices.Contains(opsPaths, op.path())
	}, nil)
}

// serve puts the handlers of the wanted operations behind the middleware.
func (s *Server) serve(wanted func(*operation) bool, pages map[string]http.Handler) (http.Handler, error) {
	operations, err := readContract()
	if err != nil {
		return nil, err
	}
	mux := routes{ServeMux: http.NewServeMux(), add: func(mux *http.ServeMux, pattern string, h http.Handler) {
		op := *operations[pattern] // its own: what is wanted may be opened
		if wanted(&op) {
			mux.Handle(pattern, s.checked(&op, h))
		}
	}}
	strict := api.NewStrictHandlerWithOptions(s, nil, api.StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  s.unreadable,
		ResponseErrorHandlerFunc: s.problem,
	})
	api.HandlerWithOptions(strict, api.StdHTTPServerOptions{BaseRouter: mux, ErrorHandlerFunc: s.unreadable})
	for pattern, h := range pages {
		mux.Handle(pattern, h)
	}
	return s.around(s.dispatch(mux.ServeMux)), nil
}

// routes is a mux that sees each generated route before it is added.
type routes struct {
	*http.ServeMux
	add func(mux *http.ServeMux, pattern string, h http.Handler)
}

// HandleFunc is how generated code adds a route.
func (m routes) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.add(m.ServeMux, pattern, http.HandlerFunc(h))
}

// dispatch answers what the mux would refuse in plain text with a problem, and
// does not redirect to cleaner paths.
func (s *Server) dispatch(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" && clean(r.URL.Path) {
			mux.ServeHTTP(w, r)
			return
		}
		refusal := refusal{header: http.Header{}}
		if pattern == "" {
			h.ServeHTTP(&refusal, r)
		}
		if allow := refusal.header.Get("Allow"); refusal.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", allow)
			s.problem(w, r, core.MethodNotAllowed.Errorf("%s is not answered here; %s is", clip(r.Method, 20), allow).With("allowed", strings.Split(allow, ", ")))
			return
		}
		s.problem(w, r, core.NotFound.Errorf("nothing is under this address"))
	})
}

// clean reports whether a path is written in the one way that is answered.
func clean(p string) bool {
	return path.Clean(p) == strings.TrimSuffix(p, "/") || p == "/"
}

// refusal keeps the status and headers of an answer.
type refusal struct {
	header http.Header
	status int
}

func (f *refusal) Header() http.Header         { return f.header }
func (f *refusal) WriteHeader(status int)      { f.status = status }
func (f *refusal) Write(p []byte) (int, error) { return len(p), nil }

// unreadable is the door of generated code for what it cannot bind. The checks
// before it leave it nothing but what no schema can say.
func (s *Server) unreadable(w http.ResponseWriter, r *http.Request, err error) {
	s.problem(w, r, explain(err))
}

func (s *Server) url(format string, a ...any) string {
	return strings.TrimSuffix(s.PublicURL, "/") + fmt.Sprintf(format, a...)
}

func (s *Server) log(ctx context.Context, level slog.Level, msg string, attrs ...slog.Attr) {
	l := s.Log
	if l == nil {
		l = slog.Default()
	}
	l.LogAttrs(ctx, level, msg, attrs...)
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
