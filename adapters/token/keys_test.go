package token_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"imgd/adapters/token"
	"imgd/core"
	"imgd/ports/portstest"
)

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestASecretIsLong(t *testing.T) {
	for _, text := range []string{"", "x", strings.Repeat("s", 31)} {
		s, err := token.NewSecret(text)
		if err == nil || s != nil {
			t.Errorf("%d bytes are a secret", len(text))
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the secret is told: %v", err)
		}
	}
}

func TestAPublicKeyIsOneThatNobodyCanBreakOrMistake(t *testing.T) {
	ed := portstest.NewSigner("EdDSA", "").PEM()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secretPart, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large, err := x509.MarshalPKIXPublicKey(&p384.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	// A number of 1024 bits is no key, and this one need not be.
	weak := x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537})
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for name, c := range map[string]struct{ text, tells string }{
		"nothing":               {"", "0 public keys"},
		"a word":                {"secret", "BEGIN PUBLIC KEY"},
		"a private key":         {block("PRIVATE KEY", secretPart), "pkey -pubout"},
		"an RSA key of 1024":    {block("RSA PUBLIC KEY", weak), "1024 bits"},
		"a key on P-384":        {block("PUBLIC KEY", large), "P-384"},
		"a request":             {block("CERTIFICATE REQUEST", large), "certificate request"},
		"half a key":            {block("PUBLIC KEY", large[:40]), ""},
		"a key and a word":      {ed + "secret", "BEGIN PUBLIC KEY"},
		"five keys":             {strings.Repeat(ed, 5), "5 public keys"},
		"a public key, and bad": {ed + block("PUBLIC KEY", large), "P-384"},
	} {
		if k, err := token.ParsePublicKey(c.text); err == nil || k != nil || !strings.Contains(err.Error(), c.tells) {
			t.Errorf("%s gives %v, want %q in an error", name, err, c.tells)
		}
	}
}

func TestTwoPublicKeysAreGoodWhileOneReplacesTheOther(t *testing.T) {
	first, second, third := portstest.NewSigner("EdDSA", ""), portstest.NewSigner("EdDSA", ""), portstest.NewSigner("EdDSA", "")
	r := reader(t, token.Issuer{Name: named, Audience: "imgd", Tenants: byOrg, Keys: public(t, first, second)})
	for _, c := range []struct {
		s    portstest.Signer
		want core.Kind
	}{{first, ""}, {second, ""}, {third, core.Unauthenticated}} {
		if _, err := r.Principal(t.Context(), c.s.Sign(`{"alg":"EdDSA","kid":"any"}`, claims(nil))); core.KindOf(err) != c.want {
			t.Errorf("a token gives %v, want kind %q", err, c.want)
		}
	}
}

func TestAlgorithmsAndTypesAreNarrowed(t *testing.T) {
	k := portstest.NewSigner("RS256", "")
	both := reader(t, token.Issuer{Name: named, Audience: "imgd", Tenants: byOrg, Keys: public(t, k)})
	less := reader(t, token.Issuer{Name: named, Audience: "imgd", Tenants: byOrg, Keys: public(t, k), Algorithms: []string{"PS256"}, Type: "at+jwt"})
	pss := k.As("PS256")
	for name, c := range map[string]struct {
		text         string
		both, narrow core.Kind
	}{
		"PS256, at+jwt":               {pss.Sign(`{"alg":"PS256","typ":"at+jwt"}`, claims(nil)), "", ""},
		"PS256, long":                 {pss.Sign(`{"alg":"PS256","typ":"application/at+jwt"}`, claims(nil)), "", ""},
		"PS256, JWT":                  {pss.Sign(`{"alg":"PS256","typ":"JWT"}`, claims(nil)), "", core.Unauthenticated},
		"PS256 without a type":        {pss.Sign(`{"alg":"PS256"}`, claims(nil)), "", core.Unauthenticated},
		"RS256, at+jwt":               {k.Sign(`{"alg":"RS256","typ":"at+jwt"}`, claims(nil)), "", core.Unauthenticated},
		"RS256 that says it is PS256": {k.Sign(`{"alg":"PS256","typ":"at+jwt"}`, claims(nil)), core.Unauthenticated, core.Unauthenticated},
	} {
		if _, err := both.Principal(t.Context(), c.text); core.KindOf(err) != c.both {
			t.Errorf("%s gives %v, want kind %q", name, err, c.both)
		}
		if _, err := less.Principal(t.Context(), c.text); core.KindOf(err) != c.narrow {
			t.Errorf("%s where it is narrowed gives %v, want kind %q", name, err, c.narrow)
		}
	}
}
