package rest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"imgd/core"
)

// call is what is known of a request besides its parameters.
type call struct {
	request     *http.Request
	writer      *tracker
	correlation string
	traceparent string // empty when none or no valid one came
	by          core.Principal
	address     string     // it comes from
	op          *operation // nil before one was found
	err         error      // what was answered as a problem, for the log
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return &call{}
	}
	return c
}

// CorrelationID returns the correlation id of the request ctx belongs to, empty
// outside of one. A slog.Handler adds it to every line.
func CorrelationID(ctx context.Context) string { return callOf(ctx).correlation }

var (
	correlationIDs = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	traceparents   = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)
)

// around is the outermost handler: it names the request, survives panics, and
// tells the log and the metrics what became of it.
func (s *Server) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		t := &tracker{ResponseWriter: w}
		c := &call{writer: t, correlation: s.correlation(r), traceparent: traceparent(r), address: s.client(r)}
		ctx, traced := s.trace(r, c)
		r = r.WithContext(context.WithValue(ctx, callKey{}, c))
		c.request = r
		t.before = func(status int) { s.timing(t.Header(), r, status) }
		h := t.Header()
		h.Set("X-Correlation-ID", c.correlation)
		harden(h)
		if len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) {
			h.Set("Connection", "close") // whoever stood between may have seen another end of this request
		}
		defer func() {
			broken := s.rescue(t, r, recover())
			s.report(r, time.Since(start), broken)
			traced(r.Pattern, c.writer.status, c.err)
			if broken {
				panic(http.ErrAbortHandler) // the only way to tell the client that the answer is not whole
			}
		}()
		if !s.cors(t, r) {
			next.ServeHTTP(t, r)
		}
	})
}

// harden sets what every answer has, unless its handler knows better: kept by nobody,
// of no type but its own, and if a browser takes it for a page, one that may do
// nothing, stands in no frame and tells no other site where it was.
func harden(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
}

// trace begins the span of a request. What the request asks for has it as its parent,
// or what the caller named while nobody collects spans.
func (s *Server) trace(r *http.Request, c *call) (context.Context, func(route string, status int, err error)) {
	if s.Trace == nil || quiet[r.Method+" "+r.URL.Path] {
		return r.Context(), func(string, int, error) {}
	}
	ctx, parent, end := s.Trace(r, c.traceparent)
	if parent != "" {
		c.traceparent = parent
	}
	return ctx, end
}

// timed are the routes whose callers are told where the time went. Others could learn
// from it what they may not see.
var timed = map[string]bool{
	"POST /v1/images": true, "GET /v1/images/{image_id}/variants/{name}": true, "GET /v1/images/{image_id}/original": true,
}

func (s *Server) timing(h http.Header, r *http.Request, status int) {
	if s.Timing == nil || status >= 300 || !timed[r.Pattern] {
		return
	}
	if says := s.Timing(r.Context()); says != "" {
		h.Set("Server-Timing", says)
	}
}

// correlation is the caller's own id for the request, or a new one.
func (s *Server) correlation(r *http.Request) string {
	if id := r.Header.Get("X-Correlation-ID"); correlationIDs.MatchString(id) {
		return id
	}
	if s.NewID == nil {
		return rand.Text()
	}
	return s.NewID()
}

func traceparent(r *http.Request) string {
	v := r.Header.Get("traceparent")
	if !traceparents.MatchString(v) || strings.Contains(v, "-"+strings.Repeat("0", 32)+"-") || strings.Contains(v, "-"+strings.Repeat("0", 16)+"-") {
		return ""
	}
	return v
}

// rescue answers a panic like any other mistake of ours, and reports whether the
// connection has to be broken because the answer had begun.
func (s *Server) rescue(t *tracker, r *http.Request, v any) (broken bool) {
	if v == nil {
		return false
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return true
	}
	err := fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	if t.started {
		callOf(r.Context()).err = err
		return true
	}
	s.write(t, r, err)
	return false
}

// quiet are the routes that machines ask every few seconds.
var quiet = map[string]bool{"GET /livez": true, "GET /readyz": true, "GET /metrics": true}

// statusAborted stands in the log for an answer that did not reach its end.
const statusAborted = 499

// report writes the access log and counts the answer.
func (s *Server) report(r *http.Request, took time.Duration, broken bool) {
	c := callOf(r.Context())
	status := c.writer.status
	if broken {
		status = statusAborted
	}
	if s.Observe != nil {
		s.Observe(r.Pattern, r.Method, status, took)
	}
	level := slog.LevelInfo
	switch {
	case status >= 500 || broken && c.err != nil && !errors.Is(c.err, context.Canceled):
		level = slog.LevelError
	case quiet[r.Pattern]:
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String("method", clip(r.Method, 20)),
		slog.String("path", clip(r.URL.EscapedPath(), 256)),
		slog.String("route", r.Pattern),
		slog.Int("status", status),
		slog.Int64("bytes", c.writer.bytes),
		slog.Float64("ms", float64(took.Microseconds())/1000),
	}
	if c.address != "" {
		attrs = append(attrs, slog.String("client", c.address))
	}
	if c.by.Subject != "" {
		attrs = append(attrs, slog.String("tenant", c.by.Tenant), slog.String("subject", c.by.Subject))
	}
	if c.err != nil {
		attrs = append(attrs, slog.String("problem", string(core.SlugOf(c.err))), slog.String("error", c.err.Error()))
	}
	s.log(r.Context(), level, "request", attrs...)
}

// tracker knows whether the answer has begun, and how it went. It keeps ReadFrom
// and Flush, which io.Copy and generated code look for.
type tracker struct {
	http.ResponseWriter
	before  func(status int) // the headers are sent
	started bool
	status  int
	bytes   int64
}

func (t *tracker) begin(status int) {
	if !t.started && status >= 200 {
		if t.before != nil {
			t.before(status)
		}
		t.started, t.status = true, status
	}
}

// WriteHeader sends the status.
func (t *tracker) WriteHeader(status int) {
	t.begin(status)
	t.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (t *tracker) Write(p []byte) (int, error) {
	t.begin(http.StatusOK)
	n, err := t.ResponseWriter.Write(p)
	t.bytes += int64(n)
	return n, err
}

// ReadFrom lets the kernel send files.
func (t *tracker) ReadFrom(r io.Reader) (int64, error) {
	t.begin(http.StatusOK)
	n, err := io.Copy(t.ResponseWriter, r)
	t.bytes += n
	return n, err
}

// Flush sends what is buffered.
func (t *tracker) Flush() {
	t.begin(http.StatusOK)
	_ = http.NewResponseController(t.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (t *tracker) Unwrap() http.ResponseWriter { return t.ResponseWriter }
