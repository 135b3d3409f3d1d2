package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"imgd/adapters/token"
	"imgd/core"
)

type tokenCmd struct {
	Tenant string   `default:"default" help:"Whose images it opens: what the claim of IMGD_AUTH_TENANT_CLAIM says."`
	Sub    string   `default:"local" help:"Who it speaks for (sub); the owner of what is uploaded with it."`
	Scope  []string `default:"images:read,images:write" enum:"images:read,images:write,images:admin" help:"What it permits: ${enum}."`
	TTL    Span     `default:"1h" help:"How long it is good for."`
}

// Run prints a token and nothing else, so that a shell can put it into a header.
func (c tokenCmd) Run(s *Settings) error { return c.mint(s, os.Stdout) }

func (c tokenCmd) mint(s *Settings, w io.Writer) error {
	var mistakes []error
	s.checkAuth(func(variable, format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf("%s: %s", variable, fmt.Sprintf(format, args...)))
	})
	switch {
	case len(mistakes) > 0:
		return mistaken(mistakes)
	case !s.asks():
		return errors.New("IMGD_AUTH_HS256_SECRET is not set: without it the service asks for no token")
	case s.AuthSecret == "":
		return errors.New("IMGD_AUTH_HS256_SECRET is not set: only the issuer of the tokens that the service takes can sign them")
	case c.Tenant == "" || c.Sub == "":
		return errors.New("--tenant and --sub need a value: no service takes a token without them")
	case c.TTL <= 0:
		return errors.New("--ttl must be more than zero")
	}
	signed, err := c.sign(s)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, signed)
	return err
}

// sign signs a token as the service's own issuer, and sees that the service would take
// it for what was asked for.
func (c tokenCmd) sign(s *Settings) (string, error) {
	a := authority{log: slog.New(slog.DiscardHandler)}
	defer a.close()
	if err := a.load(s); err != nil {
		return "", err
	}
	list, err := s.issuers(func(issuer string) (token.Keys, error) { return a.discovered[issuer], nil })
	if err != nil {
		return "", err
	}
	p := core.Principal{Tenant: c.Tenant, Subject: c.Sub}
	for _, scope := range c.Scope {
		p.Scopes = append(p.Scopes, core.Scope(scope))
	}
	signed, err := list[0].Mint(p, time.Now(), time.Duration(c.TTL))
	if err != nil {
		return "", err
	}
	got, err := a.Principal(context.Background(), signed)
	if err != nil {
		return "", fmt.Errorf("the service would not take this token: %w", err)
	}
	if got.Tenant != c.Tenant {
		return "", fmt.Errorf("--tenant: all tokens of this issuer are of the tenant %s", got.Tenant)
	}
	return signed, nil
}
