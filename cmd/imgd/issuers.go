package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"imgd/adapters/token"
	"imgd/core"
)

// oneTenant is what IMGD_AUTH_TENANT_CLAIM says when there are no tenants: everybody
// is of the tenant that is there while authentication is off.
const oneTenant = "none"

// asks reports whether anybody is asked for a token.
func (s *Settings) asks() bool {
	return s.AuthSecret != "" || s.AuthPublicKey != "" || len(s.AuthOIDC) > 0 || s.AuthIssuers != ""
}

// checkAuth tells what is wrong with who may ask.
func (s *Settings) checkAuth(wrong func(variable, format string, args ...any)) {
	before := 0
	tell := func(variable, format string, args ...any) { before++; wrong(variable, format, args...) }
	if !s.asks() {
		return
	}
	if s.AuthAudience == "" {
		tell("IMGD_AUTH_AUDIENCE", "it cannot be empty: a token has to say whom it is meant for")
	}
	if s.AuthClaim == "" {
		tell("IMGD_AUTH_TENANT_CLAIM", "it cannot be empty: %s puts everybody into one tenant", oneTenant)
	}
	if s.AuthSecret != "" && s.AuthPublicKey != "" {
		tell("IMGD_AUTH_PUBLIC_KEY", "IMGD_AUTH_HS256_SECRET is set too: one issuer signs with one of them; keep it")
	}
	if s.AuthIssuer == "" && (s.AuthSecret != "" || s.AuthPublicKey != "") {
		tell("IMGD_AUTH_ISSUER", "it cannot be empty: a token has to name its issuer")
	}
	if n := len(s.AuthSecret); n > 0 && n < token.MinSecret {
		tell("IMGD_AUTH_HS256_SECRET", "it has %d bytes and needs %d or more; openssl rand -hex 32 makes one", n, token.MinSecret)
	}
	if s.AuthPublicKey != "" {
		if _, err := token.ParsePublicKey(s.AuthPublicKey); err != nil {
			tell("IMGD_AUTH_PUBLIC_KEY", "%v", err)
		}
	}
	if s.AuthIssuers != "" {
		if _, err := token.ReadFile(s.AuthIssuers); err != nil {
			tell("IMGD_AUTH_ISSUERS", "%v", err)
		}
	}
	if before > 0 {
		return // what follows from these would only be told twice
	}
	var a authority
	defer a.close()
	if err := a.load(s); err != nil {
		tell("IMGD_AUTH_OIDC_ISSUERS, IMGD_AUTH_ISSUERS", "%v", err)
	}
}

// issuers are those whose tokens are taken, none while authentication is off. The one
// with a key that the settings hold comes first.
func (s *Settings) issuers(discover func(issuer string) (token.Keys, error)) (list []token.Issuer, err error) {
	entries, err := s.entries()
	if err != nil {
		return nil, err
	}
	keys, err := s.staticKeys()
	if err != nil {
		return nil, err
	}
	if keys != nil {
		e, ok := entries[s.AuthIssuer]
		if !ok {
			e.Issuer = s.AuthIssuer
		}
		is := s.issuer(e, keys)
		is.Bare = true
		list = append(list, is)
		delete(entries, s.AuthIssuer)
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		keys, err := discover(name)
		if err != nil {
			return nil, err
		}
		list = append(list, s.issuer(entries[name], keys))
	}
	return list, nil
}

// entries is what the file and the list say of issuers, the file before the list.
func (s *Settings) entries() (map[string]token.Entry, error) {
	entries := map[string]token.Entry{}
	for _, text := range s.AuthOIDC {
		e := token.Entry{Issuer: text}
		if name, issuer, ok := strings.Cut(text, "="); ok {
			e = token.Entry{Issuer: issuer, TenantPrefix: name + ":"}
		}
		if _, ok := entries[e.Issuer]; ok {
			return nil, fmt.Errorf("the issuer %q is there twice", e.Issuer)
		}
		entries[e.Issuer] = e
	}
	if s.AuthIssuers == "" {
		return entries, nil
	}
	file, err := token.ReadFile(s.AuthIssuers)
	if err != nil {
		return nil, err
	}
	for _, e := range file {
		entries[e.Issuer] = e
	}
	return entries, nil
}

// staticKeys are the keys that the settings hold, nil for none.
func (s *Settings) staticKeys() (token.Keys, error) {
	switch {
	case s.AuthSecret != "":
		return token.NewSecret(s.AuthSecret)
	case s.AuthPublicKey != "":
		return token.ParsePublicKey(s.AuthPublicKey)
	}
	return nil, nil
}

// issuer fills in what an entry leaves to the settings.
func (s *Settings) issuer(e token.Entry, keys token.Keys) token.Issuer {
	is := token.Issuer{
		Name: e.Issuer, Keys: keys, Audience: e.Audience, Algorithms: e.Algorithms, Type: e.Type,
		Tenants: token.Tenants{Fixed: e.Tenant, Claim: e.TenantClaim, Prefix: e.TenantPrefix},
	}
	if is.Audience == "" {
		is.Audience = s.AuthAudience
	}
	if is.Type == "" {
		is.Type = s.AuthTyp
	}
	if is.Tenants.Fixed == "" && is.Tenants.Claim == "" {
		is.Tenants.Claim = s.AuthClaim
	}
	if is.Tenants.Claim == oneTenant {
		is.Tenants = token.Tenants{Fixed: core.LocalAdmin().Tenant, Prefix: e.TenantPrefix}
	}
	return is
}

// authority is the issuers in force. A token is read by those that are when it comes.
type authority struct {
	log        *slog.Logger
	current    atomic.Pointer[token.Issuers]
	discovered map[string]*token.Discovered        // only load and close touch it
	asked      atomic.Pointer[[]*token.Discovered] // the same, for everybody
}

// Principal returns whom a token names.
func (a *authority) Principal(ctx context.Context, text string) (core.Principal, error) {
	return a.current.Load().Principal(ctx, text)
}

// names are the issuers in force.
func (a *authority) names() []string { return a.current.Load().Names() }

var errOff = errors.New("nobody would be asked for a token any more; that takes a restart")

// load puts the issuers of the settings in force, or leaves those that are. What is
// known of a provider's keys outlives it.
func (a *authority) load(s *Settings) error {
	if !s.asks() {
		return errOff
	}
	used := map[string]*token.Discovered{}
	list, err := s.issuers(func(issuer string) (token.Keys, error) {
		d := a.discovered[issuer]
		if d == nil {
			var err error
			if d, err = token.Discover(issuer, time.Now, a.log); err != nil {
				return nil, err
			}
		}
		used[issuer] = d
		return d, nil
	})
	var fresh *token.Issuers
	if err == nil {
		fresh, err = token.New(time.Now, list...)
	}
	if err != nil {
		closeOthers(used, a.discovered)
		return err
	}
	a.current.Store(fresh)
	closeOthers(a.discovered, used)
	a.discovered = used
	asked := slices.Collect(maps.Values(used))
	a.asked.Store(&asked)
	return nil
}

// away is what went wrong with those whose keys are fetched, when they were asked last.
func (a *authority) away(context.Context) error {
	var errs []error
	for _, d := range *a.asked.Load() {
		errs = append(errs, d.Away())
	}
	return errors.Join(errs...)
}

// closeOthers closes those that are not in keep.
func closeOthers(all, keep map[string]*token.Discovered) {
	for issuer, d := range all {
		if keep[issuer] != d {
			d.Close()
		}
	}
}

func (a *authority) close() {
	if a != nil {
		closeOthers(a.discovered, nil)
	}
}
