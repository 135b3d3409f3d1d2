package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"imgd/core"
)

type tokenCmd struct {
	Tenant string   `default:"default" help:"Whose images it opens (org_id)."`
	Sub    string   `default:"local" help:"Who it speaks for (sub); the owner of what is uploaded with it."`
	Scope  []string `default:"images:read,images:write" enum:"images:read,images:write,images:admin" help:"What it permits: ${enum}."`
	TTL    Span     `default:"1h" help:"How long it is good for."`
}

// Run prints a token and nothing else, so that a shell can put it into a header.
func (c tokenCmd) Run(s *Settings) error { return c.mint(s, os.Stdout) }

func (c tokenCmd) mint(s *Settings, w io.Writer) error {
	tokens, err := s.tokens()
	switch {
	case err != nil:
		return fmt.Errorf("IMGD_AUTH_HS256_SECRET: %w", err)
	case tokens == nil:
		return errors.New("IMGD_AUTH_HS256_SECRET is not set: without it the service asks for no token")
	case c.Tenant == "" || c.Sub == "":
		return errors.New("--tenant and --sub need a value: no service takes a token without them")
	case c.TTL <= 0:
		return errors.New("--ttl must be more than zero")
	}
	p := core.Principal{Tenant: c.Tenant, Subject: c.Sub}
	for _, scope := range c.Scope {
		p.Scopes = append(p.Scopes, core.Scope(scope))
	}
	signed, err := tokens.Mint(p, time.Duration(c.TTL))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, signed)
	return err
}
