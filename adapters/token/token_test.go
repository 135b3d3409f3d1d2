package token_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"hash"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"imgd/adapters/token"
	"imgd/core"
)

const secret = "a secret that is shared with the issuer"

var now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func reader(t testing.TB, key string) *token.HMAC {
	t.Helper()
	h, err := token.NewHMAC(key, "https://issuer.example.com", "imgd", func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return h
}

type object = map[string]any

// claims are those of a good token with some of them replaced; nil takes one out.
func claims(change object) string {
	all := object{
		"iss": "https://issuer.example.com", "aud": "imgd", "sub": "ann", "org_id": "acme", "scope": "images:read images:write",
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

const plain = `{"alg":"HS256","typ":"JWT"}`

// signed is a token made by hand: its text is ours to the byte.
func signed(header, payload string) string { return signedWith(sha256.New, secret, header, payload) }

func signedWith(h func() hash.Hash, key, header, payload string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	mac := hmac.New(h, []byte(key))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func TestAGoodTokenNamesItsPrincipal(t *testing.T) {
	both := []core.Scope{core.ScopeRead, core.ScopeWrite}
	for name, c := range map[string]struct {
		header string
		change object
		scopes []core.Scope
	}{
		"as issuers write it":               {plain, nil, both},
		"without a type":                    {`{"alg":"HS256"}`, nil, both},
		"of the type of RFC 9068":           {`{"typ":"at+jwt","alg":"HS256"}`, nil, both},
		"of its long type":                  {`{"typ":"application/AT+JWT","alg":"HS256"}`, nil, both},
		"with a key id that means nothing":  {`{"alg":"HS256","kid":"../../etc/passwd"}`, nil, both},
		"for several services":              {plain, object{"aud": []string{"other", "imgd"}}, both},
		"that ran out within the leeway":    {plain, object{"exp": now.Add(-59 * time.Second).Unix()}, both},
		"of a clock that is a little ahead": {plain, object{"iat": now.Add(59 * time.Second).Unix(), "nbf": now.Add(59 * time.Second).Unix()}, both},
		"with a fraction of a second":       {plain, object{"exp": float64(now.Unix()) + 10.5}, both},
		"with scp as text":                  {plain, object{"scope": nil, "scp": "images:admin"}, []core.Scope{core.ScopeAdmin}},
		"with scp as a list":                {plain, object{"scope": nil, "scp": []string{"images:read", "images:write"}}, both},
		"with scope before scp":             {plain, object{"scope": "images:read", "scp": "images:admin"}, []core.Scope{core.ScopeRead}},
		"with scopes of others":             {plain, object{"scope": "openid  images:read billing:admin IMAGES:ADMIN"}, []core.Scope{core.ScopeRead}},
		"without scopes":                    {plain, object{"scope": nil}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := reader(t, secret).Principal(t.Context(), signed(c.header, claims(c.change)))
			if err != nil {
				t.Fatal(err)
			}
			if got.Tenant != "acme" || got.Subject != "ann" || !slices.Equal(got.Scopes, c.scopes) {
				t.Errorf("got %+v, want ann of acme with %v", got, c.scopes)
			}
		})
	}
}

func TestABadTokenIsUnauthenticated(t *testing.T) {
	good := signed(plain, claims(nil))
	cut := strings.LastIndexByte(good, '.')
	payload := claims(nil)
	twice := func(member string) string { return strings.TrimSuffix(payload, "}") + "," + member + "}" }
	for name, c := range map[string]struct{ token, tells string }{
		"nothing":                        {"", "not a signed JWT"},
		"a word":                         {"secret", "not a signed JWT"},
		"four parts":                     {good + ".x", "not a signed JWT"},
		"alg none":                       {unsecured("none", payload), "signature"},
		"alg None":                       {unsecured("NoNe", payload), "signature"},
		"alg HS512 with our secret":      {signedWith(sha512.New, secret, `{"alg":"HS512"}`, payload), "signature"},
		"alg hs256":                      {signed(`{"alg":"hs256"}`, payload), "signature"},
		"no alg":                         {signed(`{"typ":"JWT"}`, payload), "signature"},
		"alg that is no text":            {signed(`{"alg":["HS256"]}`, payload), "signature"},
		"another secret":                 {signedWith(sha256.New, secret+"x", plain, payload), "signature"},
		"no secret":                      {signedWith(sha256.New, "", plain, payload), "signature"},
		"a cut signature":                {good[:len(good)-3], "signature"},
		"no signature":                   {good[:cut+1], "signature"},
		"a signature with padding":       {good + "=", "not a signed JWT"},
		"a payload of somebody else":     {transplanted(good, claims(object{"sub": "eve"})), "signature"},
		"a signature with stray bits":    {good[:len(good)-1] + next(good[len(good)-1]), "not a signed JWT"},
		"expired":                        {signed(plain, claims(object{"exp": now.Add(-61 * time.Second).Unix()})), "has expired"},
		"expired in 1970":                {signed(plain, claims(object{"exp": 0})), "has expired"},
		"no exp":                         {signed(plain, claims(object{"exp": nil})), "lacks"},
		"exp that is null":               {signed(plain, twiceless(payload, `"exp":null`)), "exp of the token is not a time"},
		"exp that is text":               {signed(plain, claims(object{"exp": "4102444800"})), "exp of the token is not a time"},
		"exp that is a list":             {signed(plain, claims(object{"exp": []int{4102444800}})), "exp of the token is not a time"},
		"exp beyond all numbers":         {signed(plain, twiceless(payload, `"exp":1e999`)), "exp of the token is not a time"},
		"exp beyond all times":           {signed(plain, twiceless(payload, `"exp":1e30`)), "exp of the token is not a time"},
		"exp below zero":                 {signed(plain, twiceless(payload, `"exp":-1e30`)), "exp of the token is not a time"},
		"nbf to come":                    {signed(plain, claims(object{"nbf": now.Add(61 * time.Second).Unix()})), "not valid yet"},
		"nbf that is text":               {signed(plain, claims(object{"nbf": "0"})), "nbf"},
		"issued tomorrow":                {signed(plain, claims(object{"iat": now.Add(24 * time.Hour).Unix()})), "issued in the future"},
		"iat that is text":               {signed(plain, claims(object{"iat": "now"})), "iat"},
		"iat beyond all numbers":         {signed(plain, twiceless(payload, `"iat":1e999`)), "iat of the token is not a time"},
		"nbf beyond all times":           {signed(plain, twiceless(payload, `"nbf":1e30`)), "nbf of the token is not a time"},
		"nbf below zero":                 {signed(plain, twiceless(payload, `"nbf":-1`)), "nbf of the token is not a time"},
		"another issuer":                 {signed(plain, claims(object{"iss": "https://issuer.example.com/"})), "another issuer"},
		"no issuer":                      {signed(plain, claims(object{"iss": nil})), ""},
		"an issuer that is a list":       {signed(plain, claims(object{"iss": []string{"https://issuer.example.com"}})), "wrong type"},
		"another audience":               {signed(plain, claims(object{"aud": "imgd2"})), "another service"},
		"an audience that begins alike":  {signed(plain, claims(object{"aud": []string{"imgd/x", "img"}})), "another service"},
		"no audience":                    {signed(plain, claims(object{"aud": nil})), ""},
		"an empty audience":              {signed(plain, claims(object{"aud": []string{}})), ""},
		"an audience that is a number":   {signed(plain, claims(object{"aud": 7})), ""},
		"no subject":                     {signed(plain, claims(object{"sub": nil})), "lacks the claim sub"},
		"an empty subject":               {signed(plain, claims(object{"sub": ""})), "lacks the claim sub"},
		"a subject that is a number":     {signed(plain, claims(object{"sub": 7})), "lacks the claim sub"},
		"a long subject":                 {signed(plain, claims(object{"sub": strings.Repeat("a", 256)})), "sub"},
		"a subject of two lines":         {signed(plain, claims(object{"sub": "ann\nroot"})), "cannot be printed"},
		"a subject of half a character":  {signed(plain, twiceless(payload, `"sub":"\ud800"`)), "cannot be printed"},
		"no tenant":                      {signed(plain, claims(object{"org_id": nil})), "lacks the claim org_id"},
		"an empty tenant":                {signed(plain, claims(object{"org_id": ""})), "lacks the claim org_id"},
		"a tenant that is a list":        {signed(plain, claims(object{"org_id": []string{"acme"}})), "lacks the claim org_id"},
		"a tenant of another spelling":   {signed(plain, claims(object{"org_id": nil, "ORG_ID": "acme"})), "lacks the claim org_id"},
		"scopes that are a number":       {signed(plain, claims(object{"scope": 7})), "scopes"},
		"scopes that are mixed":          {signed(plain, claims(object{"scope": []any{"images:read", 7}})), "scopes"},
		"a claim twice":                  {signed(plain, twice(`"sub":"eve"`)), "not a signed JWT"},
		"a claim twice, once escaped":    {signed(plain, twice(`"\u0073ub":"eve"`)), "not a signed JWT"},
		"a member twice, deep inside":    {signed(plain, twice(`"x":[{"a":1,"a":2}]`)), "not a signed JWT"},
		"a header twice":                 {signed(`{"alg":"HS256","alg":"HS256"}`, payload), "not a signed JWT"},
		"something behind the claims":    {signed(plain, payload+payload), "not a signed JWT"},
		"claims that are a list":         {signed(plain, "["+payload+"]"), "not a signed JWT"},
		"claims that are null":           {signed(plain, "null"), "not a signed JWT"},
		"claims that are not UTF-8":      {signed(plain, twice("\"x\":\"\xff\"")), "not a signed JWT"},
		"an extension that is demanded":  {signed(`{"alg":"HS256","crit":["exp"],"exp":1}`, payload), "extensions"},
		"an empty list of extensions":    {signed(`{"alg":"HS256","crit":[]}`, payload), "extensions"},
		"an unencoded payload":           {signed(`{"alg":"HS256","b64":false,"crit":["b64"]}`, payload), "extensions"},
		"a token of another purpose":     {signed(`{"alg":"HS256","typ":"logout+jwt"}`, payload), "not an access token"},
		"a type that is no text":         {signed(`{"alg":"HS256","typ":1}`, payload), "not an access token"},
		"a token of more than 8 KiB":     {signed(plain, claims(object{"x": strings.Repeat("x", 8<<10)})), "more than 8192 bytes"},
		"a token as deep as it can hold": {signed(plain, strings.Repeat("[", 6000)), "not a signed JWT"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := reader(t, secret).Principal(t.Context(), c.token)
			if core.KindOf(err) != core.Unauthenticated {
				t.Fatalf("got %+v, %v; want it to be unauthenticated", got, err)
			}
			if got.Tenant != "" || got.Subject != "" || got.Scopes != nil {
				t.Errorf("the error comes with %+v, want nobody", got)
			}
			if e := err.(*core.Error); !strings.Contains(e.Detail, c.tells) { //nolint:errorlint // it is what the port returns
				t.Errorf("it says %q, want %q in it", e.Detail, c.tells)
			}
		})
	}
}

// unsecured is a token of RFC 7519, section 6.
func unsecured(alg, payload string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+alg+`"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "."
}

// transplanted puts another payload under a signature.
func transplanted(token, payload string) string {
	parts := strings.Split(token, ".")
	return parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + parts[2]
}

// twiceless replaces a claim by a member that json.Marshal would not write.
func twiceless(payload, member string) string {
	var all map[string]json.RawMessage
	var one map[string]json.RawMessage
	if json.Unmarshal([]byte(payload), &all) != nil {
		panic(payload)
	}
	name := member[1:strings.Index(member, `":`)]
	delete(all, name)
	if json.Unmarshal([]byte("{"+member+"}"), &one) != nil {
		panic(member)
	}
	var b bytes.Buffer
	b.WriteString("{" + member)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.WriteString(`,"` + name + `":`)
		b.Write(all[name])
	}
	b.WriteString("}")
	return b.String()
}

// next is a character whose upper bits are those of c: decoders that are not
// strict do not see the difference.
func next(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)^1])
}

func TestAPublicKeyIsNoSecret(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	rs256, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": "https://issuer.example.com", "aud": "imgd", "sub": "eve", "org_id": "acme", "exp": now.Add(time.Hour).Unix(),
	}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ secret, token string }{
		"RS256 against a secret":                 {secret, rs256},
		"RS256 against its public key as secret": {public, rs256},
		"HS256 under a public key":               {secret, signedWith(sha256.New, public, plain, claims(nil))},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := reader(t, c.secret).Principal(t.Context(), c.token); core.KindOf(err) != core.Unauthenticated {
				t.Errorf("got %+v, %v; want it to be unauthenticated", got, err)
			}
		})
	}
}

func TestWhatIsMintedIsRead(t *testing.T) {
	want := core.Principal{Tenant: "acme", Subject: "ann", Scopes: []core.Scope{core.ScopeRead, core.ScopeAdmin}}
	text, err := reader(t, secret).Mint(want, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	got, err := reader(t, secret).Principal(t.Context(), text)
	if err != nil || got.Tenant != want.Tenant || got.Subject != want.Subject || !slices.Equal(got.Scopes, want.Scopes) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	later, err := token.NewHMAC(secret, "https://issuer.example.com", "imgd", func() time.Time { return now.Add(3 * time.Minute) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := later.Principal(t.Context(), text); core.KindOf(err) != core.Unauthenticated {
		t.Errorf("after three minutes a token for one gives %v", err)
	}
}

func TestAReaderWithoutASecretCannotBeMade(t *testing.T) {
	for name, c := range map[string][3]string{
		"no secret":      {"", "i", "a"},
		"a short secret": {strings.Repeat("s", 31), "i", "a"},
		"no issuer":      {secret, "", "a"},
		"no audience":    {secret, "i", ""},
	} {
		if h, err := token.NewHMAC(c[0], c[1], c[2], time.Now); err == nil || h != nil {
			t.Errorf("%s: there is a reader", name)
		} else if c[0] != "" && strings.Contains(err.Error(), c[0]) {
			t.Errorf("%s: the secret is told: %v", name, err)
		}
	}
}

// FuzzPrincipal holds that of all texts only what was signed opens the door, in
// the one way it is written.
func FuzzPrincipal(f *testing.F) {
	h, good := reader(f, secret), signed(plain, claims(nil))
	f.Add(good)
	f.Add(unsecured("none", claims(nil)))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := h.Principal(t.Context(), text)
		if err == nil && text != good {
			t.Errorf("%q names %+v, and nobody has signed it", text, p)
		}
		if err != nil && core.KindOf(err) != core.Unauthenticated {
			t.Errorf("%q gives %v, want it to be unauthenticated", text, err)
		}
	})
}
