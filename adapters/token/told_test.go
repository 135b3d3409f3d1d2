package token_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/adapters/token"
	"imgd/core"
	"imgd/ports/portstest"
)

// safe is a log that is written and read at once.
type safe struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *safe) Write(p []byte) (int, error) { s.mu.Lock(); defer s.mu.Unlock(); return s.text.Write(p) }
func (s *safe) String() string              { s.mu.Lock(); defer s.mu.Unlock(); return s.text.String() }

func TestWhatAnIssuerAnswersIsNotPouredIntoTheLog(t *testing.T) {
	const leak = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"
	long := strings.Repeat("x", 5000) + "\nlevel=ERROR msg=forged " + leak
	for name, c := range map[string]struct {
		status int
		header string
		body   string
		tells  string
	}{
		"an error":                   {500, "text/plain", long, "500 Internal Server Error"},
		"a page":                     {200, "text/html", long, "Content-Type"},
		"a type that is a novel":     {200, "text/" + strings.Repeat("y", 5000) + leak, long, "Content-Type"},
		"a name that is a novel":     {200, "application/json", fmt.Sprintf(`{"issuer":%q}`, long), "did not match"},
		"an address that is a novel": {200, "application/json", `{"issuer":"SELF","jwks_uri":"ftp://` + strings.Repeat("z", 5000) + leak + `"}`, "jwks_uri"},
	} {
		t.Run(name, func(t *testing.T) {
			var self string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.header)
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(strings.ReplaceAll(c.body, "SELF", self)))
			}))
			defer s.Close()
			self = s.URL
			log := &safe{}
			keys, err := token.Discover(s.URL, stands, slog.New(slog.NewJSONHandler(log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer keys.Close()
			is, err := token.New(stands, token.Issuer{Name: s.URL, Audience: "imgd", Tenants: byOrg, Keys: keys})
			if err != nil {
				t.Fatal(err)
			}
			_, err = is.Principal(t.Context(), portstest.NewSigner("ES256", "").Sign(`{"alg":"ES256","kid":"k"}`, claims(object{"iss": s.URL})))
			if core.KindOf(err) != core.Unavailable || strings.Contains(err.Error(), leak) || len(err.Error()) > 600 {
				t.Errorf("a token gives %.700v", err)
			}
			var line struct{ Err string }
			if err := json.Unmarshal([]byte(log.String()), &line); err != nil {
				t.Fatalf("the log is not one line: %v", err)
			}
			if len(line.Err) > 400 || strings.ContainsAny(line.Err, "\r\n") || strings.Contains(line.Err, leak) || !strings.Contains(line.Err, c.tells) {
				t.Errorf("the log has %d bytes: %.500q; want a short line that tells %q", len(line.Err), line.Err, c.tells)
			}
		})
	}
}

// A token that comes while the service stops starts nothing that outlives it.
func TestNothingGoesOnAfterAProviderIsClosed(t *testing.T) {
	p := newProvider(t)
	k := portstest.NewSigner("ES256", "")
	p.publishes(map[string]portstest.Signer{"k": k})
	text := k.Sign(`{"alg":"ES256","kid":"k"}`, claims(object{"iss": p.URL, "exp": now.Add(time.Hour).Unix()}))
	for range 300 {
		keys, err := token.Discover(p.URL, stands, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		is, err := token.New(stands, token.Issuer{Name: p.URL, Audience: "imgd", Tenants: byOrg, Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		var asking sync.WaitGroup
		start := make(chan struct{})
		for range 8 {
			asking.Go(func() { <-start; _, _ = is.Principal(t.Context(), text) })
		}
		close(start)
		runtime.Gosched()
		keys.Close()
		if keys.UnderWay() {
			t.Fatal("an attempt is under way after Close")
		}
		asking.Wait()
	}
}
