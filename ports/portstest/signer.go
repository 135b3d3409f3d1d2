package portstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512" // for the algorithms that are not taken
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
)

// Signer signs tokens made by hand, whose text is ours to the byte.
type Signer struct {
	Alg    string // the one that its header should name
	Public crypto.PublicKey
	rsa    *rsa.PrivateKey
	sign   func(hash crypto.Hash, text []byte) ([]byte, error)
}

// NewSigner returns a signer with a key of its own: of HS256 the secret is given.
func NewSigner(alg, secret string) Signer {
	switch alg {
	case "HS256":
		return Signer{Alg: alg, sign: func(hash crypto.Hash, text []byte) ([]byte, error) {
			mac := hmac.New(hash.New, []byte(secret))
			mac.Write(text)
			return mac.Sum(nil), nil
		}}
	case "RS256", "PS256":
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return signerRSA(alg, key)
	case "ES256":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return Signer{Alg: alg, Public: &key.PublicKey, sign: func(hash crypto.Hash, text []byte) ([]byte, error) {
			r, s, err := ecdsa.Sign(rand.Reader, key, digest(hash, text))
			if err != nil {
				return nil, err
			}
			both := make([]byte, 64)
			r.FillBytes(both[:32])
			s.FillBytes(both[32:])
			return both, nil
		}}
	case "EdDSA":
		public, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		return Signer{Alg: alg, Public: public, sign: func(_ crypto.Hash, text []byte) ([]byte, error) { return ed25519.Sign(key, text), nil }}
	}
	panic("there is no signer for " + alg)
}

func signerRSA(alg string, key *rsa.PrivateKey) Signer {
	s := Signer{Alg: alg, Public: &key.PublicKey, rsa: key}
	s.sign = func(hash crypto.Hash, text []byte) ([]byte, error) {
		if alg == "PS256" {
			return rsa.SignPSS(rand.Reader, key, hash, digest(hash, text), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.SignPKCS1v15(rand.Reader, key, hash, digest(hash, text))
	}
	return s
}

// As is the signer with another algorithm for its RSA key.
func (s Signer) As(alg string) Signer { return signerRSA(alg, s.rsa) }

func digest(hash crypto.Hash, text []byte) []byte {
	h := hash.New()
	h.Write(text)
	return h.Sum(nil)
}

// Sign signs a header and a payload, whatever stands in them.
func (s Signer) Sign(header, payload string) string {
	return s.SignWith(crypto.SHA256, header, payload)
}

// SignWith signs with another hash than the signer's own.
func (s Signer) SignWith(hash crypto.Hash, header, payload string) string {
	text := encoded(header) + "." + encoded(payload)
	signature, err := s.sign(hash, []byte(text))
	if err != nil {
		panic(err)
	}
	return text + "." + encoded(string(signature))
}

// PEM is the public key; of a secret there is none.
func (s Signer) PEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: s.der()}))
}

func (s Signer) der() []byte {
	der, err := x509.MarshalPKIXPublicKey(s.Public)
	if err != nil {
		panic(err)
	}
	return der
}

func encoded(part string) string { return base64.RawURLEncoding.EncodeToString([]byte(part)) }

// unsigned is a token of RFC 7519, section 6.
func unsigned(alg, payload string) string {
	return encoded(`{"alg":"`+alg+`"}`) + "." + encoded(payload) + "."
}

// transplanted puts another payload under a signature.
func transplanted(token, payload string) string {
	parts := strings.Split(token, ".")
	return parts[0] + "." + encoded(payload) + "." + parts[2]
}
