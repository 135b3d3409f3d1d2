package portstest

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// TokenIssuer is a kind of issuer, and who reads its tokens.
type TokenIssuer struct {
	ports.Tokens
	Signer                  // as the issuer signs
	KeyID  string           // the kid that its tokens name; empty for none
	Name   string           // iss
	Now    time.Time        // the reader's clock, which stands still
	Owner  string           // the subject of a principal whose sub is ann
	Asked  func() int       // how many requests its reader has made of anybody; nil if it cannot make any
	Others []TokenAlgorithm // that the issuer's key can do and its reader does not take
}

// TokenAlgorithm is a way to sign with a key.
type TokenAlgorithm struct {
	Alg  string
	Hash crypto.Hash
}

type object = map[string]any

// claims are those of a good token with some of them replaced; nil takes one out.
func (is TokenIssuer) claims(change object) string {
	all := object{
		"iss": is.Name, "aud": "imgd", "sub": "ann", "org_id": "acme", "scope": "images:read images:write",
		"iat": is.Now.Unix(), "exp": is.Now.Add(time.Hour).Unix(),
	}
	return replaced(all, change)
}

func (is TokenIssuer) header(change object) string {
	all := object{"alg": is.Alg, "typ": "JWT"}
	if is.KeyID != "" {
		all["kid"] = is.KeyID
	}
	return replaced(all, change)
}

func replaced(all, change object) string {
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

func (is TokenIssuer) in(d time.Duration) int64 { return is.Now.Add(d).Unix() }

// Tokens holds a reader of tokens to its port. The issuer's tokens are for imgd, and
// its tenants stand in org_id. Nothing that a token says has anybody asked.
func Tokens(t *testing.T, open func(t *testing.T) TokenIssuer) {
	is := open(t)
	if _, err := is.Principal(t.Context(), is.Sign(is.header(nil), is.claims(nil))); err != nil {
		t.Fatalf("a good token is refused: %v", err)
	}
	var lured atomic.Int64
	lure := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { lured.Add(1) }))
	defer lure.Close()
	asked := 0
	if is.Asked != nil {
		asked = is.Asked()
	}

	t.Run("a good token names its principal", func(t *testing.T) { goodTokens(t, is, lure.URL) })
	for name, c := range is.attacks(lure.URL) {
		t.Run("a bad token is unauthenticated: "+name, func(t *testing.T) { c.refused(t, is) })
	}
	t.Run("nobody was asked for what tokens say", func(t *testing.T) {
		if n := lured.Load(); n > 0 {
			t.Errorf("the address in a token was asked %d times", n)
		}
		if is.Asked != nil && is.Asked() != asked {
			t.Errorf("the issuer was asked %d times more, want none", is.Asked()-asked)
		}
	})
}

func goodTokens(t *testing.T, is TokenIssuer, lure string) {
	both := []core.Scope{core.ScopeRead, core.ScopeWrite}
	for name, c := range map[string]struct {
		header, change object
		scopes         []core.Scope
	}{
		"as issuers write it":               {nil, nil, both},
		"without a type":                    {object{"typ": nil}, nil, both},
		"of the type of RFC 9068":           {object{"typ": "at+jwt"}, nil, both},
		"of its long type":                  {object{"typ": "application/AT+JWT"}, nil, both},
		"with addresses of keys":            {object{"jku": lure, "x5u": lure}, nil, both},
		"for several services":              {nil, object{"aud": []string{"other", "imgd"}}, both},
		"that ran out within the leeway":    {nil, object{"exp": is.in(-59 * time.Second)}, both},
		"of a clock that is a little ahead": {nil, object{"iat": is.in(59 * time.Second), "nbf": is.in(59 * time.Second)}, both},
		"with a fraction of a second":       {nil, object{"exp": float64(is.Now.Unix()) + 10.5}, both},
		"with scp as text":                  {nil, object{"scope": nil, "scp": "images:admin"}, []core.Scope{core.ScopeAdmin}},
		"with scp as a list":                {nil, object{"scope": nil, "scp": []string{"images:read", "images:write"}}, both},
		"with permissions":                  {nil, object{"scope": nil, "permissions": []string{"images:read"}}, []core.Scope{core.ScopeRead}},
		"with scope before the others":      {nil, object{"scope": "images:read", "scp": "images:admin", "permissions": "images:admin"}, []core.Scope{core.ScopeRead}},
		"with scopes of others":             {nil, object{"scope": "openid  images:read billing:admin IMAGES:ADMIN"}, []core.Scope{core.ScopeRead}},
		"without scopes":                    {nil, object{"scope": nil}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := is.Principal(t.Context(), is.Sign(is.header(c.header), is.claims(c.change)))
			if err != nil {
				t.Fatal(err)
			}
			if got.Tenant != "acme" || got.Subject != is.Owner || !slices.Equal(got.Scopes, c.scopes) {
				t.Errorf("got %+v, want %s of acme with %v", got, is.Owner, c.scopes)
			}
		})
	}
}

// badToken is a token, and words of the sentence that refuses it.
type badToken struct{ token, tells string }

func (c badToken) refused(t *testing.T, is TokenIssuer) {
	t.Helper()
	got, err := is.Principal(context.WithoutCancel(t.Context()), c.token)
	if core.KindOf(err) != core.Unauthenticated {
		t.Fatalf("got %+v, %v; want it to be unauthenticated", got, err)
	}
	if got.Tenant != "" || got.Subject != "" || got.Scopes != nil {
		t.Errorf("the error comes with %+v, want nobody", got)
	}
	if e := err.(*core.Error); !strings.Contains(e.Detail, c.tells) { //nolint:errorlint // it is what the port returns
		t.Errorf("it says %q, want %q in it", e.Detail, c.tells)
	}
}

// attacks are tokens that must not be taken: those of RFC 8725, and what parsers and
// libraries are known to let through.
func (is TokenIssuer) attacks(lure string) map[string]badToken {
	all := is.signatures(lure)
	maps.Copy(all, is.texts())
	maps.Copy(all, is.badClaims())
	return all
}

// signatures are tokens that the issuer has not signed, or not so.
func (is TokenIssuer) signatures(lure string) map[string]badToken {
	good, payload := is.Sign(is.header(nil), is.claims(nil)), is.claims(nil)
	cut := strings.LastIndexByte(good, '.')
	eve := NewSigner(is.Alg, "a secret that the issuer does not have")
	stranger := NewSigner("RS256", "")
	known := stranger
	if is.Public != nil {
		known = is.Signer
	}
	all := map[string]badToken{
		"alg none":                                {unsigned("none", payload), "signature"},
		"alg NoNe":                                {unsigned("NoNe", payload), "signature"},
		"alg none over a signature":               {is.Sign(is.header(object{"alg": "none"}), payload), "signature"},
		"an alg in small letters":                 {is.Sign(is.header(object{"alg": strings.ToLower(is.Alg) + " "}), payload), "signature"},
		"no alg":                                  {is.Sign(is.header(object{"alg": nil}), payload), "signature"},
		"an alg that is no text":                  {is.Sign(is.header(object{"alg": []string{is.Alg}}), payload), "signature"},
		"HS256 under the public key in PEM":       {NewSigner("HS256", known.PEM()).Sign(is.header(object{"alg": "HS256"}), payload), "signature"},
		"HS256 under the public key in PEM, cut":  {NewSigner("HS256", strings.TrimSpace(known.PEM())).Sign(is.header(object{"alg": "HS256"}), payload), "signature"},
		"HS256 under the public key in DER":       {NewSigner("HS256", string(known.der())).Sign(is.header(object{"alg": "HS256"}), payload), "signature"},
		"HS256 under nothing":                     {NewSigner("HS256", "").Sign(is.header(object{"alg": "HS256"}), payload), "signature"},
		"RS256 of somebody else":                  {stranger.Sign(is.header(object{"alg": "RS256"}), payload), "sign"},
		"the algorithm of somebody else":          {NewSigner("EdDSA", "").Sign(is.header(nil), payload), "sign"},
		"another key under the kid":               {eve.Sign(is.header(nil), payload), "signature"},
		"another key, and its jwk":                {eve.Sign(is.header(object{"jwk": eve.jwk()}), payload), "signature"},
		"another key, and where to have it (jku)": {eve.Sign(is.header(object{"jku": lure + "/jwks.json"}), payload), "signature"},
		"another key, and where to have it (x5u)": {eve.Sign(is.header(object{"x5u": lure + "/chain.pem"}), payload), "signature"},
		"another key, and its certificate (x5c)":  {eve.Sign(is.header(object{"x5c": []string{"MIIB"}}), payload), "signature"},
		"a kid that is a path":                    {eve.Sign(is.header(object{"kid": "../../../../dev/null"}), payload), "sign"},
		"a kid that is a query":                   {eve.Sign(is.header(object{"kid": "x' UNION SELECT 'key'--"}), payload), "sign"},
		"a kid that is an address":                {eve.Sign(is.header(object{"kid": lure}), payload), "sign"},
		"a kid of more than 128 bytes":            {is.Sign(is.header(object{"kid": strings.Repeat("k", 129)}), payload), "kid"},
		"a kid that is no text":                   {is.Sign(is.header(object{"kid": 1}), payload), "kid"},
		"a cut signature":                         {good[:len(good)-4], "sign"},
		"no signature":                            {good[:cut+1], "signature"},
		"a payload of somebody else":              {transplanted(good, is.claims(object{"sub": "eve"})), "signature"},
		"a payload of another tenant":             {transplanted(good, is.claims(object{"org_id": "other"})), "signature"},
		"the address of a key as issuer":          {eve.Sign(is.header(nil), is.claims(object{"iss": lure})), "trusts"},
		"a signature with padding":                {good + "=", "not a signed JWT"},
		"a signature of another spelling":         {good[:len(good)-1] + stray(good), "sign"},
		"a signature with a line end in it":       {good[:cut+5] + "\n" + good[cut+5:], "not a signed JWT"},
		"a payload with a line end in it":         {good[:cut-1] + "\r\n" + good[cut-1:], "not a signed JWT"},
	}
	for _, o := range is.Others {
		all["its own key, with "+o.Alg] = badToken{is.SignWith(o.Hash, is.header(object{"alg": o.Alg}), payload), "signature"}
		all["its own key, with the hash of "+o.Alg] = badToken{is.SignWith(o.Hash, is.header(nil), payload), "signature"}
	}
	return all
}

// jwk is a public key as a header may carry it.
func (s Signer) jwk() object {
	return object{"kty": "oct", "alg": s.Alg, "k": base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprint(s.Public)))}
}

// stray is a last character of a signature whose upper bits are those of the real one:
// decoders that are not strict do not see the difference.
func stray(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, token[len(token)-1])^1])
}

// texts are tokens that are well signed and badly written.
func (is TokenIssuer) texts() map[string]badToken {
	good, payload := is.Sign(is.header(nil), is.claims(nil)), is.claims(nil)
	with := func(header object) string { return is.Sign(is.header(header), payload) }
	twice := func(member string) string { return strings.TrimSuffix(payload, "}") + "," + member + "}" }
	claims := func(text string) string { return is.Sign(is.header(nil), text) }
	return map[string]badToken{
		"nothing":                        {"", "not a signed JWT"},
		"a word":                         {"secret", "not a signed JWT"},
		"four parts":                     {good + ".x", "not a signed JWT"},
		"five parts, which is encrypted": {encoded(`{"alg":"RSA-OAEP","enc":"A256GCM"}`) + ".a.a.a.a", "not a signed JWT"},
		"a token in a token":             {is.Sign(is.header(object{"cty": "JWT"}), payload), "holds another token"},
		"a token as payload":             {is.Sign(is.header(nil), good), "not a signed JWT"},
		"a claim twice":                  {claims(twice(`"sub":"eve"`)), "not a signed JWT"},
		"a claim twice, once escaped":    {claims(twice(`"\u0073ub":"eve"`)), "not a signed JWT"},
		"a member twice, deep inside":    {claims(twice(`"x":[{"a":1,"a":2}]`)), "not a signed JWT"},
		"a header twice":                 {is.Sign(strings.TrimSuffix(is.header(nil), "}")+`,"alg":"none"}`, payload), "not a signed JWT"},
		"something behind the claims":    {claims(payload + payload), "not a signed JWT"},
		"claims that are a list":         {claims("[" + payload + "]"), "not a signed JWT"},
		"claims that are null":           {claims("null"), "not a signed JWT"},
		"claims that are not UTF-8":      {claims(twice("\"x\":\"\xff\"")), "not a signed JWT"},
		"an extension that is demanded":  {with(object{"crit": []string{"exp"}, "exp": 1}), "extensions"},
		"an empty list of extensions":    {with(object{"crit": []string{}}), "extensions"},
		"an unencoded payload":           {with(object{"b64": false, "crit": []string{"b64"}}), "extensions"},
		"a token of another purpose":     {with(object{"typ": "logout+jwt"}), "not an access token"},
		"a type that is no text":         {with(object{"typ": 1}), "not an access token"},
		"a token of more than 8 KiB":     {claims(is.claims(object{"x": strings.Repeat("x", 9<<10)})), "more than 8192 bytes"},
		"a token as deep as it can hold": {claims(strings.Repeat("[", 5500)), "not a signed JWT"},
		"an object as deep":              {claims(strings.Repeat(`{"":`, 1400)), "not a signed JWT"},
	}
}

// badClaims are tokens whose claims do not let anybody in.
func (is TokenIssuer) badClaims() map[string]badToken {
	with := func(change object) string { return is.Sign(is.header(nil), is.claims(change)) }
	raw := func(claim, value string) string { // what json.Marshal would not write
		rest := is.claims(object{claim: nil})
		return is.Sign(is.header(nil), `{"`+claim+`":`+value+","+rest[1:])
	}
	return map[string]badToken{
		"expired":                       {with(object{"exp": is.in(-61 * time.Second)}), "has expired"},
		"expired in 1970":               {with(object{"exp": 0}), "has expired"},
		"no exp":                        {with(object{"exp": nil}), "lacks the claim exp"},
		"exp that is null":              {raw("exp", "null"), "exp of the token is not a time"},
		"exp that is text":              {with(object{"exp": "4102444800"}), "exp of the token is not a time"},
		"exp that is a list":            {with(object{"exp": []int{4102444800}}), "exp of the token is not a time"},
		"exp beyond all numbers":        {raw("exp", "1e999"), "exp of the token is not a time"},
		"exp beyond all times":          {raw("exp", "1e30"), "exp of the token is not a time"},
		"exp below zero":                {raw("exp", "-1e30"), "exp of the token is not a time"},
		"nbf to come":                   {with(object{"nbf": is.in(61 * time.Second)}), "not valid yet"},
		"nbf that is text":              {with(object{"nbf": "0"}), "nbf"},
		"nbf beyond all times":          {raw("nbf", "1e30"), "nbf of the token is not a time"},
		"nbf below zero":                {raw("nbf", "-1"), "nbf of the token is not a time"},
		"issued tomorrow":               {with(object{"iat": is.in(24 * time.Hour)}), "issued in the future"},
		"iat that is text":              {with(object{"iat": "now"}), "iat"},
		"iat beyond all numbers":        {raw("iat", "1e999"), "iat of the token is not a time"},
		"another issuer":                {with(object{"iss": is.Name + "/"}), "trusts"},
		"an issuer of another spelling": {with(object{"iss": strings.ToUpper(is.Name)}), "trusts"},
		"no issuer":                     {with(object{"iss": nil}), "trusts"},
		"an issuer that is a list":      {with(object{"iss": []string{is.Name}}), "trusts"},
		"another audience":              {with(object{"aud": "imgd2"}), "another service"},
		"an audience that begins alike": {with(object{"aud": []string{"imgd/x", "img"}}), "another service"},
		"no audience":                   {with(object{"aud": nil}), "another service"},
		"an empty audience":             {with(object{"aud": []string{}}), "another service"},
		"an audience that is a number":  {with(object{"aud": 7}), "another service"},
		"no subject":                    {with(object{"sub": nil}), "lacks the claim sub"},
		"an empty subject":              {with(object{"sub": ""}), "lacks the claim sub"},
		"a subject that is a number":    {with(object{"sub": 7}), "lacks the claim sub"},
		"a long subject":                {with(object{"sub": strings.Repeat("a", 256)}), "sub"},
		"a subject of two lines":        {with(object{"sub": "ann\nroot"}), "cannot be printed"},
		"a subject of half a character": {raw("sub", `"\ud800"`), "cannot be printed"},
		"no tenant":                     {with(object{"org_id": nil}), "lacks the claim org_id"},
		"an empty tenant":               {with(object{"org_id": ""}), "lacks the claim org_id"},
		"a tenant that is a list":       {with(object{"org_id": []string{"acme"}}), "lacks the claim org_id"},
		"a tenant of another spelling":  {with(object{"org_id": nil, "ORG_ID": "acme"}), "lacks the claim org_id"},
		"scopes that are a number":      {with(object{"scope": 7}), "scope"},
		"scopes that are mixed":         {with(object{"scope": []any{"images:read", 7}}), "scope"},
	}
}
