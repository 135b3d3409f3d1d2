// Package deliver opens what is stored: variants, for who may read them by a token, by
// a signed link or because they are public, and originals for their owners.
package deliver

import (
	"context"
	"time"

	"imgd/core"
	"imgd/core/access"
	"imgd/ports"
)

// Service opens stored bytes.
type Service struct {
	Images  ports.Images
	Tenants ports.Tenants
	Blobs   ports.Blobs
	// Links serves bytes in our stead; nil where the store cannot.
	Links ports.Links
	// RedirectTime is how long an address of the store is good for.
	RedirectTime time.Duration
	// Policy is asked when our own rules have said yes; nil leaves it at that. It is not
	// asked about what anybody may read, nor again of who came with a link.
	Policy ports.Policy
	// Keys sign and verify links, and Public is what anybody may read, as they are at
	// the moment; nil stands for none.
	Keys   func() access.LinkKeys
	Public func() access.PublicBuckets
	Now    func() time.Time
}

// Found is what is recorded of stored bytes.
type Found struct {
	Image   core.Image
	Variant core.Variant // the zero Variant for an original
	Public  bool         // whether anybody may read the variant
}

// Opened is a blob with what is recorded of it. Whoever opened it closes it.
type Opened struct {
	*ports.Blob
	Found
}

// Variant opens a ready variant. One that is still to come is VariantNotReady, one
// that could not be made VariantFailed, and a name the image does not have
// VariantUnknown: all three are NotFound.
func (s *Service) Variant(ctx context.Context, by core.Principal, image core.ID, name string) (Opened, error) {
	f, err := s.find(ctx, by, image, name)
	if err != nil {
		return Opened{}, err
	}
	b, err := s.open(ctx, f.Variant.BlobKey)
	return Opened{b, f}, err
}

// find finds a ready variant, for whoever may read it.
func (s *Service) find(ctx context.Context, by core.Principal, image core.ID, name string) (Found, error) {
	if by.Link == nil && !by.Anonymous() { // what the others may do depends on the image
		if err := access.May(by, core.ScopeRead); err != nil {
			return Found{}, err
		}
	}
	rec, err := s.Images.Image(ctx, by.Tenant, image)
	if by.Anonymous() && core.KindOf(err) == core.NotFound { // deleted since it was found
		err = access.Stranger()
	}
	if err != nil {
		return Found{}, err
	}
	public := s.public()
	if err := access.MayReadVariant(by, rec.Image, name, public); err != nil {
		return Found{}, err
	}
	if by.Link == nil && !by.Anonymous() {
		if err := access.AskToSee(ctx, s.Policy, access.OnImage(by, "read", rec.Image)); err != nil {
			return Found{}, err
		}
	}
	v, err := ready(rec, name, by.Has(core.ScopeRead))
	return Found{rec.Image, v, public.Cover(rec.Image.Place())}, err
}

// Original opens an image's original for its owner or an administrator.
func (s *Service) Original(ctx context.Context, by core.Principal, image core.ID) (Opened, error) {
	if err := access.May(by, core.ScopeRead); err != nil {
		return Opened{}, err
	}
	rec, err := s.Images.Image(ctx, by.Tenant, image)
	if err != nil {
		return Opened{}, err
	}
	if err := access.AskToSee(ctx, s.Policy, access.OnImage(by, "read", rec.Image)); err != nil {
		return Opened{}, err
	}
	if err := access.MaySeeOriginal(by, rec.Image); err != nil {
		return Opened{}, err
	}
	if err := access.Ask(ctx, s.Policy, access.OnImage(by, "read-original", rec.Image)); err != nil {
		return Opened{}, err
	}
	b, err := s.open(ctx, rec.Image.OriginalKey())
	return Opened{b, Found{Image: rec.Image}}, err
}

// open finds bytes that a row says are there. If they are not, that is our
// mistake and not the caller's.
func (s *Service) open(ctx context.Context, key string) (*ports.Blob, error) {
	b, err := s.Blobs.Open(ctx, key)
	if core.KindOf(err) == core.NotFound {
		return nil, core.OriginalMissing.Errorf("the record is there but its bytes are not").Because(err)
	}
	return b, err
}

// named returns the variant of a name. Who may see the image is told which there are.
func named(rec core.Record, name string, tell bool) (core.Variant, error) {
	var names []string
	for _, v := range rec.Variants {
		if v.Name == name {
			return v, nil
		}
		names = append(names, v.Name)
	}
	e := core.VariantUnknown.Errorf("the image has no variant of this name")
	if tell {
		e = e.With("allowed", names)
	}
	return core.Variant{}, e
}

// ready returns the variant of a name that has bytes.
func ready(rec core.Record, name string, tell bool) (core.Variant, error) {
	v, err := named(rec, name, tell)
	switch {
	case err != nil || v.State == core.VariantIsReady:
		return v, err
	case v.State == core.VariantIsBad:
		e := core.VariantFailed.Errorf("the variant %s could not be made", name)
		if v.Error != nil {
			e = e.With("reason", v.Error.Slug)
		}
		return core.Variant{}, e
	}
	return core.Variant{}, core.VariantNotReady.Errorf("the variant %s is being rendered; ask again in a second", name).After(time.Second)
}
