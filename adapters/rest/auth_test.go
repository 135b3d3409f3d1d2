package rest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imgd/core"
)

func TestARefusalSaysWhatIsWrongWithTheToken(t *testing.T) {
	s := open(t)
	expired, err := issuer().Mint(tokens["ann"], -time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	homeless, err := issuer().Mint(core.Principal{Subject: "ann", Scopes: []core.Scope{core.ScopeAdmin}}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		header, challenge, tells string
	}{
		"nothing":                {"", `Bearer realm="imgd"`, "send a bearer token"},
		"another scheme":         {"Basic YW5uOnNlY3JldA==", `Bearer realm="imgd"`, "send a bearer token"},
		"a scheme and no token":  {"Bearer", `Bearer realm="imgd"`, "send a bearer token"},
		"a token and no scheme":  {strings.TrimPrefix(authorization(t, "Bearer ann"), "Bearer "), `Bearer realm="imgd"`, "send a bearer token"},
		"a word":                 {"Bearer letmein", `Bearer error="invalid_token"`, "not a signed JWT"},
		"an expired token":       {"Bearer " + expired, `Bearer error="invalid_token"`, "has expired"},
		"a token without tenant": {"Bearer " + homeless, `Bearer error="invalid_token"`, "org_id"},
		"a forged token":         {authorization(t, "Bearer ann") + "AAAA", `Bearer error="invalid_token"`, "signature"},
		"a huge token":           {"Bearer " + strings.Repeat("a", 9<<10), `Bearer error="invalid_token"`, "more than 8192 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.get(t, "/v1/images", "Authorization", c.header).want(t, 401)
			if got := a.Header.Get("WWW-Authenticate"); got != c.challenge || a.slug() != "unauthenticated" || !strings.Contains(a.detail(), c.tells) {
				t.Errorf("got %s with WWW-Authenticate %q, want %q and %q in the detail", a.body, got, c.challenge, c.tells)
			}
		})
	}
	a := s.ask(t, "DELETE", "/v1/images/"+nobody, nil, "Authorization", "Bearer reader").want(t, 403)
	if got := a.Header.Get("WWW-Authenticate"); got != `Bearer error="insufficient_scope", scope="images:write"` || a.slug() != "insufficient-scope" {
		t.Errorf("without the scope got %s with WWW-Authenticate %q", a.body, got)
	}
	theirs := s.upload(t, "x")
	a = s.ask(t, "DELETE", "/v1/images/"+theirs.ImageID, nil, "Authorization", "Bearer writer").want(t, 403)
	if got := a.Header.Get("WWW-Authenticate"); got != `Bearer error="insufficient_scope"` || a.slug() != "forbidden" {
		t.Errorf("of a colleague's image got %s with WWW-Authenticate %q", a.body, got)
	}
}

func TestTheSchemeIsReadInAnyCase(t *testing.T) {
	s := open(t)
	signed := strings.TrimPrefix(authorization(t, "Bearer ann"), "Bearer ")
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER  "} {
		s.get(t, "/v1/images", "Authorization", scheme+signed).want(t, 200)
	}
}

func TestATokenOutsideOfTheHeaderIsNotLookedAt(t *testing.T) {
	s := open(t)
	signed := strings.TrimPrefix(authorization(t, "Bearer ann"), "Bearer ")
	s.get(t, "/v1/images?access_token="+signed, "Authorization", "").want(t, 401)
	s.get(t, "/v1/images", "Authorization", "", "Cookie", "access_token="+signed).want(t, 401)
	body, media := []byte("access_token="+signed), "application/x-www-form-urlencoded"
	s.ask(t, "POST", "/v1/images", body, "Authorization", "", "Content-Type", media).want(t, 401)
	s.get(t, "/v1/images?access_token="+signed).want(t, 400) // beside a good header it is a parameter nobody knows
}

func TestTwoAuthorizationHeadersAreRefused(t *testing.T) {
	s := open(t)
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/v1/images", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Authorization"] = []string{authorization(t, "Bearer ann"), authorization(t, "Bearer stranger")}
	res, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if got := res.Header.Get("WWW-Authenticate"); res.StatusCode != 400 || got != `Bearer error="invalid_request"` {
		t.Errorf("got %d with WWW-Authenticate %q, want 400 and an invalid request", res.StatusCode, got)
	}
}

func TestImagesAreFoundByTheLongestOwnerThereIs(t *testing.T) {
	s := open(t)
	longest := strings.Repeat("i", 255) + "%7C" + strings.Repeat("s", 255) // an issuer, a bar, and its subject
	s.get(t, "/v1/images?owner="+longest).want(t, 200)
	s.get(t, "/v1/images?owner="+longest+"s").want(t, 400)
}

func TestAnotherTenantsImageIsNotThere(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	s.run(t)
	for _, path := range []string{"/v1/images/%s", "/v1/images/%s/variants/medium", "/v1/images/%s/original", "/v1/images/%s/metadata", "/v1/images/%s/events"} {
		theirs := s.get(t, fmt.Sprintf(path, j.ImageID), "Authorization", "Bearer stranger").want(t, 404)
		nowhere := s.get(t, fmt.Sprintf(path, nobody), "Authorization", "Bearer stranger").want(t, 404)
		same := strings.ReplaceAll(theirs.detail(), j.ImageID, nobody) == nowhere.detail()
		if !same || theirs.slug() != nowhere.slug() {
			t.Errorf("%s of another tenant is %s, of nobody %s; want no difference", path, theirs.body, nowhere.body)
		}
	}
}

func TestAnUnauthenticatedUploadIsRefusedUnread(t *testing.T) {
	s := open(t)
	handler, err := s.server.Handler()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		framing string
		most    int64
	}{
		"of ten gigabytes": {"Content-Length: 10737418240", 16 << 10},
		"without an end":   {"Transfer-Encoding: chunked", 512 << 10}, // net/http looks for its end a little
	} {
		t.Run(name, func(t *testing.T) {
			var read atomic.Int64
			ts := httptest.NewUnstartedServer(handler)
			ts.Listener = meter{ts.Listener, &read}
			ts.Start()
			defer ts.Close()
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", ts.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			if _, err := fmt.Fprintf(conn, "POST /v1/images HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n%s\r\n\r\n", c.framing); err != nil {
				t.Fatal(err)
			}
			asked := time.Now()
			res, err := http.ReadResponse(bufio.NewReader(conn), nil) // before a byte of the body is sent
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if took := time.Since(asked); res.StatusCode != 401 || !res.Close || took > 2*time.Second {
				t.Errorf("got %d after %s, the connection closed: %v; want 401 at once, and closed", res.StatusCode, took, res.Close)
			}
			chunk := append([]byte("10000\r\n"), bytes.Repeat([]byte("\r\n"), 1<<15)...)
			for range 1 << 10 { // 64 MiB, if somebody takes them
				if _, err := conn.Write(chunk); err != nil {
					break
				}
			}
			if n := read.Load(); n > c.most {
				t.Errorf("the server has read %d bytes of the connection, want %d at most", n, c.most)
			}
		})
	}
}

// meter counts what is read of its connections.
type meter struct {
	net.Listener
	read *atomic.Int64
}

func (m meter) Accept() (net.Conn, error) {
	c, err := m.Listener.Accept()
	return metered{c, m.read}, err
}

type metered struct {
	net.Conn
	read *atomic.Int64
}

func (m metered) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.read.Add(int64(n))
	return n, err
}
