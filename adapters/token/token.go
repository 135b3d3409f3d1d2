// Package token reads bearer tokens: JSON Web Tokens (RFC 7519, RFC 8725).
package token

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"imgd/core"
	"imgd/ports"
)

const (
	// MinSecret is the fewest bytes a secret may have: as many as HS256 gives out.
	MinSecret = 32

	maxToken = 8 << 10          // bytes
	leeway   = 60 * time.Second // between the issuer's clock and ours
)

// HMAC reads and mints tokens that are signed with a secret which the issuer
// shares (HS256). It has no zero value: without a secret anybody could sign.
type HMAC struct {
	secret           []byte
	issuer, audience string
	now              func() time.Time
	parser           *jwt.Parser
}

var _ ports.Tokens = (*HMAC)(nil)

// NewHMAC returns the reader of tokens that issuer signs with secret for audience.
func NewHMAC(secret, issuer, audience string, now func() time.Time) (*HMAC, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("the secret has %d bytes; it needs %d or more", len(secret), MinSecret)
	}
	if issuer == "" || audience == "" {
		return nil, errors.New("tokens need an issuer and an audience to be held against")
	}
	return &HMAC{
		secret: []byte(secret), issuer: issuer, audience: audience, now: now,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithStrictDecoding(), jwt.WithJSONNumber(),
			jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
			jwt.WithLeeway(leeway), jwt.WithTimeFunc(now),
		),
	}, nil
}

// Principal returns whom a token names.
func (h *HMAC) Principal(_ context.Context, token string) (core.Principal, error) {
	if len(token) > maxToken {
		return core.Principal{}, core.Unauthenticated.Errorf("the token has more than %d bytes", maxToken).With("limit", maxToken)
	}
	claims := jwt.MapClaims{}
	if _, err := h.parser.ParseWithClaims(token, claims, h.key); err != nil {
		return core.Principal{}, explain(err)
	}
	return principal(claims)
}

// key is asked for once a token has been taken apart, before its signature is
// checked.
func (h *HMAC) key(t *jwt.Token) (any, error) {
	if err := sound(t); err != nil {
		return nil, err
	}
	return h.secret, nil
}

// Mint signs a token for p that is good for ttl.
func (h *HMAC) Mint(p core.Principal, ttl time.Duration) (string, error) {
	scopes := make([]string, len(p.Scopes))
	for i, s := range p.Scopes {
		scopes[i] = string(s)
	}
	now := h.now()
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": h.issuer, "aud": h.audience, "sub": p.Subject, claimTenant: p.Tenant, "scope": strings.Join(scopes, " "),
		"iat": now.Unix(), "exp": now.Add(ttl).Unix(),
	})
	t.Header["typ"] = "at+jwt"
	return t.SignedString(h.secret)
}

// sentences are what is wrong with a token, in the order in which to look.
var sentences = []struct {
	is   error
	text string
}{
	{jwt.ErrTokenMalformed, "the token is not a signed JWT"},
	{jwt.ErrTokenExpired, "the token has expired; get a new one"},
	{jwt.ErrTokenNotValidYet, "the token is not valid yet"},
	{jwt.ErrTokenUsedBeforeIssued, "the token was issued in the future; check the issuer's clock"},
	{jwt.ErrTokenInvalidIssuer, "the token is of another issuer"},
	{jwt.ErrTokenInvalidAudience, "the token is meant for another service; its aud has to name this one"},
	{jwt.ErrTokenRequiredClaimMissing, "the token lacks one of the claims iss, aud and exp"},
	{jwt.ErrInvalidType, "a claim of the token is of the wrong type"},
}

// explain gives an error of the library its kind.
func explain(err error) error {
	if e, ok := errors.AsType[*core.Error](err); ok {
		return e
	}
	for _, s := range sentences {
		if errors.Is(err, s.is) {
			return core.Unauthenticated.Errorf("%s", s.text).Because(err)
		}
	}
	return core.Unauthenticated.Errorf("the signature of the token is not valid").Because(err)
}
