package token_test

import (
	"crypto"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"imgd/adapters/token"
	"imgd/core"
	"imgd/ports/portstest"
)

const (
	secret = "a secret that is shared with the issuer"
	named  = "https://issuer.example.com"
)

var (
	now    = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	byOrg  = token.Tenants{Claim: "org_id"}
	rsaAlg = []portstest.TokenAlgorithm{{Alg: "RS384", Hash: crypto.SHA384}, {Alg: "RS512", Hash: crypto.SHA512}}
)

func stands() time.Time { return now }

// reader reads the tokens of issuers at a time that stands still.
func reader(t testing.TB, issuers ...token.Issuer) *token.Issuers {
	t.Helper()
	all, err := token.New(stands, issuers...)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func shared(t testing.TB) *token.Secret {
	t.Helper()
	s, err := token.NewSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func public(t testing.TB, signers ...portstest.Signer) *token.PublicKey {
	t.Helper()
	var text strings.Builder
	for _, s := range signers {
		text.WriteString(s.PEM())
	}
	k, err := token.ParsePublicKey(text.String())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// provider is an OpenID provider as far as a reader of tokens sees it, and counts what
// it is asked.
type provider struct {
	*httptest.Server
	mu       sync.Mutex
	keys     []jose.JSONWebKey
	away     bool
	answer   func(w http.ResponseWriter, r *http.Request) bool // instead of what it would say
	metadata atomic.Int64
	fetches  atomic.Int64
}

func newProvider(t testing.TB) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var body any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		p.metadata.Add(1)
		body = object{"issuer": p.URL, "jwks_uri": p.URL + "/keys"}
	case "/keys":
		p.fetches.Add(1)
		body = jose.JSONWebKeySet{Keys: p.keys}
	}
	switch {
	case p.answer != nil && p.answer(w, r):
	case p.away || body == nil:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		_ = json.NewEncoder(w).Encode(body)
	}
}

// publishes has the provider publish the keys of signers, each under a name.
func (p *provider) publishes(keys map[string]portstest.Signer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = nil
	for kid, s := range keys {
		p.keys = append(p.keys, jose.JSONWebKey{Key: s.Public, KeyID: kid, Use: "sig"})
	}
}

func (p *provider) isAway(away bool) { p.mu.Lock(); defer p.mu.Unlock(); p.away = away }

func (p *provider) asked() int { return int(p.metadata.Load() + p.fetches.Load()) }

func discovered(t testing.TB, p *provider, clock func() time.Time) *token.Discovered {
	t.Helper()
	d, err := token.Discover(p.URL, clock, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

type object = map[string]any

// TestEveryKindOfIssuerIsReadAsThePortPromises has each kind alone, and then all of
// them together: then each is given every attack beside the others.
func TestEveryKindOfIssuerIsReadAsThePortPromises(t *testing.T) {
	signers := map[string]portstest.Signer{"HS256": portstest.NewSigner("HS256", secret)}
	for _, alg := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
		signers[alg] = portstest.NewSigner(alg, "")
	}
	others := func(alg string) []portstest.TokenAlgorithm {
		switch alg {
		case "HS256":
			return []portstest.TokenAlgorithm{{Alg: "HS512", Hash: crypto.SHA512}}
		case "RS256":
			return rsaAlg
		case "PS256":
			return []portstest.TokenAlgorithm{{Alg: "PS512", Hash: crypto.SHA512}}
		}
		return nil
	}
	static := func(t *testing.T, alg string) token.Issuer {
		is := token.Issuer{Name: named, Audience: "imgd", Tenants: byOrg, Bare: true}
		if is.Keys = shared(t); alg != "HS256" {
			is.Keys = public(t, signers[alg])
		}
		return is
	}
	for alg, s := range signers {
		t.Run("a static issuer with "+alg, func(t *testing.T) {
			portstest.Tokens(t, func(t *testing.T) portstest.TokenIssuer {
				return portstest.TokenIssuer{Tokens: reader(t, static(t, alg)), Signer: s, Name: named, Now: now, Owner: "ann", Others: others(alg)}
			})
		})
		if alg == "HS256" {
			continue
		}
		t.Run("an OpenID provider with "+alg, func(t *testing.T) {
			portstest.Tokens(t, func(t *testing.T) portstest.TokenIssuer {
				p := newProvider(t)
				p.publishes(map[string]portstest.Signer{"key-1": s})
				is := token.Issuer{Name: p.URL, Audience: "imgd", Tenants: byOrg, Keys: discovered(t, p, stands)}
				return portstest.TokenIssuer{
					Tokens: reader(t, is), Signer: s, KeyID: "key-1", Name: p.URL, Now: now, Owner: p.URL + "|ann", Asked: p.asked, Others: others(alg),
				}
			})
		})
	}
	t.Run("a provider with all its keys beside a static issuer", func(t *testing.T) {
		portstest.Tokens(t, func(t *testing.T) portstest.TokenIssuer {
			p := newProvider(t)
			p.publishes(map[string]portstest.Signer{"r": signers["RS256"], "p": signers["PS256"], "e": signers["ES256"], "d": signers["EdDSA"]})
			is := token.Issuer{Name: p.URL, Audience: "imgd", Tenants: byOrg, Keys: discovered(t, p, stands)}
			home := static(t, "HS256")
			home.Tenants = token.Tenants{Fixed: "home"}
			return portstest.TokenIssuer{
				Tokens: reader(t, home, is), Signer: signers["RS256"], KeyID: "r", Name: p.URL, Now: now, Owner: p.URL + "|ann", Asked: p.asked, Others: others("RS256"),
			}
		})
	})
	t.Run("a static issuer beside a provider", func(t *testing.T) {
		portstest.Tokens(t, func(t *testing.T) portstest.TokenIssuer {
			p := newProvider(t)
			guest := token.Issuer{Name: p.URL, Audience: "imgd", Tenants: token.Tenants{Claim: "org_id", Prefix: "guest:"}, Keys: discovered(t, p, stands)}
			return portstest.TokenIssuer{
				Tokens: reader(t, guest, static(t, "HS256")), Signer: signers["HS256"], Name: named, Now: now, Owner: "ann", Asked: p.asked, Others: others("HS256"),
			}
		})
	})
}

// claims are those of a good token with some of them replaced; nil takes one out.
func claims(change object) string {
	all := object{
		"iss": named, "aud": "imgd", "sub": "ann", "org_id": "acme", "scope": "images:read images:write",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	for name, v := range change {
		if all[name] = v; v == nil {
			delete(all, name)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestWhatIsMintedIsRead(t *testing.T) {
	for name, is := range map[string]token.Issuer{
		"with a claim":           {Tenants: byOrg},
		"with a claim of others": {Tenants: token.Tenants{Claim: "tid"}},
		"of one tenant":          {Tenants: token.Tenants{Fixed: "acme"}},
		"behind a prefix":        {Tenants: token.Tenants{Claim: "org_id", Prefix: "ac"}},
		"of one type":            {Tenants: byOrg, Type: "jwt"},
	} {
		t.Run(name, func(t *testing.T) {
			is.Name, is.Keys, is.Audience, is.Bare = named, shared(t), "imgd", true
			want := core.Principal{Tenant: "acme", Subject: "ann", Scopes: []core.Scope{core.ScopeRead, core.ScopeAdmin}}
			text, err := is.Mint(want, now, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			got, err := reader(t, is).Principal(t.Context(), text)
			if err != nil || got.Tenant != want.Tenant || got.Subject != want.Subject || !slices.Equal(got.Scopes, want.Scopes) {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
			later, err := token.New(func() time.Time { return now.Add(3 * time.Minute) }, is)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := later.Principal(t.Context(), text); core.KindOf(err) != core.Unauthenticated {
				t.Errorf("after three minutes a token for one gives %v", err)
			}
		})
	}
	is := token.Issuer{Name: named, Keys: public(t, portstest.NewSigner("ES256", "")), Audience: "imgd", Tenants: byOrg}
	if text, err := is.Mint(core.Principal{Tenant: "acme", Subject: "ann"}, now, time.Minute); err == nil {
		t.Errorf("with a public key it mints %s", text)
	}
}

// FuzzPrincipal holds that of all texts only what was signed opens the door, in
// the one way it is written.
func FuzzPrincipal(f *testing.F) {
	ed := portstest.NewSigner("EdDSA", "") // whose signature of a text is always the same
	h := reader(f,
		token.Issuer{Name: named, Audience: "imgd", Tenants: byOrg, Keys: shared(f), Bare: true},
		token.Issuer{Name: "https://other.example.com", Audience: "imgd", Tenants: token.Tenants{Fixed: "other"}, Keys: public(f, ed)},
	)
	good := map[string]bool{
		portstest.NewSigner("HS256", secret).Sign(`{"alg":"HS256","typ":"JWT"}`, claims(nil)):        true,
		ed.Sign(`{"alg":"EdDSA","kid":"key-1"}`, claims(object{"iss": "https://other.example.com"})): true,
	}
	for text := range good {
		if _, err := h.Principal(f.Context(), text); err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(strings.Join(strings.Split(text, ".")[:2], ".") + ".")
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := h.Principal(t.Context(), text)
		if err == nil && !good[text] {
			t.Errorf("%q names %+v, and nobody has signed it", text, p)
		}
		if err != nil && core.KindOf(err) != core.Unauthenticated {
			t.Errorf("%q gives %v, want it to be unauthenticated", text, err)
		}
	})
}
