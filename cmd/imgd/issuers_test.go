package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports/portstest"
)

// signedBy is a token as an issuer signs it.
func signedBy(s portstest.Signer, claims string) string {
	return s.Sign(fmt.Sprintf(`{"alg":%q,"typ":"at+jwt"}`, s.Alg), fmt.Sprintf(`{"exp":%d,"sub":"ann",%s}`, time.Now().Add(time.Hour).Unix(), claims))
}

func TestTheFileSaysOfAnIssuerWhatTheSettingsSayForAll(t *testing.T) {
	key := portstest.NewSigner("RS256", "")
	file := filepath.Join(t.TempDir(), "issuers.yaml")
	text := "issuers:\n- issuer: imgd\n  audience: pictures\n  algorithms: [PS256]\n  typ: at+jwt\n  tenant: house\n- {issuer: 'https://p.example.com/', tenant_claim: tid, tenant_prefix: 'p:'}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := defaults(t)
	s.AuthPublicKey, s.AuthIssuers = key.PEM(), file
	s.AuthOIDC = []string{"https://p.example.com/", "q=https://q.example.com"} // the file knows more of the first
	if mistakes := s.Check(); len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	a := inForce(t, &s)
	if got, want := a.names(), []string{"https://p.example.com/", "https://q.example.com", "imgd"}; strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the issuers are %v, want %v", got, want)
	}
	pss := key.As("PS256")
	p, err := a.Principal(t.Context(), signedBy(pss, `"iss":"imgd","aud":"pictures","org_id":"acme"`))
	if err != nil || p.Tenant != "house" || p.Subject != "ann" {
		t.Errorf("a token names %+v, %v; want ann of house", p, err)
	}
	for name, text := range map[string]string{
		"of the audience of others": signedBy(pss, `"iss":"imgd","aud":"imgd"`),
		"of another algorithm":      signedBy(key, `"iss":"imgd","aud":"pictures"`),
	} {
		if _, err := a.Principal(t.Context(), text); core.KindOf(err) != core.Unauthenticated {
			t.Errorf("a token %s gives %v", name, err)
		}
	}
}

func TestAFileOfIssuersWithAMistakeIsRefused(t *testing.T) {
	for text, tells := range map[string]string{
		"":                                  "no issuer",
		"issuers: []":                       "no issuer",
		"issuers: [{tenant: a}]":            "entry 1",
		"issuers: [{issuer: a, aud: b}]":    "field aud not found",
		"issuers: [{issuer: a, issuer: b}]": "already defined",
		"issuers: [{issuer: a, tenant: x}, {issuer: a, tenant: y}]":     "twice",
		"issuers: [{issuer: a}]\n---\nissuers: [{issuer: b}]":           "second document",
		"issuers: [{issuer: 'https://a.example', algorithms: [HS256]}]": "HS256",
		"issuers: [{issuer: 'https://a.example', typ: id}]":             "typ",
		"issuers: [{issuer: a.example}]":                                "is not the URL of an issuer",
		"issuers: a":                                                    "cannot unmarshal",
	} {
		file := filepath.Join(t.TempDir(), "issuers.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := defaults(t)
		s.AuthIssuers = file
		mistakes := s.Check()
		if len(mistakes) != 1 || !strings.Contains(mistakes[0].Error(), "IMGD_AUTH_ISSUERS: ") || !strings.Contains(mistakes[0].Error(), tells) {
			t.Errorf("%q gives %v, want %q", text, mistakes, tells)
		}
	}
}

func TestAHangupChangesWhoseTokensAreTaken(t *testing.T) {
	old, young := portstest.NewSigner("EdDSA", ""), portstest.NewSigner("EdDSA", "")
	s, log := defaults(t), &said{}
	s.AuthPublicKey = old.PEM()
	p := &parts{settings: &s, issuers: inForce(t, &s)}
	p.log = slog.New(slog.NewTextHandler(log, nil))
	var fresh atomic.Pointer[Settings]
	p.again = func() (*Settings, error) { return fresh.Load(), nil }
	defer p.rereading(t.Context(), true, listen())()
	takes := func(k portstest.Signer, want core.Kind) {
		t.Helper()
		if _, err := p.issuers.Principal(t.Context(), signedBy(k, `"iss":"imgd","aud":"imgd","org_id":"acme"`)); core.KindOf(err) != want {
			t.Errorf("a token gives %v, want kind %q", err, want)
		}
	}
	with := func(change func(*Settings)) { next := s; change(&next); fresh.Store(&next) }
	takes(old, "")
	takes(young, core.Unauthenticated)

	with(func(s *Settings) { s.AuthPublicKey = old.PEM() + young.PEM() })
	hangup(t, log, "part=issuers issuers=[imgd]")
	takes(old, "")
	takes(young, "")

	with(func(s *Settings) { s.AuthPublicKey = young.PEM() })
	hangup(t, log, "part=issuers issuers=[imgd]")
	takes(old, core.Unauthenticated)
	takes(young, "")

	with(func(s *Settings) { s.AuthPublicKey = "half a key" })
	hangup(t, log, "all settings stay as they were")
	takes(young, "")

	with(func(s *Settings) { s.AuthPublicKey = "" })
	hangup(t, log, "that takes a restart")
	takes(young, "")
	if n := log.count("level=ERROR"); n != 2 {
		t.Errorf("the log has %d errors, want 2:\n%s", n, &log.text)
	}
}

func TestAHangupKeepsWhatIsKnownOfAProvider(t *testing.T) {
	s := defaults(t)
	s.AuthOIDC = []string{"https://a.example.com", "b=https://b.example.com"}
	a := inForce(t, &s)
	first := a.discovered["https://a.example.com"]
	s.AuthOIDC = []string{"https://a.example.com", "c=https://c.example.com"}
	if err := a.load(&s); err != nil {
		t.Fatal(err)
	}
	if a.discovered["https://a.example.com"] != first || len(a.discovered) != 2 {
		t.Errorf("the provider that stays was forgotten: %v", a.discovered)
	}
	s.AuthOIDC = []string{"https://a.example.com", "https://d.example.com"}
	if err := a.load(&s); err == nil || len(a.discovered) != 2 || a.discovered["https://a.example.com"] != first {
		t.Errorf("wrong issuers give %v and leave %v", err, a.discovered)
	}
}
