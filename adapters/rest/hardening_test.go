package rest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"imgd/adapters/rest"
	"imgd/adapters/telemetry"
	"imgd/core"
)

// whoever may call an operation.
func whoever(r rule) string {
	if r.scope == core.ScopeAdmin {
		return "Bearer admin"
	}
	return "Bearer ann"
}

func TestEveryAnswerIsSafeInABrowser(t *testing.T) {
	s := open(t)
	mine := s.object(t, "ann", "x")
	safe := func(what string, a answer) {
		t.Helper()
		h := a.Header
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s has X-Content-Type-Options %q and Referrer-Policy %q", what, h.Get("X-Content-Type-Options"), h.Get("Referrer-Policy"))
		}
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "script-src") {
			t.Errorf("%s has the Content-Security-Policy %q", what, csp)
		}
		if cache := h.Get("Cache-Control"); cache == "" || strings.Contains(cache, "public") {
			t.Errorf("%s has Cache-Control %q: what needs a token is never public", what, cache)
		}
		if h.Get("Access-Control-Allow-Origin") != "" || h.Get("Server") != "" || h.Get("Set-Cookie") != "" {
			t.Errorf("%s has headers it should not: %v", what, h)
		}
	}
	for id, p := range contractOperations(t) {
		r := rules[id]
		if id == "deleteImage" {
			continue
		}
		safe(id, p.ask(t, s, r, mine, whoever(r)))
		safe(id+" refused", p.ask(t, s, r, mine, ""))
		safe(id+" of nothing", p.ask(t, s, r, absent, whoever(r)))
	}
	m := read[image](t, s.get(t, "/v1/images/"+mine.image))
	for _, v := range m.Variants {
		if v.URL == nil { // asked for above, and not made
			continue
		}
		u, err := url.Parse(*v.URL)
		if err != nil {
			t.Fatal(err)
		}
		safe("a variant under its own address", s.get(t, u.RequestURI()).want(t, 200))
	}
	safe("an address there is not", s.get(t, "/nothing"))
	safe("a method there is not", s.ask(t, "PUT", "/v1/images", nil))
}

func TestAnUnknownParameterIsRefusedByEveryOperation(t *testing.T) {
	s := open(t, func(s *rest.Server) { s.Metrics = http.NotFoundHandler() })
	mine := s.object(t, "ann", "x")
	for id, p := range contractOperations(t) {
		r := rules[id]
		for _, query := range []string{"nonsense=1", "utm_source=x", "access_token=x", "a%00b=1", "x;y=1"} {
			if strings.HasPrefix(query, "utm_") && slices.Contains(p.op.Tags, "delivery") {
				continue // links to bytes are decorated by those who pass them on
			}
			r.query = "?" + query
			if a := p.ask(t, s, r, mine, whoever(r)); a.StatusCode != 400 {
				t.Errorf("%s?%s is %d, want 400", id, query, a.StatusCode)
			}
		}
	}
}

func TestNothingIsUnderADecoratedPath(t *testing.T) {
	s := open(t)
	mine := s.object(t, "ann", "x")
	for id, p := range contractOperations(t) {
		r := rules[id]
		r.query = ""
		for _, suffix := range []string{"/", "/x.css", ".css", ";x=.css", "%2Fx.css", "%00.css", "/..%2fx.css", "%20", "//"} {
			if a := (place{p.method, p.path + suffix, p.op}).ask(t, s, r, mine, whoever(r)); a.StatusCode != 404 && a.StatusCode != 405 {
				t.Errorf("%s with %q behind it is %d, want 404", id, suffix, a.StatusCode)
			}
		}
	}
}

func TestNoCompressedBodyIsTaken(t *testing.T) {
	s := open(t)
	mine := s.object(t, "ann", "x")
	for id, p := range contractOperations(t) {
		if p.op.RequestBody == nil {
			continue
		}
		for _, coding := range []string{"gzip", "br", "zstd", "deflate", "identity, gzip", "x"} {
			a := s.ask(t, p.method, strings.NewReplacer("{image_id}", mine.image).Replace(p.path), []byte(rules[id].body), "Content-Type", rules[id].media, "Content-Encoding", coding)
			if a.StatusCode != 415 {
				t.Errorf("%s with Content-Encoding %s is %d, want 415", id, coding, a.StatusCode)
			}
		}
	}
}

func TestOtherOriginsReadNothingUnlessTheyAreListed(t *testing.T) {
	const app = "https://app.example.com"
	preflight := func(s *street, origin string) answer {
		return s.ask(t, "OPTIONS", "/v1/images", nil, "Authorization", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
	}
	closed := open(t)
	if a := preflight(closed, app); a.StatusCode != 405 || a.Header.Get("Access-Control-Allow-Origin") != "" || a.Header.Get("Vary") != "" {
		t.Errorf("by default a preflight is %d with %v", a.StatusCode, a.Header)
	}
	s := open(t, func(s *rest.Server) { s.Origins = []string{app, "http://localhost:3000"} })
	a := preflight(s, app)
	if a.StatusCode != 204 || a.Header.Get("Access-Control-Allow-Origin") != app || !strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), "PATCH") ||
		!strings.Contains(a.Header.Get("Access-Control-Allow-Headers"), "Authorization") || a.Header.Get("Access-Control-Max-Age") == "" {
		t.Errorf("the preflight of a listed origin is %d with %v", a.StatusCode, a.Header)
	}
	for _, header := range []string{"", "Bearer ann"} { // a refusal can be read too
		a := s.get(t, "/v1/images", "Origin", app, "Authorization", header)
		if a.Header.Get("Access-Control-Allow-Origin") != app || !strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), "ETag") {
			t.Errorf("a %d for a listed origin has %v", a.StatusCode, a.Header)
		}
	}
	for _, origin := range []string{"https://app.example.com.evil.org", "http://app.example.com", "https://app.example.com:8443", "https://APP.example.com", "null", "*", ""} {
		if a := preflight(s, origin); a.StatusCode != 405 || a.Header.Get("Access-Control-Allow-Origin") != "" || a.Header.Get("Vary") != "Origin" {
			t.Errorf("the preflight of %q is %d with %v", origin, a.StatusCode, a.Header)
		}
	}
	if a := s.get(t, "/v1/images", "Origin", app); a.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Error("credentials are allowed")
	}
}

func TestAddressesInAnswersAreNotTheCallersToChoose(t *testing.T) {
	s := open(t)
	mine := s.object(t, "ann", "x")
	const evil = "evil.example.org"
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/v1/images/"+mine.image, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = evil
	r.Header = http.Header{
		"Authorization": {authorization(t, "Bearer ann")}, "X-Forwarded-Host": {evil}, "X-Forwarded-Proto": {evil}, "Forwarded": {"host=" + evil},
		"X-Original-Url": {"/" + evil}, "X-Rewrite-Url": {"/" + evil}, "X-Forwarded-Prefix": {"/" + evil}, "X-Http-Method-Override": {"DELETE"},
	}
	res, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != 200 || strings.Contains(string(body)+fmt.Sprint(res.Header), evil) {
		t.Errorf("%d, %v: what the caller named is in the answer:\n%v\n%s", res.StatusCode, err, res.Header, body)
	}
	s.get(t, "/v1/images/"+mine.image).want(t, 200)
}

// served is a server with the limits of the real one, and its address.
func (s *street) served(t *testing.T) string {
	t.Helper()
	handler, err := s.server.Handler()
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewUnstartedServer(handler)
	ts.Config.MaxHeaderBytes = rest.MaxHeaderBytes
	ts.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	ts.Start()
	t.Cleanup(ts.Close)
	return ts.Listener.Addr().String()
}

// speak writes raw bytes and reads every answer until the connection is closed.
func speak(t *testing.T, address, text string) (statuses []int) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return statuses
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		statuses = append(statuses, res.StatusCode)
	}
}

// TestNoRequestIsHiddenInAnother sends what servers disagree on where it ends. What is
// hidden behind it must never be taken for a request.
func TestNoRequestIsHiddenInAnother(t *testing.T) {
	s := open(t)
	address := s.served(t)
	const hidden = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
	post := func(lines, body string) string {
		return "POST /v1/images/lookup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + lines + "\r\n" + body
	}
	if got := speak(t, address, hidden+hidden); len(got) != 2 {
		t.Fatalf("two requests in a row are answered %v: the test could not see a hidden one", got)
	}
	for name, text := range map[string]string{
		"a length and chunks":            post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"+hidden),
		"chunks and a length":            post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"+hidden),
		"two lengths":                    post("Content-Length: 2\r\nContent-Length: 0\r\n", hidden),
		"a list of lengths":              post("Content-Length: 0, 0\r\n", hidden),
		"a signed length":                post("Content-Length: +0\r\n", hidden),
		"a length with a sign before it": post("Content-Length: -1\r\n", hidden),
		"two encodings":                  post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"+hidden),
		"an encoding nobody knows":       post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"+hidden),
		"an encoding with a tab":         post("Transfer-Encoding:\tchunked, identity\r\n", "0\r\n\r\n"+hidden),
		"a space before the colon":       post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"+hidden),
		"a folded header":                post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"+hidden),
		"a chunk without its number":     post("Transfer-Encoding: chunked\r\n", "x\r\n\r\n"+hidden),
		"a chunk with a bare line feed":  post("Transfer-Encoding: chunked\r\n", "1;\nx\r\n0\r\n\r\n"+hidden),
		"chunks in HTTP/1.0":             strings.Replace(post("Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", "0\r\n\r\n"+hidden), "1.1", "1.0", 1),
		"a carriage return in a header":  post("X-A: a\rContent-Length: 5\r\n", hidden),
		"a zero byte in a header":        post("X-A: a\x00\r\n", hidden),
		"no host":                        "GET /livez HTTP/1.1\r\n\r\n" + hidden,
		"two hosts":                      "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + hidden,
		"headers without an end":         "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 64<<10),
	} {
		if got := speak(t, address, text); len(got) > 1 || len(got) == 1 && got[0] < 400 {
			t.Errorf("%s is answered %v, want one refusal at most, and the connection closed", name, got)
		}
	}
}

// TestAFormIsReadInLittleMemory sends forms that a parser would choke on.
func TestAFormIsReadInLittleMemory(t *testing.T) {
	s := open(t)
	const head = "--B\r\nContent-Disposition: form-data; name="
	endless := func(piece string, n int) io.Reader {
		readers := make([]io.Reader, 0, 64)
		for range n / 64 {
			readers = append(readers, strings.NewReader(strings.Repeat(piece, 64)))
		}
		return io.MultiReader(readers...)
	}
	zeros := func(n int64) io.Reader { return io.LimitReader(zero{}, n) }
	for name, c := range map[string]struct {
		media string
		body  io.Reader
	}{
		"ten thousand parts":         {"multipart/form-data; boundary=B", endless(head+"\"bucket\"\r\n\r\nx\r\n", 10_048)},
		"ten thousand empty parts":   {"multipart/form-data; boundary=B", endless("--B\r\n\r\n\r\n", 10_048)},
		"a field of 100 MB":          {"multipart/form-data; boundary=B", io.MultiReader(strings.NewReader(head+"\"metadata\"\r\n\r\n"), zeros(100e6))},
		"a preamble of 100 MB":       {"multipart/form-data; boundary=B", io.MultiReader(zeros(100e6), strings.NewReader("\r\n"+head+"\"file\"\r\n\r\nx\r\n--B--"))},
		"no boundary":                {"multipart/form-data", zeros(100e6)},
		"a form in a form":           {"multipart/form-data; boundary=B", strings.NewReader("--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n--C\r\n\r\nFAKE 4x3\r\n--C--\r\n--B--")},
		"no final boundary":          {"multipart/form-data; boundary=B", strings.NewReader(head + "\"file\"; filename=\"a\"\r\n\r\nFAKE 4x3 z\r\n")},
		"a header line of 100 MB":    {"multipart/form-data; boundary=B", io.MultiReader(strings.NewReader("--B\r\nX: "), zeros(100e6))},
		"another kind of multipart":  {"multipart/mixed; boundary=B", zeros(100e6)},
		"a boundary of one space":    {`multipart/form-data; boundary=" "`, zeros(100e6)},
		"a file of 100 MB and chunk": {"multipart/form-data; boundary=B", io.MultiReader(strings.NewReader(head+"\"file\"; filename=\"a\"\r\n\r\nFAKE 4x3 "), zeros(100e6))},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/v1/images", struct{ io.Reader }{c.body}) // of no known length
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", c.media)
			r.Header.Set("Authorization", authorization(t, "Bearer ann"))
			res, err := s.client.Do(r)
			if err == nil {
				_ = res.Body.Close()
				if res.StatusCode < 400 || res.StatusCode >= 500 {
					t.Errorf("it is %d, want a refusal", res.StatusCode)
				}
			} else if !strings.Contains(err.Error(), "broken pipe") && !strings.Contains(err.Error(), "reset") {
				t.Error(err) // the answer may be lost to a client that goes on sending
			}
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
				t.Errorf("%d bytes were allocated in all, here and there", n)
			}
		})
	}
	if n := len(s.Keys(t)); n != 0 {
		t.Errorf("the store holds %d objects of refused forms", n)
	}
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestWhatCallersSendStaysInItsLine writes control characters wherever a caller can
// and reads the log as a machine and as a terminal would.
func TestWhatCallersSendStaysInItsLine(t *testing.T) {
	for _, text := range []bool{false, true} {
		logs := &lines{}
		s := open(t, func(s *rest.Server) { s.Log = telemetry.NewLog(logs, text, slog.LevelDebug, rest.CorrelationID) })
		s.logs = logs
		const evil = "a\r\nlevel=ERROR\x1b[31m\x00\u202e\u0085\u2028"
		body, media := formOf(t, part{name: "metadata", text: `{"a":"x\u001b[31m"}`}, part{"file", evil + ".png", "FAKE 4x3 " + evil})
		s.ask(t, "POST", "/v1/images", body, "Content-Type", media)
		body, media = formOf(t, part{name: evil, text: evil}, part{"file", "a.png", "FAKE 4x3"})
		s.ask(t, "POST", "/v1/images", body, "Content-Type", media)
		body, media = formOf(t, part{name: "variants", text: `{"a":"` + "\x1b[31m" + `=1"}`}, part{"file", "a.png", "FAKE 4x3 y"})
		s.ask(t, "POST", "/v1/images", body, "Content-Type", media)
		s.get(t, "/v1/images/"+url.PathEscape(evil))
		s.get(t, "/v1/images?"+url.QueryEscape(evil)+"="+url.QueryEscape(evil))
		s.get(t, "/v1/images?cursor="+url.QueryEscape(evil))
		s.get(t, "/livez", "X-Correlation-ID", "a\"\u2028", "User-Agent", "\u2028", "X-Forwarded-For", "\u202e") // net/http takes no others
		s.get(t, "/v1/images", "Authorization", "Bearer \u202e")
		s.ask(t, "POST", "/v1/images/lookup", []byte(`{"`+"\u2028\x7f"+`":1}`), "Content-Type", "application/json")
		logs.mu.Lock()
		written := bytes.Clone(logs.buf.Bytes())
		logs.mu.Unlock()
		if !text {
			if n := len(logs.all(t)); n != 9 { // each of them is JSON
				t.Errorf("9 requests are %d lines", n)
			}
			continue
		}
		if n := bytes.Count(written, []byte("\n")); n != 9 {
			t.Errorf("9 requests are %d lines of text:\n%q", n, written)
		}
		if i := bytes.Index(written, []byte("\x1b[31m")); i >= 0 || bytes.ContainsAny(written, "\r\x00") {
			t.Errorf("a caller paints the terminal: %q", written[max(0, i-80):])
		}
	}
}
