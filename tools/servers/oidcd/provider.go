package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// provider is what the grant of client credentials needs of op.Storage. Every other
// method is that of a nil interface, so that another grant fails for all to see.
type provider struct {
	op.Storage
	client, secret, audience, tenant string

	mu   sync.Mutex
	keys []key // the first signs, all are published
	ttl  time.Duration
}

func (p *provider) rotate(drop bool) error {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.keys
	if drop {
		old = nil
	}
	p.keys = append([]key{{rand.Text()[:12], k}}, old...)
	return nil
}

func (p *provider) live(ttl time.Duration) { p.mu.Lock(); defer p.mu.Unlock(); p.ttl = ttl }

func (p *provider) ClientCredentials(_ context.Context, id, secret string) (op.Client, error) {
	if id != p.client || subtle.ConstantTimeCompare([]byte(secret), []byte(p.secret)) == 0 {
		return nil, errors.New("there is no such client")
	}
	return client(id), nil
}

func (p *provider) ClientCredentialsTokenRequest(_ context.Context, id string, scopes []string) (op.TokenRequest, error) {
	return &oidc.JWTTokenRequest{Subject: id, Audience: []string{p.audience}, Scopes: scopes}, nil
}

func (p *provider) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return rand.Text(), time.Now().Add(p.ttl), nil
}

func (p *provider) GetPrivateClaimsFromRequest(_ context.Context, r op.TokenRequest, _ []string) (map[string]any, error) {
	return map[string]any{"scope": strings.Join(r.GetScopes(), " "), "org_id": p.tenant}, nil
}

func (p *provider) SigningKey(context.Context) (op.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return private{p.keys[0]}, nil
}

func (p *provider) KeySet(context.Context) (all []op.Key, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.keys {
		all = append(all, public{k})
	}
	return all, nil
}

func (*provider) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (*provider) Health(context.Context) error { return nil }

type key struct {
	id  string
	rsa *rsa.PrivateKey
}

func (k key) ID() string { return k.id }

type private struct{ key }

func (private) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k private) Key() any                                  { return k.rsa }

type public struct{ key }

func (public) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (public) Use() string                        { return "sig" }
func (k public) Key() any                         { return &k.rsa.PublicKey }

// client is one that has nothing but its credentials.
type client string

func (c client) GetID() string                                              { return string(c) }
func (client) RedirectURIs() []string                                       { return nil }
func (client) PostLogoutRedirectURIs() []string                             { return nil }
func (client) ApplicationType() op.ApplicationType                          { return op.ApplicationTypeWeb }
func (client) AuthMethod() oidc.AuthMethod                                  { return oidc.AuthMethodBasic }
func (client) ResponseTypes() []oidc.ResponseType                           { return nil }
func (client) GrantTypes() []oidc.GrantType                                 { return []oidc.GrantType{oidc.GrantTypeClientCredentials} }
func (client) LoginURL(string) string                                       { return "" }
func (client) AccessTokenType() op.AccessTokenType                          { return op.AccessTokenTypeJWT }
func (client) IDTokenLifetime() time.Duration                               { return time.Minute }
func (client) DevMode() bool                                                { return true }
func (client) IsScopeAllowed(string) bool                                   { return true }
func (client) IDTokenUserinfoClaimsAssertion() bool                         { return false }
func (client) ClockSkew() time.Duration                                     { return 0 }
func (client) RestrictAdditionalIdTokenScopes() func([]string) []string     { return same }
func (client) RestrictAdditionalAccessTokenScopes() func([]string) []string { return same }

func same(scopes []string) []string { return scopes }
