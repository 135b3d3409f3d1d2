package token

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"imgd/core"
)

const (
	maxName    = 255              // bytes of a subject, of a tenant, or of an issuer
	bar        = "|"              // between an issuer and a subject of its
	lastSecond = 253402300799     // of the year 9999: what comes after cannot be a time
	leeway     = 60 * time.Second // between the issuer's clock and ours
)

// accepts refuses a token that was signed, but is not one for us or not for now.
func (is *Issuer) accepts(f *form, now time.Time) error {
	if is.Type != "" && f.typ != is.Type {
		return core.Unauthenticated.Errorf("the token is not an access token: its typ has to be %s", is.Type)
	}
	if !names(f.claims["aud"], is.Audience) {
		return core.Unauthenticated.Errorf("the token is meant for another service; its aud has to name this one")
	}
	return timely(f.claims, now)
}

// names reports whether the claim aud, which is text or a list of it, has a name.
func names(aud any, name string) bool {
	switch aud := aud.(type) {
	case string:
		return aud == name
	case []any:
		return slices.Contains(aud, any(name))
	}
	return false
}

// timely holds the times of a token against now.
func timely(claims map[string]any, now time.Time) error {
	times := map[string]float64{}
	for _, name := range []string{"exp", "nbf", "iat"} {
		v, ok := claims[name]
		if !ok {
			continue
		}
		if times[name], ok = seconds(v); !ok {
			return core.Unauthenticated.Errorf("the claim %s of the token is not a time in seconds", name)
		}
	}
	exp, ok := times["exp"]
	present, slack := float64(now.UnixNano())/1e9, leeway.Seconds()
	switch {
	case !ok:
		return core.Unauthenticated.Errorf("the token lacks the claim exp")
	case exp <= present-slack:
		return core.Unauthenticated.Errorf("the token has expired; get a new one")
	case times["nbf"] > present+slack:
		return core.Unauthenticated.Errorf("the token is not valid yet")
	case times["iat"] > present+slack:
		return core.Unauthenticated.Errorf("the token was issued in the future; check the issuer's clock")
	}
	return nil
}

func seconds(v any) (float64, bool) {
	number, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	s, err := number.Float64()
	return s, err == nil && s >= 0 && s <= lastSecond
}

// principal is whom the claims of a verified token name.
func (is *Issuer) principal(claims map[string]any) (core.Principal, error) {
	subject, err := name(claims, "sub")
	if err != nil {
		return core.Principal{}, err
	}
	if !is.Bare {
		subject = is.Name + bar + subject
	}
	tenant := is.Tenants.Fixed
	if tenant == "" {
		if tenant, err = name(claims, is.Tenants.Claim); err != nil {
			return core.Principal{}, err
		}
		tenant = is.Tenants.Prefix + tenant
	}
	scopes, err := scopes(claims)
	if err != nil {
		return core.Principal{}, err
	}
	return core.Principal{Tenant: tenant, Subject: subject, Scopes: scopes}, nil
}

// name is a claim that rows and logs are going to hold.
func name(claims map[string]any, claim string) (string, error) {
	text, ok := claims[claim].(string)
	switch {
	case !ok || text == "":
		return "", core.Unauthenticated.Errorf("the token lacks the claim %s", claim)
	case len(text) > maxName:
		return "", core.Unauthenticated.Errorf("the claim %s of the token has more than %d bytes", claim, maxName)
	case !printable(text):
		return "", core.Unauthenticated.Errorf("the claim %s of the token has characters that cannot be printed", claim)
	}
	return text, nil
}

func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError })
}

// scopes are those of the first of these claims that is there: scope (RFC 8693), scp,
// permissions. A scope that is not ours means nothing here.
func scopes(claims map[string]any) (list []core.Scope, err error) {
	var words []string
	for _, claim := range []string{"scope", "scp", "permissions"} {
		v, ok := claims[claim]
		if !ok {
			continue
		}
		if words, ok = texts(v); !ok {
			return nil, core.Unauthenticated.Errorf("the claim %s of the token is not text", claim)
		}
		break
	}
	for _, word := range words {
		switch s := core.Scope(word); s {
		case core.ScopeRead, core.ScopeWrite, core.ScopeAdmin:
			list = append(list, s)
		}
	}
	return list, nil
}

// texts are the words of a claim that is text or a list of it.
func texts(v any) (words []string, ok bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case string:
		return strings.Fields(v), true
	case []any:
		for _, one := range v {
			word, ok := one.(string)
			if !ok {
				return nil, false
			}
			words = append(words, word)
		}
		return words, true
	}
	return nil, false
}
