package ports

import (
	"context"

	"imgd/core"
)

// Tokens tells who a bearer token speaks for.
type Tokens interface {
	// Principal returns the principal a token names, or is Unauthenticated: of a
	// token that is malformed, forged, expired, meant for another service, or
	// without a subject or a tenant. It trusts nothing in a token before its
	// signature has been checked. The sentence of the error says what is wrong and
	// repeats nothing of the token. Unavailable means that it cannot be told now:
	// the issuer's keys are not known, and it cannot be asked for them. Nothing in a
	// token has anybody else asked, and the issuer once in half a minute at most, or once
	// in five seconds while it does not answer. Nobody waits for it for two seconds.
	Principal(ctx context.Context, token string) (core.Principal, error)
}
