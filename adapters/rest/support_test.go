package rest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/adapters/rest"
	"imgd/adapters/token"
	"imgd/core"
	"imgd/e2e/contract"
	"imgd/e2e/house"
	"imgd/ports/portstest"
)

// street is a house with HTTP in front of it.
type street struct {
	*house.House
	server *rest.Server
	url    string
	client *http.Client
	logs   *lines
}

// tokens are who may come in.
var tokens = map[string]core.Principal{
	"ann":       {Tenant: "acme", Subject: "ann", Scopes: []core.Scope{core.ScopeRead, core.ScopeWrite}},
	"reader":    {Tenant: "acme", Subject: "ron", Scopes: []core.Scope{core.ScopeRead}},
	"writer":    {Tenant: "acme", Subject: "wim", Scopes: []core.Scope{core.ScopeRead, core.ScopeWrite}},
	"admin":     {Tenant: "acme", Subject: "eve", Scopes: []core.Scope{core.ScopeAdmin}},
	"stranger":  {Tenant: "globex", Subject: "sue", Scopes: []core.Scope{core.ScopeRead, core.ScopeWrite, core.ScopeAdmin}},
	"scopeless": {Tenant: "acme", Subject: "lou"},
}

// issuer is who signs them.
var issuer = sync.OnceValue(func() mint {
	secret, err := token.NewSecret(strings.Repeat("s", token.MinSecret))
	if err != nil {
		panic(err)
	}
	is := token.Issuer{Name: "imgd", Keys: secret, Audience: "imgd", Bare: true, Tenants: token.Tenants{Claim: "org_id"}}
	all, err := token.New(time.Now, is)
	if err != nil {
		panic(err)
	}
	return mint{all, is}
})

// mint reads the tokens that it signs.
type mint struct {
	*token.Issuers
	issuer token.Issuer
}

func (m mint) Mint(p core.Principal, ttl time.Duration) (string, error) {
	return m.issuer.Mint(p, time.Now(), ttl)
}

// authorization is the header that names one of tokens, signed; any other value
// stays as it is.
func authorization(t *testing.T, value string) string {
	t.Helper()
	p, ok := tokens[strings.TrimPrefix(value, "Bearer ")]
	if !ok {
		return value
	}
	signed, err := issuer().Mint(p, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + signed
}

// open serves a fresh house. Every answer the client gets is held against
// openapi.yaml.
func open(t *testing.T, change ...func(*rest.Server)) *street {
	t.Helper()
	h := house.New(t)
	logs := &lines{}
	s := &street{House: h, logs: logs, server: &rest.Server{
		Ingest: h.Ingest, Library: h.Library, Deliver: h.Deliver, Capabilities: h.Render.Capabilities,
		Tokens: issuer(), PublicURL: "https://images.example.com/", NewID: func() string { return string(house.NewID()) },
		Build: rest.Build{Version: "v1.2.3", Revision: "abc"}, Log: slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}}
	for _, c := range change {
		c(s.server)
	}
	handler, err := s.server.Handler()
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(handler)
	t.Cleanup(ts.Close)
	s.url = ts.URL
	s.client = &http.Client{Transport: held{t, ts.Client().Transport}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

// held is a transport that holds every answer against openapi.yaml.
type held struct {
	t    *testing.T
	base http.RoundTripper
}

func (c held) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	for _, wrong := range contract.Ours().Judge(r, res.StatusCode, res.Header, body) {
		c.t.Errorf("%s %s = %d: %s", r.Method, r.URL, res.StatusCode, wrong)
	}
	return res, nil
}

// answer is what came back.
type answer struct {
	*http.Response
	body []byte
}

// json reads the body as T.
func read[T any](t *testing.T, a answer) (v T) {
	t.Helper()
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	return v
}

// slug is the last part of the problem's type.
func (a answer) slug() string {
	var p struct{ Type string }
	if json.Unmarshal(a.body, &p) != nil {
		return ""
	}
	return p.Type[strings.LastIndexByte(p.Type, '/')+1:]
}

// detail is the problem's sentence.
func (a answer) detail() string {
	var p struct{ Detail string }
	_ = json.Unmarshal(a.body, &p)
	return p.Detail
}

// ask sends a request as ann; headers come in pairs, and a header without a value
// is left out.
func (s *street) ask(t *testing.T, method, path string, body []byte, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer ann")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	if v := r.Header.Get("Authorization"); v != "" {
		r.Header.Set("Authorization", authorization(t, v))
	}
	res, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res, text}
}

func (s *street) get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return s.ask(t, http.MethodGet, path, nil, headers...)
}

// want ends the test unless the answer has the status.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s = %d, want %d\n%s", a.Request.Method, a.Request.URL, a.StatusCode, status, a.body)
	}
	return a
}

// part is a part of a form; a file when it has a filename.
type part struct{ name, filename, text string }

// formOf writes a form and its Content-Type.
func formOf(t testing.TB, parts ...part) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		var to io.Writer
		var err error
		if p.filename != "" {
			to, err = w.CreateFormFile(p.name, p.filename)
		} else {
			to, err = w.CreateFormField(p.name)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(to, p.text)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

// upload sends an image in a form and returns its job.
func (s *street) upload(t *testing.T, note string, fields ...part) job {
	t.Helper()
	body, media := formOf(t, append(fields, part{"file", "Sunset & sea.png", string(portstest.FakeImage(4000, 3000, note))})...)
	return read[job](t, s.ask(t, "POST", "/v1/images", body, "Content-Type", media).want(t, http.StatusAccepted))
}

// run has a worker do one job.
func (s *street) run(t *testing.T) {
	t.Helper()
	if err := s.Process.Next(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
}

// What the tests read of answers.
type (
	job struct {
		ID            string
		ImageID       string `json:"image_id"`
		State         string
		Retryable     bool
		NextAttemptAt *string `json:"next_attempt_at"`
		Error         map[string]any
		Image         *image
	}
	image struct {
		ID          string
		State       string
		Bucket      string
		ExternalID  *string `json:"external_id"`
		Filename    *string
		ContentType string `json:"content_type"`
		Width       int
		Owner       string
		Metadata    json.RawMessage
		Version     int
		Blurhash    *string
		Palette     []string
		Thumbhash   *string
		Phash       *string
		Variants    []variant
	}
	variant struct {
		Name, State string
		URL         *string
		SHA256      *string
		Error       map[string]any
	}
	page[T any] struct {
		Items      []T
		NextCursor *string `json:"next_cursor"`
	}
)

// lines collects a log.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// all returns each line as JSON.
func (l *lines) all(t *testing.T) (list []map[string]any) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(bytes.Clone(l.buf.Bytes())) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("the log line %q is no JSON: %v", line, err)
		}
		list = append(list, m)
	}
	return list
}
