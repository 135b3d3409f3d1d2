package ingest

import (
	"context"
	"slices"

	"imgd/core"
	"imgd/core/transform"
	"imgd/ports"
)

// resolve says in each transform with a watermark which bytes that is now, so that
// the job, its variants and their digests name a content and not only an image. What
// may refuses is not there; nil refuses nothing, as of a preset, which is the operator's.
func resolve(ctx context.Context, images ports.Images, tenant string, may func(core.Image) error, list []transform.Variant) ([]transform.Variant, error) {
	known := map[core.ID]string{}
	list = slices.Clone(list) // a preset's is everybody's
	for i := range list {
		mark := list[i].Spec.WM
		if mark.Image == "" {
			continue
		}
		if _, seen := known[mark.Image]; !seen {
			sum, err := markOf(ctx, images, tenant, may, mark.Image)
			if err != nil {
				return nil, naming(list[i].Name, err)
			}
			known[mark.Image] = sum
		}
		if mark.SHA256 != "" && mark.SHA256 != known[mark.Image] {
			return nil, naming(list[i].Name, core.InvalidTransform.Errorf(
				"wm expects other bytes than those of the image %s; leave the digest out, or name the image that has it", mark.Image).With("key", "wm"))
		}
		list[i].Spec.WM.SHA256 = known[mark.Image]
	}
	return list, nil
}

// markOf is the digest of an image that can be a watermark.
func markOf(ctx context.Context, images ports.Images, tenant string, may func(core.Image) error, id core.ID) (string, error) {
	rec, err := images.Image(ctx, tenant, id)
	absent := core.InvalidTransform.Errorf("wm names the image %s, which there is not; upload it first", id).With("key", "wm")
	switch {
	case core.KindOf(err) == core.NotFound:
		return "", absent.Because(err)
	case err != nil:
		return "", err
	case may != nil:
		err = may(rec.Image)
	}
	if kind := core.KindOf(err); kind == core.NotFound || kind == core.Forbidden {
		return "", absent.Hide(err, core.Refusal{ImageID: id})
	}
	if err != nil {
		return "", err
	}
	// An image that is rendered anew was decoded before.
	if rec.Image.State != core.ImageReady && rec.Image.Blurhash == "" {
		return "", core.InvalidTransform.Errorf("wm names the image %s, which is %s; wait until it is ready", id, rec.Image.State).With("key", "wm")
	}
	return rec.Image.SHA256, nil
}
