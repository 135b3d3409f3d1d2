package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports/portstest"
)

const secret = "0123456789abcdef0123456789abcdef"

func TestAServiceThatAsksForTokensMayListenAnywhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "issuers.yaml")
	if err := os.WriteFile(file, []byte("issuers: [{issuer: 'https://login.example.com', tenant: acme}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for kind, change := range map[string]func(*Settings){
		"a secret":           func(s *Settings) { s.AuthSecret = secret },
		"a public key":       func(s *Settings) { s.AuthPublicKey = portstest.NewSigner("ES256", "").PEM() },
		"an OpenID provider": func(s *Settings) { s.AuthOIDC = []string{"https://login.example.com/realms/acme"} },
		"several": func(s *Settings) {
			s.AuthSecret, s.AuthOIDC = secret, []string{"a=https://a.example.com", "b=https://b.example.com"}
		},
		"a file of issuers": func(s *Settings) { s.AuthIssuers = file },
	} {
		for _, listen := range []string{"127.0.0.1:80", "0.0.0.0:80", ":80", "[::]:80", "example.org:80"} {
			s := defaults(t)
			s.Listen = listen
			change(&s)
			if mistakes := s.Check(); len(mistakes) != 0 {
				t.Errorf("IMGD_LISTEN=%s with %s is refused: %v", listen, kind, mistakes)
			}
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
		"a secret and a key":      {func(s *Settings) { s.AuthPublicKey = portstest.NewSigner("EdDSA", "").PEM() }, "IMGD_AUTH_PUBLIC_KEY: IMGD_AUTH_HS256_SECRET is set too"},
		"a key that is none":      {func(s *Settings) { s.AuthSecret, s.AuthPublicKey = "", secret }, "IMGD_AUTH_PUBLIC_KEY: it is not a public key"},
		"a provider in the clear": {func(s *Settings) { s.AuthOIDC = []string{"http://login.example.com"} }, "https://"},
		"two of one tenant":       {func(s *Settings) { s.AuthOIDC = []string{"https://login.example.com"} }, "the same tenant"},
		"two of all tenants": {func(s *Settings) {
			s.AuthSecret = ""
			s.AuthOIDC = []string{"https://a.example.com", "https://b.example.com"}
		}, "the same tenant"},
		"two without tenants":      {func(s *Settings) { s.AuthClaim = "none"; s.AuthOIDC = []string{"https://a.example.com"} }, "the same tenant"},
		"a provider twice":         {func(s *Settings) { s.AuthOIDC = []string{"https://a.example.com", "p=https://a.example.com"} }, "twice"},
		"no claim":                 {func(s *Settings) { s.AuthClaim = "" }, "IMGD_AUTH_TENANT_CLAIM"},
		"a file that is not there": {func(s *Settings) { s.AuthIssuers = "/nowhere/issuers.yaml" }, "IMGD_AUTH_ISSUERS: open /nowhere"},
		"tokens of any issuer":     {func(s *Settings) { s.AuthIssuer = "" }, "IMGD_AUTH_ISSUER: it cannot be empty"},
		"tokens for any audience":  {func(s *Settings) { s.AuthAudience = "" }, "IMGD_AUTH_AUDIENCE: it cannot be empty"},
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

func TestAnEmptyListOfProvidersNamesNone(t *testing.T) {
	t.Setenv("IMGD_AUTH_OIDC_ISSUERS", "")
	var c commands
	if _, err := newParser(&c).Parse([]string{"version"}); err != nil || c.asks() || len(trial(os.Environ())) > 0 {
		t.Errorf("it gives %q, %v", c.AuthOIDC, err)
	}
	t.Setenv("IMGD_AUTH_OIDC_ISSUERS", "https://a.example.com/,b=https://b.example.com")
	if _, err := newParser(&c).Parse([]string{"version"}); err != nil || len(c.AuthOIDC) != 2 {
		t.Errorf("two providers are %q, %v", c.AuthOIDC, err)
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
	a := inForce(t, &c.Settings)
	p, err := a.Principal(t.Context(), strings.TrimSuffix(out.String(), "\n"))
	if err != nil || p.Tenant != "acme" || p.Subject != "ann" || len(p.Scopes) != 2 || !p.Has(core.ScopeAdmin) {
		t.Errorf("the token %q names %+v, %v", out.String(), p, err)
	}
	if _, err := newParser(&c).Parse([]string{"token", "--scope", "images:everything"}); err == nil {
		t.Error("a scope that there is not is taken")
	}
}

// inForce are the issuers of settings.
func inForce(t *testing.T, s *Settings) *authority {
	t.Helper()
	a := &authority{log: slog.New(slog.DiscardHandler)}
	t.Cleanup(a.close)
	if err := a.load(s); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestNoTokenIsMintedThatTheServiceWouldNotTake(t *testing.T) {
	for name, c := range map[string]struct {
		token  tokenCmd
		change func(*Settings)
		tells  string // empty: it is minted
	}{
		"as it is":                  {tokenCmd{Tenant: "acme", Sub: "ann", TTL: 1e9}, func(*Settings) {}, ""},
		"of one typ":                {tokenCmd{Tenant: "acme", Sub: "ann", TTL: 1e9}, func(s *Settings) { s.AuthTyp = "jwt" }, ""},
		"of another claim":          {tokenCmd{Tenant: "acme", Sub: "ann", TTL: 1e9}, func(s *Settings) { s.AuthClaim = "tid" }, ""},
		"without tenants":           {tokenCmd{Tenant: "default", Sub: "ann", TTL: 1e9}, func(s *Settings) { s.AuthClaim = "none" }, ""},
		"of a tenant, without any":  {tokenCmd{Tenant: "acme", Sub: "ann", TTL: 1e9}, func(s *Settings) { s.AuthClaim = "none" }, "tenant default"},
		"of a tenant of two lines":  {tokenCmd{Tenant: "ac\nme", Sub: "ann", TTL: 1e9}, func(*Settings) {}, "would not take"},
		"of a partner's tenant":     {tokenCmd{Tenant: "p:acme", Sub: "ann", TTL: 1e9}, func(s *Settings) { s.AuthOIDC = []string{"p=https://p.example.com"} }, "another issuer"},
		"for no time":               {tokenCmd{Tenant: "acme", Sub: "ann"}, func(*Settings) {}, "--ttl"},
		"with a secret that is bad": {tokenCmd{Tenant: "acme", Sub: "ann", TTL: 1e9}, func(s *Settings) { s.AuthSecret = "x" }, "IMGD_AUTH_HS256_SECRET: it has 1 bytes"},
		"for a public key": {tokenCmd{Tenant: "acme", Sub: "ann", TTL: 1e9}, func(s *Settings) {
			s.AuthSecret, s.AuthPublicKey = "", portstest.NewSigner("EdDSA", "").PEM()
		}, "only the issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			s := defaults(t)
			s.AuthSecret = secret
			c.change(&s)
			var out bytes.Buffer
			err := c.token.mint(&s, &out)
			if c.tells == "" {
				if err != nil {
					t.Fatal(err)
				}
				p, err := inForce(t, &s).Principal(t.Context(), strings.TrimSpace(out.String()))
				if err != nil || p.Tenant != c.token.Tenant || p.Subject != "ann" {
					t.Errorf("it names %+v, %v", p, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.tells) || out.Len() > 0 {
				t.Errorf("it prints %q and says %v, want nothing and %q", out.String(), err, c.tells)
			}
		})
	}
}

func TestWithoutASecretNoTokenIsMinted(t *testing.T) {
	s := defaults(t)
	var out bytes.Buffer
	if err := (tokenCmd{Tenant: "a", Sub: "b", TTL: 1}).mint(&s, &out); err == nil || out.Len() != 0 {
		t.Errorf("it mints %q, %v", out.String(), err)
	}
}

func TestWhatIsSharedIsCheckedAtTheStart(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		tells  string
	}{
		"a short secret":         {func(s *Settings) { s.LinkKeys = "k1:" + secret[:31] }, "IMGD_LINK_KEYS: the secret of k1 has 31 bytes"},
		"a secret without a kid": {func(s *Settings) { s.LinkKeys = secret }, "IMGD_LINK_KEYS: entry 1 has no colon"},
		"a bucket of everybody":  {func(s *Settings) { s.PublicBuckets = []string{"*/press"} }, "IMGD_PUBLIC_BUCKETS: "},
		"a long redirect":        {func(s *Settings) { s.RedirectTime = Span(200 * time.Hour) }, "IMGD_REDIRECT_TIME: "},
	} {
		t.Run(name, func(t *testing.T) {
			s := defaults(t)
			c.change(&s)
			err := mistaken(s.Check())
			if err == nil || !strings.Contains(err.Error(), c.tells) || strings.Contains(err.Error(), secret[:31]) {
				t.Errorf("got %v, want %q, and no secret", err, c.tells)
			}
		})
	}
	t.Setenv("IMGD_LINK_KEYS", "k1:"+secret)
	t.Setenv("IMGD_PUBLIC_BUCKETS", "acme/press,acme/www/**")
	var c commands
	if _, err := newParser(&c).Parse([]string{"config"}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := (configCmd{}).show(&c.Settings, &out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), secret) || !strings.Contains(out.String(), "IMGD_LINK_KEYS=(redacted)") {
		t.Errorf("imgd config tells the keys of links, or not that there are some:\n%s", &out)
	}
	if public, err := c.publicBuckets(); err != nil || len(public) != 2 {
		t.Errorf("the public buckets are %v, %v; want two", public, err)
	}
}
