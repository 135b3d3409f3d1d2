package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"imgd/core"
)

const (
	claimTenant = "org_id"
	maxName     = 255          // bytes of a subject or a tenant
	lastSecond  = 253402300799 // of the year 9999: what comes after cannot be a time
)

// sound refuses what the library overlooks in a token: text that parsers read in
// two ways, extensions that we would have to understand, tokens of another
// purpose, and times that are none.
func sound(t *jwt.Token) error {
	header, rest, _ := strings.Cut(t.Raw, ".")
	payload, _, _ := strings.Cut(rest, ".")
	for _, part := range []string{header, payload} {
		if err := unambiguous(part); err != nil {
			return core.Unauthenticated.Errorf("the token is not a signed JWT").Because(err)
		}
	}
	if _, ok := t.Header["crit"]; ok {
		return core.Unauthenticated.Errorf("the token demands extensions that this service does not know")
	}
	if typ, ok := t.Header["typ"]; ok && !isAccess(typ) {
		return core.Unauthenticated.Errorf("the token is not an access token")
	}
	claims, _ := t.Claims.(jwt.MapClaims)
	for _, name := range []string{"exp", "nbf", "iat"} {
		if v, ok := claims[name]; ok && !isTime(v) {
			return core.Unauthenticated.Errorf("the claim %s of the token is not a time in seconds", name)
		}
	}
	return nil
}

// isAccess reports whether typ may stand in an access token (RFC 9068; older
// issuers write JWT).
func isAccess(typ any) bool {
	name, _ := typ.(string)
	name = strings.TrimPrefix(strings.ToLower(name), "application/")
	return name == "jwt" || name == "at+jwt"
}

func isTime(v any) bool {
	number, ok := v.(json.Number)
	if !ok {
		return false
	}
	seconds, err := number.Float64()
	return err == nil && seconds >= 0 && seconds <= lastSecond
}

// principal is whom the claims of a verified token name.
func principal(claims jwt.MapClaims) (core.Principal, error) {
	subject, err := name(claims, "sub")
	if err != nil {
		return core.Principal{}, err
	}
	tenant, err := name(claims, claimTenant)
	if err != nil {
		return core.Principal{}, err
	}
	scopes, err := scopes(claims)
	if err != nil {
		return core.Principal{}, err
	}
	return core.Principal{Tenant: tenant, Subject: subject, Scopes: scopes}, nil
}

// name is a claim that rows and logs are going to hold.
func name(claims jwt.MapClaims, claim string) (string, error) {
	text, ok := claims[claim].(string)
	switch {
	case !ok || text == "":
		return "", core.Unauthenticated.Errorf("the token lacks the claim %s", claim)
	case len(text) > maxName:
		return "", core.Unauthenticated.Errorf("the claim %s of the token has more than %d bytes", claim, maxName)
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }):
		return "", core.Unauthenticated.Errorf("the claim %s of the token has characters that cannot be printed", claim)
	}
	return text, nil
}

// scopes are those of the claim scope (RFC 8693), or else of scp; a scope that is
// not ours means nothing here.
func scopes(claims jwt.MapClaims) (list []core.Scope, err error) {
	claim, ok := claims["scope"]
	if !ok {
		claim = claims["scp"]
	}
	var words []string
	switch claim := claim.(type) {
	case nil:
	case string:
		words = strings.Fields(claim)
	case []any:
		for _, v := range claim {
			word, ok := v.(string)
			if !ok {
				return nil, core.Unauthenticated.Errorf("the scopes of the token are not text")
			}
			words = append(words, word)
		}
	default:
		return nil, core.Unauthenticated.Errorf("the scopes of the token are not text")
	}
	for _, word := range words {
		switch s := core.Scope(word); s {
		case core.ScopeRead, core.ScopeWrite, core.ScopeAdmin:
			list = append(list, s)
		}
	}
	return list, nil
}

// unambiguous refuses a part of a token that is anything but one JSON object in
// UTF-8 without a member twice: of two, one parser takes the first and the next
// the last.
func unambiguous(part string) error {
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return err
	}
	if !utf8.Valid(text) || !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		return errors.New("not a JSON object in UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := once(dec); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// once reads a value and refuses members that come twice in it. The size of a
// token bounds its depth.
func once(dec *json.Decoder) error {
	open, err := dec.Token()
	if err != nil || open != json.Delim('{') && open != json.Delim('[') {
		return err
	}
	seen := map[any]bool{}
	for dec.More() {
		if open == json.Delim('{') {
			member, err := dec.Token()
			if err != nil {
				return err
			}
			if seen[member] {
				return fmt.Errorf("the member %q comes twice", member)
			}
			seen[member] = true
		}
		if err := once(dec); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}
