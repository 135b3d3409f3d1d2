package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imgd/core"
)

const secret = "0123456789abcdef0123456789abcdef"

func TestWithASecretTheServiceMayListenAnywhere(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:80", "0.0.0.0:80", ":80", "[::]:80", "example.org:80"} {
		s := defaults(t)
		s.Listen, s.AuthSecret = listen, secret
		if mistakes := s.Check(); len(mistakes) != 0 {
			t.Errorf("IMGD_LISTEN=%s with a secret is refused: %v", listen, mistakes)
		}
	}
}

func TestAServiceThatCannotAskForTokensDoesNotStart(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		tells  string
	}{
		"open to the world":       {func(s *Settings) { s.Listen = "0.0.0.0:8080"; s.AuthSecret = "" }, "IMGD_LISTEN: 0.0.0.0:8080 can be reached"},
		"a short secret":          {func(s *Settings) { s.AuthSecret = secret[:31] }, "IMGD_AUTH_HS256_SECRET: it has 31 bytes and needs 32"},
		"a short secret at home":  {func(s *Settings) { s.Listen = "127.0.0.1:8080"; s.AuthSecret = "x" }, "IMGD_AUTH_HS256_SECRET: it has 1 bytes"},
		"tokens of any issuer":    {func(s *Settings) { s.AuthIssuer = "" }, "IMGD_AUTH_ISSUER: it cannot be empty"},
		"tokens for any audience": {func(s *Settings) { s.AuthAudience = "" }, "IMGD_AUTH_AUDIENCE: it cannot be empty"},
	} {
		t.Run(name, func(t *testing.T) {
			s := defaults(t)
			s.Listen, s.AuthSecret = "0.0.0.0:8080", secret
			c.change(&s)
			p, err := open(t.Context(), &s)
			if err == nil {
				_ = p.close()
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), c.tells) {
				t.Errorf("it says %q, want %q in it", err, c.tells)
			}
			if strings.Contains(err.Error(), secret[:31]) {
				t.Errorf("it tells the secret: %v", err)
			}
		})
	}
}

func TestTheSecretMayComeFromAFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "secret")
	t.Setenv("IMGD_AUTH_HS256_SECRET_FILE", name)
	read := func(text string) (string, error) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var c commands
		_, err := newParser(&c).Parse([]string{"version"})
		return c.AuthSecret, err
	}
	if got, err := read(secret + "\n"); err != nil || got != secret {
		t.Errorf("the secret is %q, %v; want the file without its line end", got, err)
	}
	if got, err := read("\n"); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty file gives %q, %v; want a refusal, or authentication would be off", got, err)
	}
	t.Setenv("IMGD_AUTH_HS256_SECRET", secret)
	if _, err := read(secret); err == nil || !strings.Contains(err.Error(), "both set") {
		t.Errorf("a secret that is given twice: %v", err)
	}
}

func TestConfigDoesNotShowTheSecret(t *testing.T) {
	var out bytes.Buffer
	s := defaults(t)
	s.AuthSecret = secret
	if err := (configCmd{}).show(&s, &out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), secret) || !strings.Contains(out.String(), "IMGD_AUTH_HS256_SECRET=(redacted)") {
		t.Errorf("it prints\n%s", out.String())
	}
}

func TestAMintedTokenOpensWhatItWasMintedFor(t *testing.T) {
	t.Setenv("IMGD_AUTH_HS256_SECRET", secret)
	var c commands
	if _, err := newParser(&c).Parse([]string{"token", "--tenant", "acme", "--sub", "ann", "--scope", "images:read,images:admin", "--ttl", "5m"}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Token.mint(&c.Settings, &out); err != nil {
		t.Fatal(err)
	}
	tokens, err := c.tokens()
	if err != nil {
		t.Fatal(err)
	}
	p, err := tokens.Principal(t.Context(), strings.TrimSuffix(out.String(), "\n"))
	if err != nil || p.Tenant != "acme" || p.Subject != "ann" || len(p.Scopes) != 2 || !p.Has(core.ScopeAdmin) {
		t.Errorf("the token %q names %+v, %v", out.String(), p, err)
	}
	if _, err := newParser(&c).Parse([]string{"token", "--scope", "images:everything"}); err == nil {
		t.Error("a scope that there is not is taken")
	}
}

func TestWithoutASecretNoTokenIsMinted(t *testing.T) {
	s := defaults(t)
	var out bytes.Buffer
	if err := (tokenCmd{Tenant: "a", Sub: "b", TTL: 1}).mint(&s, &out); err == nil || out.Len() != 0 {
		t.Errorf("it mints %q, %v", out.String(), err)
	}
}
