package deliver

import (
	"context"
	"time"

	"imgd/core"
	"imgd/core/access"
	"imgd/ports"
)

// Signed is a link with the signature that makes it one.
type Signed struct {
	core.Link
	KeyID     string
	Signature string
}

// Sign signs a link to each of the named variants, good for life or up to a second
// longer. One that is still to come may be named; its link leads to it once it is there.
func (s *Service) Sign(ctx context.Context, by core.Principal, image core.ID, names []string, life time.Duration, redirect bool) (list []Signed, err error) {
	if err := access.May(by, core.ScopeRead); err != nil {
		return nil, err
	}
	if life <= 0 || life > access.MaxLinkLife {
		return nil, core.Invalid.Errorf("a link is good for a second to %d days; ask for as much", access.MaxLinkLife/(24*time.Hour))
	}
	rec, err := s.Images.Image(ctx, by.Tenant, image)
	if err != nil {
		return nil, err
	}
	if err := access.AskToSee(ctx, s.Policy, access.OnImage(by, "read", rec.Image)); err != nil {
		return nil, err
	}
	if err := access.Ask(ctx, s.Policy, access.OnImage(by, "link", rec.Image)); err != nil {
		return nil, err
	}
	keys, expires := s.keys(), s.Now().Add(life+time.Second-1).Truncate(time.Second)
	for _, name := range names {
		v, err := named(rec, name, true)
		if err != nil {
			return nil, err
		}
		l := core.Link{Image: image, Variant: name, Version: v.ContentVersion(), Expires: expires, Redirect: redirect}
		signed := Signed{Link: l}
		if signed.KeyID, signed.Signature, err = keys.Sign(by.Tenant, l); err != nil {
			return nil, err
		}
		list = append(list, signed)
	}
	return list, nil
}

// Holder returns whoever came with a link: nobody in particular, who may read the one
// variant. It does not look into the records yet, so that forged links cost nothing:
// in which tenant that is, Redeem tells.
func (s *Service) Holder(l Signed) (core.Principal, error) {
	if err := s.keys().Verify(l.Link, l.KeyID, l.Signature, s.Now()); err != nil {
		return core.Principal{}, err
	}
	return core.Principal{Subject: "link:" + l.KeyID, Link: &l.Link}, nil
}

// Redeem returns the tenant that a link of a Holder leads into. The tenant is not to be
// read in the address, which strangers get to see, but it is signed.
func (s *Service) Redeem(ctx context.Context, l Signed) (tenant string, err error) {
	at, err := s.Tenants.PlaceOf(ctx, l.Image)
	if err != nil && core.KindOf(err) != core.NotFound {
		return "", err
	}
	if err != nil || !s.keys().Leads(at.Tenant, l.Link, l.KeyID, l.Signature) {
		return "", access.LinkInvalid()
	}
	return at.Tenant, nil
}

// Anybody returns who may read what is public, where anything is: it does not look into
// the records yet. Whether an image is, TenantOfPublic tells.
func (s *Service) Anybody() (core.Principal, error) {
	if len(s.public()) == 0 {
		return core.Principal{}, access.Stranger()
	}
	return core.Principal{}, nil
}

// TenantOfPublic returns the tenant of an image that is public. Of any other image, of
// one that was public until it was deleted, and of none, it is the same Unauthenticated.
func (s *Service) TenantOfPublic(ctx context.Context, image core.ID) (string, error) {
	at, err := s.Tenants.PlaceOf(ctx, image)
	if err != nil && core.KindOf(err) != core.NotFound {
		return "", err
	}
	if err != nil || !s.public().Cover(at) {
		return "", access.Stranger()
	}
	return at.Tenant, nil
}

// Elsewhere returns an address at which the store serves a ready variant by itself, as
// it is to be presented, for a moment and no longer than by may read it. It is empty
// where no store does that, or the time left is too short.
func (s *Service) Elsewhere(ctx context.Context, by core.Principal, image core.ID, name string, as func(Found, time.Duration) ports.Presentation) (url string, err error) {
	if s.Links == nil {
		return "", nil
	}
	f, err := s.find(ctx, by, image, name)
	if err != nil {
		return "", err
	}
	life := s.RedirectTime
	if by.Link != nil {
		life = min(life, s.Left(*by.Link))
	}
	if life = life.Truncate(time.Second); life <= 0 {
		return "", nil
	}
	return s.Links.Link(ctx, f.Variant.BlobKey, as(f, life), life)
}

// Left is how much longer a link may be used.
func (s *Service) Left(l core.Link) time.Duration { return max(0, l.Expires.Sub(s.Now())) }

func (s *Service) keys() access.LinkKeys {
	if s.Keys == nil {
		return nil
	}
	return s.Keys()
}

func (s *Service) public() access.PublicBuckets {
	if s.Public == nil {
		return nil
	}
	return s.Public()
}
