package token

import (
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"imgd/core"
)

// Mint signs a token for p that is good for ttl, as the issuer would. It takes an issuer
// with a secret: what others sign with nobody has here.
func (is Issuer) Mint(p core.Principal, now time.Time, ttl time.Duration) (string, error) {
	secret, ok := is.Keys.(*Secret)
	if !ok {
		return "", errors.New("the issuer has no secret to sign with")
	}
	scopes := make([]string, len(p.Scopes))
	for i, s := range p.Scopes {
		scopes[i] = string(s)
	}
	claims := jwt.MapClaims{
		"iss": is.Name, "aud": is.Audience, "sub": p.Subject, "scope": strings.Join(scopes, " "),
		"iat": now.Unix(), "exp": now.Add(ttl).Unix(),
	}
	if is.Tenants.Claim != "" {
		claims[is.Tenants.Claim] = strings.TrimPrefix(p.Tenant, is.Tenants.Prefix)
	}
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, claims)
	if t.Header["typ"] = typeAccess; is.Type != "" {
		t.Header["typ"] = is.Type
	}
	return t.SignedString(secret.text)
}
