package rest

import (
	"net/http"
	"strings"

	"imgd/core"
	"imgd/core/access"
)

// header is where a token stands, and the only place that is looked at: what is
// in addresses ends up in logs.
const header = "Authorization"

// principal is who asks, as the header says. It reads nothing of the body.
func (s *Server) principal(r *http.Request) (core.Principal, error) {
	if s.Tokens == nil {
		if err := s.local(r); err != nil {
			return core.Principal{}, err
		}
		return core.LocalAdmin(), nil
	}
	values := r.Header.Values(header)
	if len(values) > 1 {
		return core.Principal{}, core.Invalid.Errorf("%d %s headers came; send one", len(values), header).With("header", header)
	}
	token := bearer(r)
	if token == "" {
		return core.Principal{}, access.Stranger()
	}
	return s.Tokens.Principal(r.Context(), token)
}

// bearer is the token of the request, empty when it has none of this scheme.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get(header), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(token, " ")
}

// challenge is what WWW-Authenticate says of a refusal (RFC 6750, section 3):
// without a token only which scheme is asked for, and where. Of what no token could
// change, such as a quota, it says nothing.
func challenge(r *http.Request, e *core.Error, status int) string {
	switch {
	case e.Facts["header"] == header:
		return `Bearer error="invalid_request"`
	case status == http.StatusUnauthorized && bearer(r) == "":
		return `Bearer realm="imgd"`
	case status == http.StatusUnauthorized:
		return `Bearer error="invalid_token"`
	case e.Slug != core.InsufficientScope && e.Slug != core.Slug(core.Forbidden):
		return ""
	}
	if scope, ok := e.Facts["required"].(core.Scope); ok {
		return `Bearer error="insufficient_scope", scope="` + string(scope) + `"`
	}
	return `Bearer error="insufficient_scope"`
}
