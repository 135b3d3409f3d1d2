package ingest

import (
	"context"
	"slices"

	"imgd/core"
	"imgd/core/transform"
)

// resolve says in each transform with a watermark which bytes that is now, so that
// the job, its variants and their digests name a content and not only an image.
func (s *Service) resolve(ctx context.Context, tenant string, list []transform.Variant) ([]transform.Variant, error) {
	known := map[core.ID]string{}
	list = slices.Clone(list) // a preset's is everybody's
	for i := range list {
		mark := list[i].Spec.WM
		if mark.Image == "" {
			continue
		}
		if _, seen := known[mark.Image]; !seen {
			sum, err := s.mark(ctx, tenant, mark.Image)
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

// mark is the digest of an image that can be a watermark.
func (s *Service) mark(ctx context.Context, tenant string, id core.ID) (string, error) {
	rec, err := s.Images.Image(ctx, tenant, id)
	if core.KindOf(err) == core.NotFound {
		return "", core.InvalidTransform.Errorf("wm names the image %s, which there is not; upload it first", id).With("key", "wm")
	}
	if err != nil {
		return "", err
	}
	if rec.Image.State != core.ImageReady {
		return "", core.InvalidTransform.Errorf("wm names the image %s, which is %s; wait until it is ready", id, rec.Image.State).With("key", "wm")
	}
	return rec.Image.SHA256, nil
}
