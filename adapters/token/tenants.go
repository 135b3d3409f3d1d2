package token

import (
	"errors"
	"fmt"
	"strings"
)

// Tenants says which tenants an issuer's tokens are of.
type Tenants struct {
	Fixed  string // the one tenant of all of them; or else
	Claim  string // the claim that names it,
	Prefix string // with this before it
}

func (t Tenants) check() error {
	switch {
	case t.Fixed != "" && (t.Claim != "" || t.Prefix != ""):
		return errors.New("it has a tenant, and a claim or a prefix of tenants beside it; keep one")
	case t.Fixed == "" && t.Claim == "":
		return errors.New("it has neither a tenant nor a claim that names it")
	case len(t.Fixed) > maxName || !printable(t.Fixed) || len(t.Prefix) > maxName/2 || !printable(t.Prefix):
		return fmt.Errorf("its tenant or its prefix of tenants is too long (%d bytes) or cannot be printed", maxName)
	}
	return nil
}

// meet reports whether two issuers could name one tenant, and nobody would see it
// from a single token.
func (t Tenants) meet(other Tenants) bool {
	if t.Fixed == "" && other.Fixed == "" && t.Prefix == other.Prefix {
		return true
	}
	return t.Fixed != "" && other.claims(t.Fixed) || other.Fixed != "" && t.claims(other.Fixed) ||
		t.Fixed == "" && other.Prefix != "" && t.Prefix != "" && (other.claims(t.Prefix) || t.claims(other.Prefix))
}

// claims reports whether a tenant is this issuer's and can be nobody else's.
func (t Tenants) claims(tenant string) bool {
	return t.Fixed != "" && t.Fixed == tenant || t.Prefix != "" && strings.HasPrefix(tenant, t.Prefix)
}
