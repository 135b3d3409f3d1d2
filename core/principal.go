package core

import "slices"

// Scope is a right a token carries.
type Scope string

// The scopes of the API.
const (
	ScopeRead  Scope = "images:read"
	ScopeWrite Scope = "images:write"
	ScopeAdmin Scope = "images:admin"
)

// Principal is whoever asks: a subject in a tenant, with scopes. Without a subject it
// is anybody at all.
type Principal struct {
	Tenant  string
	Subject string // unique across issuers; the owner of what it uploads
	Scopes  []Scope
	Link    *Link  // all that is permitted to whoever came with one; nil for everybody else
	Address string // where the request comes from, for the audit trail alone
}

// Acting is p in the audit trail, in the request of a correlation id.
func (p Principal) Acting(correlation string) Actor {
	return Actor{Subject: p.Subject, CorrelationID: correlation, Address: p.Address}
}

// Anonymous reports whether nobody knows who p is.
func (p Principal) Anonymous() bool { return p.Subject == "" }

// Has reports whether p carries the scope; an admin carries every one.
func (p Principal) Has(s Scope) bool {
	return slices.Contains(p.Scopes, s) || slices.Contains(p.Scopes, ScopeAdmin)
}

// LocalAdmin is who everybody is while authentication is off.
func LocalAdmin() Principal {
	return Principal{Tenant: "default", Subject: "local", Scopes: []Scope{ScopeRead, ScopeWrite, ScopeAdmin}}
}
