// Package deliver opens what is stored: variants, and originals for their owners.
package deliver

import (
	"context"
	"slices"
	"time"

	"imgd/core"
	"imgd/core/access"
	"imgd/ports"
)

// Service opens stored bytes.
type Service struct {
	Images ports.Images
	Blobs  ports.Blobs
}

// Opened is a blob with what is recorded of it. Whoever opened it closes it.
type Opened struct {
	*ports.Blob
	Image   core.Image
	Variant core.Variant // the zero Variant for an original
}

// Variant opens a ready variant. One that is still to come is VariantNotReady,
// one that could not be made VariantFailed, and a name the image does not have
// VariantUnknown: all three are NotFound.
func (s *Service) Variant(ctx context.Context, by core.Principal, image core.ID, name string) (Opened, error) {
	if err := access.May(by, core.ScopeRead); err != nil {
		return Opened{}, err
	}
	rec, err := s.Images.Image(ctx, by.Tenant, image)
	if err != nil {
		return Opened{}, err
	}
	v, err := find(rec, name)
	if err != nil {
		return Opened{}, err
	}
	b, err := s.open(ctx, v.BlobKey)
	return Opened{b, rec.Image, v}, err
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
	if err := access.MaySeeOriginal(by, rec.Image); err != nil {
		return Opened{}, err
	}
	b, err := s.open(ctx, rec.Image.OriginalKey())
	return Opened{Blob: b, Image: rec.Image}, err
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

func find(rec core.Record, name string) (core.Variant, error) {
	i := slices.IndexFunc(rec.Variants, func(v core.Variant) bool { return v.Name == name })
	if i < 0 {
		var names []string
		for _, v := range rec.Variants {
			names = append(names, v.Name)
		}
		return core.Variant{}, core.VariantUnknown.Errorf("the image has no variant of this name").With("allowed", names)
	}
	switch v := rec.Variants[i]; v.State {
	case core.VariantIsReady:
		return v, nil
	case core.VariantIsBad:
		e := core.VariantFailed.Errorf("the variant %s could not be made", name)
		if v.Error != nil {
			e = e.With("reason", v.Error.Slug)
		}
		return core.Variant{}, e
	}
	return core.Variant{}, core.VariantNotReady.Errorf("the variant %s is being rendered; ask again in a second", name).After(time.Second)
}
