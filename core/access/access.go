// Package access says who may do what, as plain functions of a Principal.
package access

import "imgd/core"

// May refuses a principal that lacks the scope, and names the scope.
func May(p core.Principal, s core.Scope) error {
	if p.Has(s) {
		return nil
	}
	return core.InsufficientScope.Errorf("this needs the scope %s", s).With("required", s)
}

// Stranger is the answer to whoever wants what is not for everybody, and has not said
// who they are. It is the same whether the thing is there or not.
func Stranger() error {
	return core.Unauthenticated.Errorf("send a bearer token in the Authorization header")
}

// MayReadVariant refuses a principal that may not read the bytes of a variant: a link
// opens the one it names, the public what is public, a token what its scope says.
func MayReadVariant(p core.Principal, m core.Image, variant string, public PublicBuckets) error {
	switch {
	case p.Link != nil && (p.Link.Image != m.ID || p.Link.Variant != variant):
		return LinkInvalid()
	case p.Link != nil:
		return nil
	case p.Anonymous() && public.Cover(m.Place()):
		return nil
	case p.Anonymous():
		return Stranger()
	}
	return May(p, core.ScopeRead)
}

// MayChange refuses a principal that neither owns the image nor is an admin.
// Whoever may not even read it never gets here: it was a NotFound before.
func MayChange(p core.Principal, m core.Image) error {
	if err := May(p, core.ScopeWrite); err != nil {
		return err
	}
	return owned(p, m, "do this")
}

// MaySeeOriginal refuses a principal that neither owns the image nor is an
// admin: an original still carries what variants are stripped of. What was read out
// of it goes by the same rule.
func MaySeeOriginal(p core.Principal, m core.Image) error {
	if err := May(p, core.ScopeRead); err != nil {
		return err
	}
	return owned(p, m, "see the original or the metadata in it")
}

// MaySeeTrail refuses a principal that neither owns the image nor is an admin: its
// audit trail tells who asked for it, and from where.
func MaySeeTrail(p core.Principal, m core.Image) error {
	if err := May(p, core.ScopeRead); err != nil {
		return err
	}
	return owned(p, m, "see its audit trail")
}

// owned refuses a principal that neither owns the image nor is an admin.
func owned(p core.Principal, m core.Image, what string) error {
	if m.Owner == p.Subject || p.Has(core.ScopeAdmin) {
		return nil
	}
	return core.Forbidden.Errorf("only the owner of the image or an administrator may %s", what)
}
