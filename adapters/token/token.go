// Package token reads bearer tokens: JSON Web Tokens (RFC 7519, RFC 8725) of one
// issuer or of several.
package token

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"imgd/core"
	"imgd/ports"
)

// The types of an access token: that of RFC 9068, and what older issuers write.
const (
	typeAccess = "at+jwt"
	typeJWT    = "jwt"
)

// Issuer is somebody whose tokens are taken, and what is asked of them.
type Issuer struct {
	Name       string // iss, exactly
	Keys       Keys
	Audience   string   // aud has to have it
	Algorithms []string // fewer than the keys are for; empty for all of them
	Type       string   // the one typ that is taken: at+jwt or jwt; empty for both, and for none
	Tenants    Tenants
	// Bare has subjects stand for themselves as owners. Those of every other issuer
	// have its name and a bar before them. One issuer at most is bare.
	Bare bool
}

// Issuers are all those whose tokens are taken. One of them is asked for each token:
// the one that it names.
type Issuers struct {
	all map[string]*Issuer
	now func() time.Time
}

var _ ports.Tokens = (*Issuers)(nil)

// New returns a reader of the issuers' tokens. It refuses issuers of which two could
// name the same tenant or the same owner.
func New(now func() time.Time, issuers ...Issuer) (*Issuers, error) {
	if len(issuers) == 0 {
		return nil, errors.New("there is no issuer")
	}
	all := map[string]*Issuer{}
	for _, is := range issuers {
		if err := is.check(); err != nil {
			return nil, fmt.Errorf("the issuer %q: %w", is.Name, err)
		}
		for _, other := range all {
			if err := is.apart(other); err != nil {
				return nil, err
			}
		}
		all[is.Name] = &is
	}
	return &Issuers{all, now}, nil
}

func (is *Issuer) check() error {
	switch {
	case is.Name == "" || len(is.Name) > maxName || !printable(is.Name) || strings.Contains(is.Name, bar):
		return fmt.Errorf("its name has to be text of at most %d bytes without %q", maxName, bar)
	case is.Keys == nil:
		return errors.New("it has no keys")
	case is.Audience == "":
		return errors.New("without an audience it would let in tokens that are meant for others")
	case is.Type != "" && is.Type != typeAccess && is.Type != typeJWT:
		return fmt.Errorf("typ is %q; it can be %s, %s, or left out for both", is.Type, typeAccess, typeJWT)
	}
	for _, alg := range is.Algorithms {
		if !slices.Contains(is.Keys.algorithms(), alg) {
			return fmt.Errorf("its keys do not sign with %s but with %s", alg, strings.Join(is.Keys.algorithms(), ", "))
		}
	}
	return is.Tenants.check()
}

// apart refuses two issuers that could be mistaken for each other.
func (is *Issuer) apart(other *Issuer) error {
	switch {
	case is.Name == other.Name:
		return fmt.Errorf("the issuer %q is there twice", is.Name)
	case is.Bare && other.Bare:
		return fmt.Errorf("the issuers %q and %q could name the same owner", other.Name, is.Name)
	case is.Tenants.meet(other.Tenants):
		return fmt.Errorf("the issuers %q and %q could name the same tenant: give one of them a tenant or a tenant_prefix of its own", other.Name, is.Name)
	}
	return nil
}

// Names are the names of the issuers, in order.
func (i *Issuers) Names() []string { return slices.Sorted(maps.Keys(i.all)) }

// Principal returns whom a token names.
func (i *Issuers) Principal(ctx context.Context, text string) (core.Principal, error) {
	f, err := parse(text)
	if err != nil {
		return core.Principal{}, err
	}
	name, _ := f.claims["iss"].(string)
	is, ok := i.all[name]
	if !ok {
		return core.Principal{}, core.Unauthenticated.Errorf("the token is not of an issuer that this service trusts")
	}
	if len(is.Algorithms) > 0 && !slices.Contains(is.Algorithms, f.alg) {
		return core.Principal{}, forged(errors.New("of another algorithm"))
	}
	if err := is.Keys.verify(ctx, f); err != nil {
		return core.Principal{}, err
	}
	if err := is.accepts(f, i.now()); err != nil {
		return core.Principal{}, err
	}
	p, err := is.principal(f.claims)
	if err != nil {
		return core.Principal{}, err
	}
	return p, i.own(is, p)
}

// own refuses a principal that another issuer might name as well: the tenants of the
// one issuer without a prefix, and its owners, are whatever it says.
func (i *Issuers) own(is *Issuer, p core.Principal) error {
	for _, other := range i.all {
		if other == is {
			continue
		}
		if other.Tenants.claims(p.Tenant) {
			return core.Unauthenticated.Errorf("the tenant of the token belongs to another issuer")
		}
		if is.Bare && strings.HasPrefix(p.Subject, other.Name+bar) {
			return core.Unauthenticated.Errorf("the subject of the token belongs to another issuer")
		}
	}
	return nil
}
