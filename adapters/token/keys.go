package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"imgd/core"
)

// Keys are what one issuer signs with. Each kind is a type of its own that knows its
// own family of algorithms, so that none can be taken for another: a public key is
// never a secret.
type Keys interface {
	// verify checks a signature. It is Unauthenticated, or Unavailable when the keys
	// cannot be had.
	verify(ctx context.Context, f *form) error
	// algorithms are those the keys are for.
	algorithms() []string
}

// MinSecret is the fewest bytes a secret may have: as many as HS256 gives out.
const MinSecret = 32

const algSecret = "HS256"

// Secret is shared with the issuer. Whoever has it can sign.
type Secret struct{ text []byte }

// NewSecret returns a secret of at least MinSecret bytes.
func NewSecret(text string) (*Secret, error) {
	if len(text) < MinSecret {
		return nil, fmt.Errorf("the secret has %d bytes; it needs %d or more", len(text), MinSecret)
	}
	return &Secret{[]byte(text)}, nil
}

func (*Secret) algorithms() []string { return []string{algSecret} }

func (s *Secret) verify(_ context.Context, f *form) error {
	if f.alg != algSecret {
		return forged(errors.New("of another algorithm"))
	}
	if err := jwt.SigningMethodHS256.Verify(f.signed, f.signature, s.text); err != nil {
		return forged(err)
	}
	return nil
}

// asymmetric are the algorithms of public keys.
var asymmetric = map[string]jwt.SigningMethod{
	"RS256": jwt.SigningMethodRS256,
	"PS256": jwt.SigningMethodPS256,
	"ES256": jwt.SigningMethodES256,
	"EdDSA": jwt.SigningMethodEdDSA,
}

// PublicKey is a key of the issuer's that the operator has put down, or several while
// one replaces another.
type PublicKey struct{ keys []crypto.PublicKey }

// maxPublicKeys of one issuer; each may have to be tried for a token.
const maxPublicKeys = 4

// ParsePublicKey reads public keys in PEM: RSA of 2048 to 8192 bits, P-256, or Ed25519.
func ParsePublicKey(text string) (*PublicKey, error) {
	var p PublicKey
	rest := []byte(strings.TrimSpace(text))
	for len(rest) > 0 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("it is not a public key in PEM, which begins with -----BEGIN PUBLIC KEY-----")
		}
		key, err := publicKey(block)
		if err != nil {
			return nil, err
		}
		if _, err := algorithms(key); err != nil {
			return nil, err
		}
		p.keys = append(p.keys, key)
	}
	if n := len(p.keys); n == 0 || n > maxPublicKeys {
		return nil, fmt.Errorf("it has %d public keys; give it 1 to %d", n, maxPublicKeys)
	}
	return &p, nil
}

func publicKey(block *pem.Block) (crypto.PublicKey, error) {
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	}
	if strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return nil, errors.New("it is a private key, which belongs to the issuer alone; openssl pkey -pubout makes the public one of it")
	}
	return nil, fmt.Errorf("it is a %s and not a PUBLIC KEY", strings.ToLower(block.Type))
}

func (p *PublicKey) algorithms() (all []string) {
	for _, key := range p.keys {
		names, _ := algorithms(key) // it was looked at when it was read
		all = append(all, names...)
	}
	return all
}

func (p *PublicKey) verify(_ context.Context, f *form) error {
	err := errors.New("of another algorithm")
	for _, key := range p.keys {
		if fits(key, f.alg) {
			if err = f.signedBy(key); err == nil {
				return nil
			}
		}
	}
	return forged(err)
}

// algorithms are what a public key can have signed with, none of them with a hash
// other than SHA-256 or its own.
func algorithms(key crypto.PublicKey) ([]string, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < 2048 || n > 8192 {
			return nil, fmt.Errorf("an RSA key of %d bits; it needs 2048 to 8192", n)
		}
		return []string{"RS256", "PS256"}, nil
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return nil, fmt.Errorf("a key on the curve %s; of elliptic curves P-256 and Ed25519 are taken", key.Curve.Params().Name)
		}
		return []string{"ES256"}, nil
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, errors.New("a key that is neither RSA, P-256 nor Ed25519")
}

func fits(key crypto.PublicKey, alg string) bool {
	names, err := algorithms(key)
	return err == nil && slices.Contains(names, alg)
}

// signedBy checks the signature with a key that fits the algorithm.
func (f *form) signedBy(key crypto.PublicKey) error {
	return asymmetric[f.alg].Verify(f.signed, f.signature, key)
}

func forged(err error) error {
	return core.Unauthenticated.Errorf("the signature of the token is not valid").Because(err)
}
