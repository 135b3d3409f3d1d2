package access

import (
	"context"
	"errors"

	"imgd/core"
	"imgd/ports"
)

// Taken is err, which a store gave to somebody. Where it is that another image has their
// external id, it names that image only to who may see it.
func Taken(ctx context.Context, p ports.Policy, by core.Principal, images ports.Images, err error) error {
	if core.SlugOf(err) != core.ExternalIDTaken {
		return err
	}
	e, _ := errors.AsType[*core.Error](err) // it has the slug
	if other, ok := e.Facts["image_id"].(core.ID); ok {
		rec, err := images.Image(ctx, by.Tenant, other)
		if err == nil && AskToRead(ctx, p, by, rec.Image) == nil {
			return e
		}
	}
	return e.Without("image_id")
}
