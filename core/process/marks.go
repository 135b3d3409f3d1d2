package process

import (
	"context"
	"slices"

	"imgd/core"
	"imgd/core/transform"
	"imgd/ports"
)

// marks opens the watermarks of what is to be made. A variant whose watermark was
// deleted since it was asked for has failed and is nothing to be made any more. What
// is open is closed by done, also after an error.
func (a *attempt) marks(ctx context.Context) (list []ports.Mark, done func(), err error) {
	var open []source
	done = func() {
		for _, s := range open {
			s.close()
		}
	}
	known := map[core.ID]bool{}
	for _, v := range a.todo {
		id := v.Spec.WM.Image
		if _, seen := known[id]; seen || id == "" {
			continue
		}
		m, src, err := a.mark(ctx, id)
		if known[id] = err == nil; known[id] {
			open = append(open, src)
			list = append(list, ports.Mark{Image: id, Source: src.file, Bytes: m.Bytes, Probe: m.Probe()})
			continue
		}
		if core.KindOf(err) != core.NotFound {
			return nil, done, err
		}
	}
	return list, done, a.dropGone(ctx, known)
}

// mark opens an image of the same tenant; NotFound when it is no more.
func (a *attempt) mark(ctx context.Context, id core.ID) (core.Image, source, error) {
	rec, err := a.s.Images.Image(ctx, a.job.Tenant, id)
	if err != nil {
		return core.Image{}, source{}, err
	}
	src, err := a.s.open(ctx, rec.Image)
	if core.SlugOf(err) == core.OriginalMissing {
		err = core.NotFound.Errorf("the image %s is being deleted", id).Because(err)
	}
	a.cost.ReadBytes += rec.Image.Bytes
	return rec.Image, src, err
}

// dropGone fails the variants whose watermark is not there.
func (a *attempt) dropGone(ctx context.Context, there map[core.ID]bool) error {
	gone := func(v transform.Variant) bool { id := v.Spec.WM.Image; return id != "" && !there[id] }
	for _, v := range a.todo {
		if !gone(v) {
			continue
		}
		err := a.take(ctx, ports.Rendition{Name: v.Name, Err: core.WatermarkGone.Errorf("the image %s, which wm names, was deleted", v.Spec.WM.Image)})
		if err != nil {
			return err
		}
	}
	a.todo = slices.DeleteFunc(a.todo, gone)
	return nil
}
